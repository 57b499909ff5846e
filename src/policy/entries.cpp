#include "policy/entries.hpp"

#include <algorithm>

#include "policy/host_name.hpp"

namespace drydock::policy {
namespace {

bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

std::optional<std::size_t> find(const std::unordered_map<std::string, std::size_t>& index,
                                std::string_view host) {
  const auto found = index.find(std::string(host));
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

// A last label that begins with a letter: no spelling of an address has one.
bool is_any(std::string_view host) {
  const auto dot = host.rfind('.');
  if (dot == std::string_view::npos || !is_host_name(host)) return false;
  const char first = host[dot + 1];
  return first >= 'a' && first <= 'z';
}

}  // namespace

std::string Entries::add(Entry entry) {
  if (entry.pattern == any_host) {
    if (!any_) any_ = entries_.size();
    entries_.push_back(std::move(entry));
    return {};
  }
  std::string_view host = entry.pattern;
  const bool below_only = host.substr(0, 2) == "*.";
  const bool both = !below_only && host.substr(0, 1) == ".";
  host.remove_prefix(below_only ? 2 : both ? 1 : 0);
  if (!is_host_name(host)) return "entry '" + entry.pattern.substr(0, max_host_name) + "' is not canonical";
  if (!below_only) names_.try_emplace(std::string(host), entries_.size());
  if (below_only || both) below_.try_emplace(std::string(host), entries_.size());
  entries_.push_back(std::move(entry));
  return {};
}

const Entry* Entries::match(std::string_view name) const {
  // A canonical name is 253 octets at most, and so is what an entry admits.
  const std::string host = lower(name);
  std::optional<std::size_t> best = find(names_, host);
  std::string_view rest = host;
  // Takes one label after the other off the front, as long as they may stand for a wildcard.
  for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    const std::string_view label = rest.substr(0, dot);
    if (label.empty() || !std::all_of(label.begin(), label.end(), is_name_char)) break;
    rest.remove_prefix(dot + 1);
    const auto found = find(below_, rest);
    if (found && (!best || *found < *best)) best = found;
  }
  if (!best && is_any(host)) best = any_;
  return best ? &entries_[*best] : nullptr;
}

Entries Entries::without_expired(std::int64_t now) const {
  Entries left;
  for (const Entry& entry : entries_) {
    if (entry.expires == 0 || entry.expires > now) left.add(entry);
  }
  return left;
}

std::optional<std::int64_t> Entries::next_expiry() const {
  std::optional<std::int64_t> first;
  for (const Entry& entry : entries_) {
    if (entry.expires != 0 && (!first || entry.expires < *first)) first = entry.expires;
  }
  return first;
}

}  // namespace drydock::policy
