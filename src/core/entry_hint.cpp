#include "core/entry_hint.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "core/groups.hpp"
#include "core/host_pattern.hpp"

namespace drydock::core {
namespace {

std::string hint_for_group(std::string_view name, std::string_view reason) {
  const std::vector<std::string> names = group_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    // host_of_registry() says so of what no line can allow.
    if (name == "apt" && reason.find("only https passes") != std::string_view::npos)
      return "write https:// in place of http:// in apt's sources, or the host itself";
    const bool never = reason.find("only https passes") != std::string_view::npos ||
                       reason.find("cannot be allowed") != std::string_view::npos;
    return never ? "set it up with a host name, by https on port 443: nothing else passes"
                 : "write the host itself";
  }
  const std::string near = nearest(name, names);
  return near.empty() ? "use one of: @" + join(names, ", @") : "did you mean '@" + near + "'?";
}

void replace_prefix(std::string& text, std::string_view prefix, std::string_view replacement) {
  if (starts_with(text, prefix)) text = std::string(replacement) + text.substr(prefix.size());
}

// As other formats of lists have it: in quotes, or with a mark behind it.
std::string_view without_quotes(std::string_view entry) {
  while (!entry.empty() && (entry.back() == ',' || entry.back() == ';')) entry.remove_suffix(1);
  const bool quoted = entry.size() > 1 && entry.front() == entry.back() &&
                      (entry.front() == '"' || entry.front() == '\'' || entry.front() == '`');
  return quoted ? entry.substr(1, entry.size() - 2) : entry;
}

std::string without_regular_expression(std::string_view entry) {
  std::string text(entry);
  replace_prefix(text, "^", "");
  if (ends_with(text, "$")) text.pop_back();
  for (const std::string_view any : {"(.*\\.)?", "(.+\\.)?", "([a-z0-9-]+\\.)*"}) {
    replace_prefix(text, any, ".");
  }
  for (const std::string_view any : {".*\\.", ".+\\.", "([a-z0-9-]+\\.)+"}) replace_prefix(text, any, "*.");
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\\.") == 0) ++i;
    plain += text[i];
  }
  return plain;
}

// Of a URL, also of one that is not written well: "//example.com", "https:example.com".
std::string_view host_of_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  for (const std::string_view beginning : {"https:", "http:"}) {
    if (starts_with(url, beginning)) url.remove_prefix(beginning.size());
  }
  while (starts_with(url, "/")) url.remove_prefix(1);
  url = url.substr(0, url.find_first_of("/?#"));
  return url.substr(0, url.find(':'));
}

// By what parse_host_pattern() says is wrong.
std::string advice_on(std::string_view entry, EntryPlace place) {
  const bool on_line = place == EntryPlace::line;
  constexpr const char* as_in_dns =
      "write the name as DNS has it: letters, digits and '-', with dots between";
  constexpr const char* the_host = "write the host alone, as in example.com";
  const std::pair<const char*, const char*> table[] = {
      {"a URL", the_host},
      {"a path", the_host},
      {"user-info", the_host},
      {"it is empty", the_host},
      {"no host name", the_host},
      {"IP address", place == EntryPlace::argument
                         ? "write the host's name; where that leads to a private address, use drydock run "
                           "--allow-private NAME"
                         : "write the host's name"},
      {"single label", "write the full name, as in host.example.com"},
      {"public suffix", "name what one owner has, as in *.example.com"},
      {"every host", "name the hosts; drydock egress capture shows which a command asks for"},
      {"a space", on_line ? "write one host on a line" : "give each host by itself"},
      {"regular expressions", "write each host, or *.example.com for all below one"},
      {"port 443", "leave the port out"},
      {"empty label", "write one dot between two parts, as in www.example.com"},
      {"cannot be part of a host name", as_in_dns},
      {"begins or ends with '-'", as_in_dns},
      {"international name", "check its spelling: letters and digits of any script, no symbols and no emoji"},
      {"longer than", "write at most 253 octets, and 63 between two dots"},
      {"control character", on_line ? "write the line anew, as plain text" : as_in_dns},
      {"NUL byte", "write the line anew, as plain text"},
      {"not UTF-8", on_line ? "save the file as UTF-8" : as_in_dns}};
  if (const auto parsed = parse_host_pattern(entry); !parsed) {
    for (const auto& [words, advice] : table) {
      if (parsed.error().find(words) != std::string::npos) return advice;
    }
  }
  return std::string("write example.com, *.example.com or .example.com") + (on_line ? ", one on a line" : "");
}

}  // namespace

std::string hint_for_entry(std::string_view entry, std::string_view reason, EntryPlace place) {
  if (starts_with(entry, "@")) return hint_for_group(to_lower_ascii(entry.substr(1)), reason);
  if (entry.find_first_of(",;") < entry.size() - 1)
    return place == EntryPlace::line ? "write one host on a line" : "give each host by itself";
  const std::string plain = without_regular_expression(without_quotes(entry));
  // What comes before an '@' looks like a host and is not.
  const bool guessable = entry.find('@') == std::string_view::npos;
  const auto pattern = parse_host_pattern(host_of_url(plain));
  if (guessable && pattern) return "write " + pattern->to_string();
  return advice_on(entry, place);
}

}  // namespace drydock::core
