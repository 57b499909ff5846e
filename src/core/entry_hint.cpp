#include "core/entry_hint.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "core/groups.hpp"
#include "core/host_pattern.hpp"

namespace drydock::core {
namespace {

std::string hint_for_group(std::string_view name) {
  const std::vector<std::string> names = group_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return "write the host itself";
  const std::string near = nearest(name, names);
  return near.empty() ? "use one of: @" + join(names, ", @") : "did you mean '@" + near + "'?";
}

void replace_prefix(std::string& text, std::string_view prefix, std::string_view replacement) {
  if (starts_with(text, prefix)) text = std::string(replacement) + text.substr(prefix.size());
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

std::string_view host_of_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  return url.substr(0, url.find(':'));
}

}  // namespace

std::string hint_for_entry(std::string_view entry) {
  if (starts_with(entry, "@")) return hint_for_group(entry.substr(1));
  const std::string plain = without_regular_expression(entry);
  // What comes before an '@' looks like a host and is not.
  const bool guessable = entry.find('@') == std::string_view::npos;
  const auto pattern = parse_host_pattern(host_of_url(plain));
  if (guessable && pattern) return "write " + pattern->to_string();
  return "write example.com, *.example.com or .example.com, one on a line";
}

}  // namespace drydock::core
