#include "core/find_session.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

using Hits = std::vector<const Candidate*>;

constexpr std::size_t shortest_beginning = 2;
constexpr std::size_t longest_list = 20;

template <typename Predicate>
Hits select(const std::vector<Candidate>& all, const Predicate& predicate) {
  Hits hits;
  for (const Candidate& candidate : all) {
    if (predicate(candidate.session)) hits.push_back(&candidate);
  }
  return hits;
}

// Those of the first way of naming that finds any.
Hits named(const std::vector<Candidate>& all, const std::string& wanted) {
  Hits hits = select(all, [&](const SessionRecord& s) { return s.id == wanted; });
  if (hits.empty()) hits = select(all, [&](const SessionRecord& s) { return s.name == wanted; });
  if (hits.empty() && wanted.size() >= shortest_beginning) {
    hits = select(all, [&](const SessionRecord& s) { return starts_with(s.id, wanted); });
  }
  if (hits.empty()) {
    const std::string folder = real_path(wanted);
    hits = select(all, [&](const SessionRecord& s) { return !folder.empty() && s.project == folder; });
  }
  return hits;
}

std::string list_of(const Hits& hits) {
  std::vector<std::string> lines;
  for (const Candidate* hit : hits) {
    if (lines.size() == longest_list) {
      lines.emplace_back("…");
      break;
    }
    lines.push_back(hit->session.id + " (" + printable(hit->session.project, 200) + ")");
  }
  return join(lines, ", ");
}

Hits fitting(const Hits& hits, const Need& need) {
  Hits fit;
  std::copy_if(hits.begin(), hits.end(), std::back_inserter(fit),
               [&](const Candidate* hit) { return need.fits(hit->session); });
  return fit;
}

const Candidate& find_named(const std::vector<Candidate>& all, const SessionQuery& query) {
  const std::string beginning = "cannot " + query.verb + " session '" + printable(query.wanted, 80) + "': ";
  const Hits hits = named(all, query.wanted);
  const Hits fit = fitting(hits, *query.need);
  if (fit.size() == 1) return *fit.front();
  if (fit.size() > 1) {
    throw Error(ErrorKind::conflict, beginning + "more than one " + query.need->noun + " fits",
                "name one of: " + list_of(fit));
  }
  if (hits.empty()) {
    if (const auto hint = query.ended ? query.ended(query.wanted) : std::nullopt)
      throw Error(ErrorKind::not_found, beginning + "it has ended", *hint);
    throw Error(ErrorKind::not_found, beginning + "there is no such session", "see: drydock list --all");
  }
  throw Error(ErrorKind::not_found,
              beginning + "it is no " + query.need->noun + " (" + status_word(hits.front()->session) + ")",
              "see: drydock list --all");
}

}  // namespace

std::string real_path(const std::string& path) {
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(path, failed);
  return failed ? std::string{} : resolved.string();
}

bool is_inside(const std::string& path, const std::string& project) {
  // A check of the jail has no folder.
  return !project.empty() && (path == project || starts_with(path, project + "/"));
}

const Need& a_session() {
  static const Need need{"session", [](const SessionRecord&) { return true; }};
  return need;
}

const Need& a_live_session() {
  static const Need need{"live session", [](const SessionRecord& session) { return is_live(session); }};
  return need;
}

std::vector<Candidate> find_candidates(const std::vector<std::unique_ptr<runtime::Engine>>& engines) {
  std::vector<Candidate> all;
  for (const auto& engine : engines) {
    for (SessionRecord& session : find_sessions(*engine)) all.push_back({engine.get(), std::move(session)});
  }
  return all;
}

const Candidate& find_session(const std::vector<Candidate>& all, const SessionQuery& query) {
  if (!query.wanted.empty()) return find_named(all, query);
  const std::string noun = query.need->noun;
  const Hits fit = select(all, query.need->fits);
  const std::string here = real_path(query.directory);
  Hits local;
  std::copy_if(fit.begin(), fit.end(), std::back_inserter(local),
               [&](const Candidate* hit) { return !here.empty() && is_inside(here, hit->session.project); });
  if (local.size() == 1) return *local.front();

  const std::string beginning = "cannot " + query.verb + " a session: none is named, and ";
  if (fit.empty()) {
    throw Error(ErrorKind::usage, beginning + "there is no " + noun,
                noun == a_session().noun ? "start one with: drydock run" : "see: drydock list --all");
  }
  const Hits& offered = local.empty() ? fit : local;
  if (query.menu) {
    const auto choice = query.menu(offered);
    if (choice && *choice < offered.size()) return *offered[*choice];
    throw Error(ErrorKind::usage, "cannot " + query.verb + " a session: none was chosen",
                "name one of: " + list_of(offered));
  }
  throw Error(ErrorKind::usage,
              beginning + (local.empty() ? "this folder's project has no " + noun
                                         : "this folder's project has " + std::to_string(local.size()) + " " +
                                               noun + "s"),
              "name one of: " + list_of(offered));
}

}  // namespace drydock::core
