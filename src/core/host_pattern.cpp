#include "core/host_pattern.hpp"

#include <idn2.h>
#include <libpsl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "policy/entries.hpp"
#include "policy/host_name.hpp"

namespace drydock::core {
namespace {

using Reason = std::optional<std::string>;

constexpr std::size_t max_name = 253;
constexpr std::size_t max_label = 63;
// More than any name of 253 octets takes before it is converted to A-labels.
constexpr std::size_t max_entry = 4096;

constexpr const char* not_a_url = "it is a URL, not a host name";
constexpr const char* not_an_address =
    "it is an IP address (or is read as one), and only names can be allowed";
constexpr const char* no_regular_expressions = "regular expressions are not supported";
constexpr const char* every_host = "it would allow every host";
constexpr const char* long_name = "the name is longer than 253 octets";
constexpr const char* long_label = "a label (the part between two dots) is longer than 63 octets";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; }
bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Reason refuse_characters(std::string_view entry) {
  if (entry.empty()) return "it is empty";
  if (entry.size() > max_entry) return long_name;
  if (!is_utf8(entry)) return "it is not UTF-8";
  if (entry.find_first_of(" \t") != std::string_view::npos) {
    return "it contains a space";
  }
  for (std::string_view rest = entry; !rest.empty();) {
    const char32_t code = *take_code_point(rest);
    if (code == 0) return "it contains a NUL byte";
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return "it contains a control character";
  }
  return std::nullopt;
}

Reason refuse_notation(std::string_view entry) {
  if (entry.find("://") != std::string_view::npos || starts_with(entry, "//") ||
      starts_with(entry, "http:") || starts_with(entry, "https:")) {
    return not_a_url;
  }
  if (policy::is_address(entry.substr(0, entry.find('/')))) return not_an_address;
  if (entry.find('/') != std::string_view::npos) {
    return "it has a path, and only the host name of a connection is seen";
  }
  if (entry.front() == '@') return "it names a group, and a host name is needed here";
  if (entry.find('@') != std::string_view::npos) return "it has user-info ('@'), not only a host name";
  const bool stray_star = entry.find('*', 1) != std::string_view::npos ||
                          (entry.front() == '*' && entry.size() > 1 && entry[1] != '.' && entry[1] != ':');
  if (stray_star || entry.find_first_of("()[]{}|^$+?\\") != std::string_view::npos) {
    return no_regular_expressions;
  }
  return std::nullopt;
}

// What libidn2 makes of a name, under the rules for a look-up.
tl::expected<std::string, std::string> look_up_form(const std::string& name) {
  std::uint8_t* output = nullptr;
  const int status = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(name.c_str()), &output,
                                    IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<std::uint8_t, void (*)(void*)> owned(output, idn2_free);
  if (status == IDN2_TOO_BIG_LABEL || status == IDN2_PUNYCODE_BIG_OUTPUT)
    return tl::make_unexpected(long_label);
  if (status == IDN2_TOO_BIG_DOMAIN) return tl::make_unexpected(long_name);
  if (status != IDN2_OK) {
    return tl::make_unexpected("it is not a valid international name (" + std::string(idn2_strerror(status)) +
                               ")");
  }
  return to_lower_ascii(reinterpret_cast<const char*>(output));
}

// Plain ASCII labels do not go through libidn2, which refuses the "--" that some real names have
// (r3---sn-example).
tl::expected<std::string, std::string> to_a_labels(std::string_view name) {
  std::string lower = to_lower_ascii(name);
  if (!is_ascii(lower)) {
    auto converted = look_up_form(lower);
    if (!converted) return converted;
    lower = std::move(*converted);
  }
  for (const std::string& label : split(lower, '.')) {
    if (!starts_with(label, "xn--")) continue;
    auto checked = look_up_form(label);
    if (!checked) return checked;
  }
  return lower;
}

Reason refuse_label(std::string_view label) {
  if (label.empty()) return "it has an empty label (two dots in a row, or a dot too many)";
  for (const char c : label) {
    if (is_name_char(c)) continue;
    const bool shown = c > 0x20 && c < 0x7f;
    return shown ? std::string("'") + c + "' cannot be part of a host name"
                 : "it has a character that cannot be part of a host name";
  }
  if (label.size() > max_label) return long_label;
  if (label.front() == '-' || label.back() == '-') return "a label begins or ends with '-'";
  return std::nullopt;
}

Reason refuse_wildcard(const std::string& host) {
  const psl_ctx_t* list = psl_builtin();
  if (list == nullptr) return "wildcards need the public suffix list, and libpsl has none built in";
  if (psl_is_public_suffix(list, host.c_str()) != 0) {
    return "it would cover a whole public suffix ('" + host + "'), under which anyone may have a name";
  }
  return std::nullopt;
}

Reason refuse_host(const HostPattern& pattern) {
  const std::string& host = pattern.host;
  if (host.empty())
    return pattern.kind == HostPattern::Kind::exact ? "it has no host name" : std::string(every_host);
  if (policy::ends_in_number(host)) return not_an_address;
  for (const std::string& label : split(host, '.')) {
    if (Reason reason = refuse_label(label)) return reason;
  }
  // The shortest subdomain is two octets longer.
  const std::size_t shortest = host.size() + (pattern.kind == HostPattern::Kind::subdomains ? 2 : 0);
  if (shortest > max_name) return long_name;
  if (pattern.kind != HostPattern::Kind::exact) return refuse_wildcard(host);
  if (host.find('.') == std::string::npos) {
    return "it is a single label, which is never the name of a public host";
  }
  return std::nullopt;
}

}  // namespace

std::string HostPattern::to_string() const {
  switch (kind) {
    case Kind::exact:
      return host;
    case Kind::subdomains:
      return "*." + host;
    case Kind::both:
      return "." + host;
    case Kind::any:
      return policy::any_host;
  }
  return host;
}

bool HostPattern::matches(std::string_view name) const {
  const std::string lower = to_lower_ascii(name);
  if (kind == Kind::any) {
    policy::Entries every;
    every.add({policy::any_host, {}});
    return every.match(lower) != nullptr;
  }
  if (lower == host) return kind != Kind::subdomains;
  if (kind == Kind::exact || !ends_with(lower, "." + host)) return false;
  const std::vector<std::string> labels = split(lower.substr(0, lower.size() - host.size() - 1), '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
    return !label.empty() && std::all_of(label.begin(), label.end(), is_name_char);
  });
}

std::string HostPattern::to_ere() const {
  if (kind == Kind::any) return any_host_ere;
  std::string ere = "^";
  if (kind == Kind::subdomains) ere += "([a-z0-9-]+\\.)+";
  if (kind == Kind::both) ere += "([a-z0-9-]+\\.)*";
  for (const char c : host) {
    if (c == '.') ere += '\\';
    ere += c;
  }
  return ere + ":443$";
}

tl::expected<HostPattern, std::string> read_host_pattern(std::string_view text) {
  if (text == policy::any_host) return HostPattern{HostPattern::Kind::any, {}};
  return parse_host_pattern(text);
}

tl::expected<HostPattern, std::string> parse_host_pattern(std::string_view entry) {
  if (Reason reason = refuse_characters(entry)) return tl::make_unexpected(*reason);
  if (Reason reason = refuse_notation(entry)) return tl::make_unexpected(*reason);

  const auto colon = entry.find(':');
  if (colon != std::string_view::npos && entry.substr(colon) != ":443") {
    return tl::make_unexpected("only port 443 can be allowed");
  }
  std::string_view name = entry.substr(0, colon);
  HostPattern pattern;
  if (name == "*") return tl::make_unexpected(every_host);
  if (starts_with(name, "*.")) {
    pattern.kind = HostPattern::Kind::subdomains;
    name.remove_prefix(2);
  } else if (starts_with(name, ".")) {
    pattern.kind = HostPattern::Kind::both;
    name.remove_prefix(1);
  }
  auto host = to_a_labels(name);
  if (!host) return tl::make_unexpected(host.error());
  pattern.host = std::move(*host);
  if (ends_with(pattern.host, ".")) pattern.host.pop_back();
  if (Reason reason = refuse_host(pattern)) return tl::make_unexpected(*reason);
  return pattern;
}

}  // namespace drydock::core
