#include "core/live_filter.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "core/filter.hpp"

namespace drydock::core {
namespace {

[[noreturn]] void fail(const std::string& reason) {
  throw Error(ErrorKind::invalid, "cannot read file 'guard.json' of the session: " + reason,
              "stop the session and start it again");
}

HostPattern parse_pattern(const std::string& text) {
  auto pattern = read_host_pattern(text);
  if (!pattern) fail("'" + printable(text, 80) + "': " + pattern.error());
  return *std::move(pattern);
}

}  // namespace

LiveFilter::LiveFilter(std::string_view guard_json) : json_(parse_json(guard_json, "guard.json")) {
  if (!json_.is_object()) fail("it is not an object");
  const std::int64_t generation = int_or(json_, "generation", -1);
  if (generation < 0) fail("it has no generation");
  generation_ = static_cast<std::uint64_t>(generation);
  canary_ = parse_pattern(require_string(json_, "canary")).host;
  const Json* entries = find_member(json_, "entries");
  if (entries == nullptr || !entries->is_array()) fail("it has no entries");
  for (const Json& entry : *entries) {
    entries_.push_back({parse_pattern(require_string(entry, "pattern")), require_string(entry, "source"),
                        int_or(entry, "expires", 0)});
  }
}

std::vector<std::string> LiveFilter::exact_names() const {
  std::vector<std::string> names;
  using Kind = HostPattern::Kind;
  for (const LiveEntry& entry : entries_) {
    if (entry.pattern.kind == Kind::exact || entry.pattern.kind == Kind::both)
      names.push_back(entry.pattern.host);
  }
  return names;
}

policy::Entries LiveFilter::matcher() const {
  policy::Entries matcher;
  for (const LiveEntry& entry : entries_) {
    const std::string reason = matcher.add({entry.pattern.to_string(), entry.source, entry.expires});
    if (!reason.empty()) fail(reason);
  }
  return matcher;
}

void LiveFilter::drop_expired(std::int64_t now) {
  entries_.erase(
      std::remove_if(entries_.begin(), entries_.end(),
                     [now](const LiveEntry& entry) { return entry.expires != 0 && entry.expires <= now; }),
      entries_.end());
}

LiveEntry* LiveFilter::find(const HostPattern& pattern) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const LiveEntry& entry) { return entry.pattern == pattern; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<EntryChange> LiveFilter::allow(const std::vector<Entry>& wanted, std::int64_t expires) {
  using What = EntryChange::What;
  std::vector<EntryChange> changes;
  for (const Entry& entry : wanted) {
    What what = What::present;
    LiveEntry* there = find(entry.pattern);
    if (there == nullptr) {
      entries_.push_back({entry.pattern, live_source, expires});
      there = &entries_.back();
      what = What::added;
    } else if (there->expires != 0 && (expires == 0 || expires > there->expires)) {
      there->expires = expires;
      what = What::extended;
    }
    changes.push_back({what, entry.pattern.to_string(), there->source, there->expires, {}});
  }
  return changes;
}

std::vector<EntryChange> LiveFilter::revoke(const std::vector<Entry>& wanted) {
  std::vector<EntryChange> changes;
  for (const Entry& entry : wanted) {
    const LiveEntry* there = find(entry.pattern);
    const std::string beginning = "cannot revoke host '" + entry.pattern.to_string() + "': ";
    if (there == nullptr) {
      throw Error(ErrorKind::not_found, beginning + "it is not on the session's allowlist",
                  "see what is: drydock egress list --session");
    }
    if (!there->is_live_addition()) {
      const bool in_file = parse_source(there->source).line > 0;
      throw Error(
          ErrorKind::refused,
          beginning + "it was allowed from the start, by " + there->source +
              ", and only what was added to the session while it lived can be taken back",
          in_file ? "take the line out of the file, and start a new session" : "start a session without it");
    }
    changes.push_back(
        {EntryChange::What::revoked, entry.pattern.to_string(), there->source, there->expires, {}});
  }
  for (const Entry& entry : wanted) {
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                  [&](const LiveEntry& other) { return other.pattern == entry.pattern; }),
                   entries_.end());
  }
  const policy::Entries left = matcher();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].pattern.host.empty() || wanted[i].pattern.kind == HostPattern::Kind::subdomains) continue;
    if (const policy::Entry* other = left.match(wanted[i].pattern.host))
      changes[i].still = other->pattern + " (" + other->source + ")";
  }
  return changes;
}

void LiveFilter::part(const NamedEntries& group, std::vector<Entry>& added,
                      std::vector<EntryChange>& others) {
  const std::size_t before = added.size();
  for (const Entry& entry : group.entries) {
    const LiveEntry* there = find(entry.pattern);
    if (there == nullptr) continue;
    if (there->is_live_addition()) {
      added.push_back(entry);
    } else {
      others.push_back(
          {EntryChange::What::present, entry.pattern.to_string(), there->source, there->expires, {}});
    }
  }
  if (added.size() == before) {
    throw Error(
        ErrorKind::not_found,
        "cannot revoke group '" + group.name + "': the session was given no host of it while it lived",
        "see what it has: drydock egress list --session");
  }
}

std::vector<EntryChange> LiveFilter::revoke(const std::vector<NamedEntries>& wanted) {
  std::vector<Entry> added;
  std::vector<EntryChange> others;
  for (const NamedEntries& each : wanted) {
    if (starts_with(each.name, "@")) {
      part(each, added, others);
    } else {
      added.insert(added.end(), each.entries.begin(), each.entries.end());
    }
  }
  std::vector<EntryChange> changes = revoke(added);
  changes.insert(changes.end(), others.begin(), others.end());
  return changes;
}

std::string LiveFilter::guard_json(std::uint64_t generation) const {
  Json json = json_;
  json["generation"] = generation;
  json["entries"] = Json::array();
  for (const LiveEntry& entry : entries_) {
    Json object = {{"pattern", entry.pattern.to_string()}, {"source", entry.source}};
    if (entry.expires != 0) object["expires"] = entry.expires;
    json["entries"].push_back(std::move(object));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string LiveFilter::filter_text() const {
  Allowlist list;
  for (const LiveEntry& entry : entries_) list.add({entry.pattern, parse_source(entry.source)});
  list.add({{HostPattern::Kind::exact, canary_}, {"canary", 0}});
  return compile_filter(list);
}

Source parse_source(const std::string& text) {
  const auto colon = text.rfind(':');
  int line = 0;
  if (colon == std::string::npos) return {text, 0};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, line);
  if (error != std::errc{} || stop != end || line <= 0) return {text, 0};
  return {text.substr(0, colon), line};
}

}  // namespace drydock::core
