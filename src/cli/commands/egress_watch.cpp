#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "cli/egress_options.hpp"
#include "cli/log_follower.hpp"
#include "core/allowlist_file.hpp"
#include "core/board_allow.hpp"
#include "core/decision_board.hpp"
#include "core/effective_allowlist.hpp"
#include "core/live_egress.hpp"
#include "core/session_log.hpp"
#include "core/terminal.hpp"
#include "core/watch_lease.hpp"

namespace drydock::cli {
namespace {

using What = core::BoardKey::What;

// The alternate screen, without a cursor; and back.
constexpr const char* enter_screen = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave_screen = "\x1b[?25h\x1b[?1049l";

bool is_decision(std::string_view line) {
  static const std::set<std::string> decisions{"open", "progress", "close", "denied", "ask", "answer"};
  const Json json = Json::parse(line, nullptr, false);
  return json.is_object() && decisions.count(string_or(json, "event")) != 0;
}

// As `egress allow` does it; the words for the bottom of the screen.
std::string allow(const core::Candidate& found, const core::BoardKey& pressed) {
  return core::allow_by_key(
      pressed, {[&](const std::vector<core::Entry>& wanted) {
                  core::change_live_filter(*found.engine, found.session,
                                           [&](core::LiveFilter& filter) { return filter.allow(wanted, 0); });
                },
                [&](What what, const std::vector<std::string>& hosts) {
                  if (what == What::allow_everywhere) {
                    core::add_to_allowlist(core::global_allowlist_path(), hosts,
                                           {core::machine_allowlist_path}, false);
                    return;
                  }
                  const core::Project project = core::resolve_project(found.session.project);
                  core::add_to_allowlist(core::project_allowlist_path(project), hosts,
                                         core::allowlist_paths(project), false);
                }});
}

class Screen {
 public:
  Screen(const Invocation& invocation, const core::Candidate& found)
      : invocation_(invocation),
        found_(found),
        lease_(found.session.id),
        follower_(invocation, found),
        board_(found.session.id, one_line(found.session.project, 200)) {}

  void run() {
    const core::WindowWatch window;
    const core::RawMode raw(enter_screen, leave_screen);
    bool goes_on = true;
    while (goes_on) {
      invocation_.console.print(board_.draw(core::terminal_size()));
      std::array<pollfd, 4> watched{pollfd{follower_.fd(), POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0},
                                    pollfd{window.fd(), POLLIN, 0}, pollfd{invocation_.stop.fd(), POLLIN, 0}};
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
        throw Error(ErrorKind::internal, with_errno("cannot wait for the log", errno));
      invocation_.stop.check();
      if (watched[2].revents != 0) window.drain();
      if (watched[0].revents != 0) goes_on = take_lines();
      if (goes_on && watched[1].revents != 0) goes_on = take_keys();
    }
  }

 private:
  bool take_lines() {
    std::vector<std::string> lines;
    const bool goes_on = follower_.take(lines);
    bool other_rules = false;
    for (const std::string& line : lines) other_rules = board_.add(line) || other_rules;
    if (other_rules) follow_rules();
    return goes_on;
  }

  void follow_rules() {
    try {
      board_.hold_to(core::read_live_filter(found_.session).matcher());
    } catch (const Error&) {
      // It has ended, and its log says so.
    }
  }

  bool take_keys() {
    std::array<char, 256> typed{};
    const ssize_t count = ::read(STDIN_FILENO, typed.data(), typed.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (count <= 0) return false;  // the terminal is gone
    for (const core::BoardKey& key : board_.type({typed.data(), static_cast<std::size_t>(count)})) {
      if (key.what == What::quit) return false;
      if (key.what == What::redraw || key.what == What::none) continue;
      board_.set_message("allowing " + one_line(key.host) + " …");
      invocation_.console.print(board_.draw(core::terminal_size()));
      board_.set_message(allow(found_, key));
    }
    return true;
  }

  const Invocation& invocation_;
  const core::Candidate& found_;
  core::WatchLease lease_;
  LogFollower follower_;
  core::DecisionBoard board_;
};

class EgressWatchCommand : public Command {
 public:
  std::string name() const override { return "egress watch"; }
  std::string summary() const override {
    return "a live screen of a session's decisions, where a key allows a host";
  }
  std::string synopsis() const override { return "[SESSION]"; }
  std::vector<Example> examples() const override {
    return {{"drydock egress watch 4f2a", "its hosts as they are asked for"},
            {"drydock --json egress watch 4f2a", "each decision as an object of JSON"}};
  }
  std::string description() const override {
    return std::string(session_help) +
           "\nOn the screen s allows the chosen host for this session, p for its project too, e for every "
           "project, as egress\nallow does; q leaves. A session that was started with run --ask waits for "
           "that key. Where standard input or output\nis no terminal, or TERM is dumb or not set, and with "
           "--json, each decision is a line, until the session ends, and\nso is what an open tunnel has "
           "carried.";
  }
  std::string operand() const override { return "session"; }
  std::size_t max_operands() const override { return 1; }

  int run(const Invocation& invocation) const override {
    const Sessions sessions(invocation);
    const core::Candidate& found = sessions.find(
        invocation.operands.empty() ? "" : invocation.operands.front(), "watch", core::a_live_session());
    const bool on_terminal =
        ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && core::has_screen();
    if (on_terminal && !invocation.global.json) {
      core::read_live_filter(found.session);  // it has a jail, or this says so
      Screen(invocation, found).run();
      invocation.console.say("left session " + found.session.id + "; its log: drydock egress log " +
                             found.session.id);
      return 0;
    }
    core::read_egress_log(*found.engine, found.session, true, [&](std::string_view line) {
      if (is_decision(line)) print_decision(invocation, line);
      return true;
    });
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_egress_watch_command() { return std::make_unique<EgressWatchCommand>(); }

}  // namespace drydock::cli
