#include "cli/session_argument.hpp"

#include <unistd.h>

#include <charconv>
#include <iostream>

#include "base/text.hpp"
#include "cli/engines.hpp"
#include "core/ended_session.hpp"

namespace drydock::cli {
namespace {

std::optional<std::size_t> ask(const std::vector<const core::Candidate*>& offered) {
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const core::SessionRecord& session = offered[i]->session;
    std::cerr << "  " << i + 1 << "  " << session.id << "  " << session.runtime << "  " << session.agent
              << "  " << printable(session.project, 200) << "\n";
  }
  std::cerr << "Which one? " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  const std::string_view text = trim(line);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || number == 0) {
    return std::nullopt;
  }
  return number - 1;
}

}  // namespace

Sessions::Sessions(const Invocation& invocation)
    : engines_(core::reachable_engines(make_providers(), invocation.global.runtime, invocation.global.engine,
                                       &invocation.stop)),
      all_(core::find_candidates(engines_)),
      quiet_(invocation.global.json) {}

const core::Candidate& Sessions::find(const std::string& wanted, const std::string& verb,
                                      const core::Need& need, const std::vector<std::string>& allows) const {
  core::SessionQuery query;
  query.wanted = wanted;
  query.verb = verb;
  query.directory = ".";
  query.need = &need;
  if (!quiet_ && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) query.menu = ask;
  query.ended = [&](const std::string& id) { return core::hint_at_ended(id, allows); };
  return core::find_session(all_, query);
}

}  // namespace drydock::cli
