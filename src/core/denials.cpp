#include "core/denials.hpp"

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/host_verdict.hpp"
#include "core/log_check.hpp"
#include "policy/judge.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t most_told = 10;
constexpr std::string_view canary_names = ".drydock.invalid";

std::string times(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " time" : " times"); }

}  // namespace

// Its own line may have come later: the two programs that write share no clock.
void Denials::withdraw(const std::string& host, std::uint64_t count) {
  for (auto entry = found_.begin(); entry != found_.end() && count > 0;) {
    const bool same = to_lower_ascii(entry->first.first) == host && entry->first.second == policy::not_listed;
    const std::uint64_t taken = same ? std::min(count, entry->second.count) : 0;
    entry->second.count -= taken;
    total_ -= taken;
    count -= taken;
    entry = entry->second.count == 0 ? found_.erase(entry) : std::next(entry);
  }
  if (count > 0) owed_[host] += count;
}

void Denials::add(std::string_view line) {
  if (!first_) first_ = number_of_line(line);
  // Most lines are none, and a log may be long.
  if (line.find("\"denied\"") == std::string_view::npos &&
      line.find("\"withdraws\"") == std::string_view::npos)
    return;
  Denial denial;
  try {
    const Json event = parse_json(line, "a decision");
    if (string_or(event, "event") == "answer") {
      const std::int64_t count = int_or(event, "withdraws", 0);
      if (count > 0) withdraw(to_lower_ascii(string_or(event, "host")), static_cast<std::uint64_t>(count));
      return;
    }
    if (string_or(event, "event") != "denied") return;
    denial.host = string_or(event, "host");
    denial.reason = string_or(event, "reason");
    denial.port = int_or(event, "port", 0);
    denial.first = denial.last = string_or(event, "time");
  } catch (const Error&) {
    return;
  }
  if (ends_with(denial.host, canary_names)) return;
  if (denial.reason == policy::not_listed) {
    const auto owed = owed_.find(to_lower_ascii(denial.host));
    if (owed != owed_.end()) {
      if (--owed->second == 0) owed_.erase(owed);
      return;
    }
  }
  ++total_;
  const auto key = std::pair(denial.host, denial.reason);
  const auto found = found_.find(key);
  if (found == found_.end() && found_.size() >= limit) {
    ++beyond_;
    return;
  }
  Denial& entry = found == found_.end() ? found_[key] : found->second;
  if (entry.count == 0) entry = denial;
  ++entry.count;
  entry.port = denial.port;
  entry.last = denial.last;
}

std::vector<Denial> Denials::list() const {
  std::vector<Denial> all;
  for (const auto& [key, denial] : found_) all.push_back(denial);
  std::stable_sort(all.begin(), all.end(), [](const Denial& a, const Denial& b) {
    return a.count != b.count ? a.count > b.count : a.last > b.last;
  });
  return all;
}

std::vector<std::string> summary_of(const Denials& denials, const std::string& session,
                                    const std::string& command) {
  if (denials.total() == 0) return {};
  const std::vector<Denial> all = denials.list();
  std::vector<std::string> lines{"session " + session + " was refused " + times(denials.total()) + ":"};
  std::string allow;
  for (std::size_t i = 0; i < std::min(all.size(), most_told); ++i) {
    const Denial& denial = all[i];
    const std::string host = denial.host.empty() ? "(no host)" : one_line(denial.host, 100);
    lines.push_back("  " + host + ", " + times(denial.count) + ": " + one_line(denial.reason, 200));
    const std::string admits = allow_host(denial.host, denial.reason);
    if (!admits.empty() && (allow + " ").find(" " + admits + " ") == std::string::npos) allow += " " + admits;
  }
  if (all.size() > most_told)
    lines.push_back("  and " + std::to_string(all.size() - most_told) + " more hosts or reasons");
  if (denials.gone() > 0) lines.push_back(beginning_is_gone(denials.gone()));
  if (!allow.empty()) lines.push_back("allow with: " + command + allow);
  return lines;
}

}  // namespace drydock::core
