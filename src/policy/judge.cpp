#include "policy/judge.hpp"

#include "policy/host_name.hpp"

namespace drydock::policy {

std::string parse_authority(std::string_view text, Authority& authority) {
  if (text.find("://") != std::string_view::npos) return is_a_url;
  if (is_address(text)) return is_an_address;
  const auto colon = text.find(':');
  const std::string host = lower(text.substr(0, colon));
  if (!is_host_name(host)) return is_no_host;
  if (colon == std::string_view::npos) return "it names no port";
  if (text.substr(colon + 1) != "443") return "only port 443 is allowed";
  authority = {host, 443};
  return {};
}

Judgement judge_host(std::string_view host, const Entries& entries) {
  if (const Entry* entry = entries.match(host)) return {entry, {}};
  return {nullptr, not_listed};
}

Judgement judge(std::string_view text, const Entries& entries) {
  Authority authority;
  std::string reason = parse_authority(text, authority);
  if (!reason.empty()) return {nullptr, std::move(reason)};
  return judge_host(authority.host, entries);
}

}  // namespace drydock::policy
