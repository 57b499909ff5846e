#include "core/live_egress.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "core/hosts_file.hpp"
#include "core/session_log.hpp"

namespace drydock::core {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto between_looks = std::chrono::milliseconds(30);
constexpr int lines_looked_at = 500;

struct Files {
  std::string guard;
  std::string filter;
};

std::string folder_of(const SessionRecord& session) { return session_directory(session.id) + "/sidecar"; }

std::string read_file(const SessionRecord& session, const std::string& name) {
  const std::string path = folder_of(session) + "/" + name;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    throw Error(
        ErrorKind::not_found,
        "cannot read the allowlist of session '" + session.id + "': " + with_errno("'" + name + "'", errno),
        "see whether it is there and yours: drydock list --all");
  }
  return text.str();
}

void require_jail(const SessionRecord& session) {
  if (!session.sidecars.empty()) return;
  throw Error(ErrorKind::refused, "cannot use the allowlist of session '" + session.id + "': it has none",
              session.mode == "dood" ? "a dood session is not jailed: it reaches every host"
                                     : "remove what is left of it with: drydock gc");
}

// Others' mode as the sidecar's user, who is nobody here, must read it (see Session).
void put(const SessionRecord& session, const std::string& name, const std::string& text) {
  const std::string folder = folder_of(session);
  TempFile file("." + name, folder);
  file.write(text);
  if (::fchmod(file.fd(), 0644) != 0)
    throw Error(ErrorKind::internal, with_errno("cannot set the mode of '" + file.path() + "'", errno));
  file.move_to(folder + "/" + name);
}

// The guard reads both when guard.json changes.
void put(const SessionRecord& session, const Files& files) {
  put(session, "filter", files.filter);
  put(session, "guard.json", files.guard);
}

// Clients that ignore the proxy's variables find what was added, too. A session of an older drydock has no
// such file on every engine. That it cannot be written takes nothing back: the guard has the new list.
void tell_agent(const SessionRecord& session, const LiveFilter& filter) {
  const std::string path = session_directory(session.id) + "/hosts";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return;
  try {
    rewrite(path, with_names(text.str(), filter.exact_names()));
  } catch (const Error& error) {
    log::warn("{}: programs that ignore the proxy variables do not see the change", error.what());
  }
}

enum class Answer { none, taken, refused };

// What the guard has said of the filter of this generation.
Answer answer_to(runtime::Engine& engine, const SessionRecord& session, std::uint64_t generation,
                 std::string& reason) {
  const auto number = static_cast<std::int64_t>(generation);
  Answer answer = Answer::none;
  const auto look = [&](std::string_view line) {
    if (line.find("\"reload\"") == std::string_view::npos) return true;
    const Json event = Json::parse(line, nullptr, false);
    if (!event.is_object() || string_or(event, "event") != "reload") return true;
    if (string_or(event, "verdict") == "allowed" && int_or(event, "generation", -1) == number)
      answer = Answer::taken;
    if (int_or(event, "wanted", -1) == number) {
      answer = Answer::refused;
      reason = string_or(event, "reason");
    }
    return answer == Answer::none;
  };
  read_egress_log(engine, session, false, look, lines_looked_at);
  return answer;
}

void require_running(runtime::Engine& engine, const SessionRecord& session) {
  const runtime::ContainerState state = engine.containers().inspect(session.sidecars.front()).state;
  if (state == runtime::ContainerState::running) return;
  throw Error(ErrorKind::unavailable,
              "cannot change the allowlist of session '" + session.id +
                  "': its proxy does not run, and it reaches no host at all",
              "stop the session and start it again");
}

// Throws Error unless the guard takes this generation.
void await(runtime::Engine& engine, const SessionRecord& session, std::uint64_t generation,
           std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  const std::string beginning = "cannot change the allowlist of session '" + session.id + "': ";
  while (true) {
    std::string reason;
    const Answer answer = answer_to(engine, session, generation, reason);
    if (answer == Answer::taken) return;
    if (answer == Answer::refused)
      throw Error(ErrorKind::refused, beginning + "its guard did not take it: " + printable(reason, 300));
    if (Clock::now() >= deadline) {
      require_running(engine, session);
      throw Error(ErrorKind::timeout,
                  beginning + "its guard has not said that it took it, and the old one was put back",
                  "see what it says: drydock logs --egress " + session.id);
    }
    std::this_thread::sleep_for(between_looks);
  }
}

}  // namespace

LiveFilter read_live_filter(const SessionRecord& session) {
  require_jail(session);
  LiveFilter filter(read_file(session, "guard.json"));
  filter.drop_expired(std::time(nullptr));
  return filter;
}

std::vector<EntryChange> change_live_filter(runtime::Engine& engine, const SessionRecord& session,
                                            const FilterEdit& edit, std::chrono::milliseconds patience) {
  require_jail(session);
  require_running(engine, session);
  std::optional<DirectoryLock> lock;
  if (::access(folder_of(session).c_str(), F_OK) == 0) lock.emplace(session_directory(session.id));
  LiveFilter filter = read_live_filter(session);
  const LiveFilter old = filter;
  const std::vector<EntryChange> changes = edit(filter);
  if (std::all_of(changes.begin(), changes.end(),
                  [](const EntryChange& change) { return change.what == EntryChange::What::present; })) {
    return changes;
  }
  // Each number is used once, so that an answer to one is never taken for that to another.
  const std::uint64_t generation = old.generation() + 1;
  const auto put_back = [&] { put(session, {old.guard_json(generation + 1), old.filter_text()}); };
  const Files files{filter.guard_json(generation), filter.filter_text()};
  try {
    put(session, files);
    await(engine, session, generation, patience);
  } catch (...) {
    // Its own failure is the worse one: then the new filter may be in force.
    put_back();
    throw;
  }
  tell_agent(session, filter);
  return changes;
}

}  // namespace drydock::core
