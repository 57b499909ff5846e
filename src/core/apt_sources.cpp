#include "core/apt_sources.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/download.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

constexpr std::array own_components{"main",     "contrib",    "non-free",  "non-free-firmware",
                                    "universe", "restricted", "multiverse"};
constexpr std::array release_pockets{"", "-updates", "-security"};

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// "signed-by" is "Signed-By" in deb822, and the short names are plurals there.
std::string deb822_name(std::string_view option) {
  std::string name = to_lower_ascii(option);
  if (name == "arch") return "Architectures";
  if (name == "lang") return "Languages";
  if (name == "target") return "Targets";
  bool first = true;
  for (char& c : name) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == '-';
  }
  return name;
}

// "deb [arch=amd64 signed-by=/a,/b] http://host/debian bookworm main contrib"
bool parse_line(std::string_view line, AptSource& source) {
  line = trim(line.substr(0, line.find('#')));
  if (!starts_with(line, "deb ") && !starts_with(line, "deb\t")) return false;
  line = trim(line.substr(3));
  if (starts_with(line, "[")) {
    const auto end = line.find(']');
    if (end == std::string_view::npos) return false;
    for (const std::string& option : words(line.substr(1, end - 1))) {
      const auto equals = option.find('=');
      if (equals == std::string::npos) return false;
      std::string value = option.substr(equals + 1);
      std::replace(value.begin(), value.end(), ',', ' ');
      source.options[deb822_name(std::string_view(option).substr(0, equals))] = value;
    }
    line = trim(line.substr(end + 1));
  }
  // "cdrom:[Debian GNU/Linux …]/" has blanks in it, and no disc is in the drive.
  if (starts_with(line, "cdrom:")) return false;
  const std::vector<std::string> parts = words(line);
  if (parts.size() < 2) return false;
  source.uris = {parts[0]};
  source.suites = {parts[1]};
  source.components.assign(parts.begin() + 2, parts.end());
  return true;
}

bool parse_stanza(const std::map<std::string, std::string>& fields, AptSource& source) {
  bool binary = false;
  for (const auto& [name, value] : fields) {
    if (name == "Types") {
      binary = contains(words(value), "deb");
    } else if (name == "Enabled") {
      const std::string enabled = to_lower_ascii(value);
      if (enabled == "no" || enabled == "false" || enabled == "0" || enabled == "off" ||
          enabled == "without" || enabled == "disable") {
        return false;
      }
    } else if (name == "Uris") {
      source.uris = words(value);
    } else if (name == "Suites") {
      source.suites = words(value);
    } else if (name == "Components") {
      source.components = words(value);
    } else if (!starts_with(name, "X-")) {
      source.options[name] = value;
    }
  }
  return binary && !source.uris.empty() && !source.suites.empty();
}

bool is_own_key(const std::string& keyring, const Distribution& distribution) {
  const std::string name = keyring.substr(keyring.rfind('/') + 1);
  return starts_with(keyring, "/") && starts_with(name, distribution.id + "-archive-");
}

bool has_own_components(const AptSource& source) {
  return !source.components.empty() &&
         std::all_of(source.components.begin(), source.components.end(), [](const std::string& component) {
           return std::find(own_components.begin(), own_components.end(), component) != own_components.end();
         });
}

bool has_own_key(const AptSource& source, const Distribution& distribution) {
  const auto signed_by = source.options.find("Signed-By");
  if (signed_by == source.options.end()) return true;
  const std::vector<std::string> keyrings = words(signed_by->second);
  return !keyrings.empty() && std::all_of(keyrings.begin(), keyrings.end(), [&](const std::string& keyring) {
    return is_own_key(keyring, distribution);
  });
}

// Others apt passes over, saying so.
bool has_a_name_for_apt(const std::filesystem::path& file) {
  return file.filename().string().find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string::npos;
}

}  // namespace

Distribution parse_os_release(std::string_view text) {
  Distribution distribution;
  for (const std::string& line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string_view value = trim(std::string_view(line).substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (line.substr(0, equals) == "ID") distribution.id = value;
    if (line.substr(0, equals) == "VERSION_CODENAME") distribution.codename = value;
  }
  return distribution;
}

Distribution named_distribution() {
  std::string text = read_text("/etc/os-release");
  if (text.empty()) text = read_text("/usr/lib/os-release");
  return parse_os_release(text);
}

bool is_known(const Distribution& distribution) {
  return (distribution.id == "debian" || distribution.id == "ubuntu") && !distribution.codename.empty();
}

Distribution this_distribution() {
  const Distribution distribution = named_distribution();
  if (!is_known(distribution)) {
    throw Error(ErrorKind::unsupported,
                "cannot bootstrap a base image: this machine is neither Debian nor Ubuntu",
                "pass --base with an image of the engine or a root file system tar");
  }
  return distribution;
}

std::vector<AptSource> parse_apt_list(std::string_view text) {
  std::vector<AptSource> sources;
  for (const std::string& line : split(text, '\n')) {
    AptSource source;
    if (parse_line(line, source)) sources.push_back(source);
  }
  return sources;
}

std::vector<AptSource> parse_apt_deb822(std::string_view text) {
  std::vector<AptSource> sources;
  std::map<std::string, std::string> fields;
  std::string* last = nullptr;
  std::vector<std::string> lines = split(text, '\n');
  lines.emplace_back();
  for (const std::string& line : lines) {
    if (starts_with(line, "#")) continue;
    if (trim(line).empty()) {
      AptSource source;
      if (parse_stanza(fields, source)) sources.push_back(source);
      fields.clear();
      last = nullptr;
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (last != nullptr) last->append(" ").append(trim(line));
    } else if (const auto colon = line.find(':'); colon != std::string::npos) {
      last = &fields[deb822_name(trim(std::string_view(line).substr(0, colon)))];
      *last = trim(std::string_view(line).substr(colon + 1));
    }
  }
  return sources;
}

std::vector<AptSource> read_apt_sources(const std::string& directory) {
  std::vector<AptSource> sources = parse_apt_list(read_text(directory + "/sources.list"));
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/sources.list.d", error)) {
    if (has_a_name_for_apt(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    std::vector<AptSource> more;
    if (ends_with(file, ".list")) more = parse_apt_list(read_text(file));
    if (ends_with(file, ".sources")) more = parse_apt_deb822(read_text(file));
    sources.insert(sources.end(), more.begin(), more.end());
  }
  return sources;
}

std::vector<AptSource> release_sources(const std::vector<AptSource>& sources,
                                       const Distribution& distribution) {
  std::vector<AptSource> kept;
  for (AptSource source : sources) {
    std::erase_if(source.suites, [&](const std::string& suite) {
      return std::none_of(release_pockets.begin(), release_pockets.end(),
                          [&](const char* pocket) { return suite == distribution.codename + pocket; });
    });
    std::erase_if(source.uris, [](const std::string& uri) { return starts_with(uri, "cdrom:"); });
    if (!source.suites.empty() && !source.uris.empty() && has_own_components(source)) kept.push_back(source);
  }
  return kept;
}

std::vector<AptSource> distribution_sources(const std::vector<AptSource>& sources,
                                            const Distribution& distribution) {
  std::vector<AptSource> own = release_sources(sources, distribution);
  std::erase_if(own, [&](const AptSource& source) { return !has_own_key(source, distribution); });
  return own;
}

std::string signer_of(const AptSource& source) {
  const auto signed_by = source.options.find("Signed-By");
  if (signed_by == source.options.end()) return {};
  if (signed_by->second.find("-----BEGIN") != std::string::npos) return "a key in the source itself";
  std::vector<std::string> names;
  for (const std::string& keyring : words(signed_by->second))
    names.push_back(keyring.substr(keyring.rfind('/') + 1));
  return join(names, " ");
}

std::vector<std::string> parse_mirror_list(std::string_view text) {
  constexpr std::string_view priority = "priority:";
  constexpr long last = std::numeric_limits<long>::max();
  std::vector<std::pair<long, std::string>> mirrors;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> parts = words(line.substr(0, line.find('#')));
    if (parts.empty()) continue;
    long place = last;
    for (const std::string& part : parts) {
      if (starts_with(part, priority)) place = std::strtol(part.c_str() + priority.size(), nullptr, 10);
    }
    mirrors.emplace_back(place, parts.front());
  }
  std::stable_sort(mirrors.begin(), mirrors.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> addresses;
  for (auto& [place, address] : mirrors) addresses.push_back(std::move(address));
  return addresses;
}

std::vector<AptSource> with_mirrors(const std::vector<AptSource>& sources, Mirrors which) {
  constexpr std::string_view scheme = "mirror+file:";
  std::vector<AptSource> result;
  for (AptSource source : sources) {
    std::vector<std::string> uris;
    for (const std::string& uri : source.uris) {
      std::vector<std::string> mirrors;
      if (starts_with(uri, scheme)) {
        std::string path = uri.substr(scheme.size());
        if (starts_with(path, "//")) path.erase(0, 2);
        mirrors = parse_mirror_list(read_text(path));
      }
      if (mirrors.empty()) mirrors = {uri};
      if (which == Mirrors::preferred) mirrors.resize(1);
      uris.insert(uris.end(), mirrors.begin(), mirrors.end());
    }
    source.uris = uris;
    result.push_back(std::move(source));
  }
  return result;
}

std::string render_apt_sources(const std::vector<AptSource>& sources) {
  std::string text;
  for (const AptSource& source : sources) {
    if (!text.empty()) text += "\n";
    text += "Types: deb\nURIs: " + join(source.uris, " ") + "\nSuites: " + join(source.suites, " ") +
            "\nComponents: " + join(source.components, " ") + "\n";
    for (const auto& [name, value] : source.options)
      text.append(name).append(": ").append(value).append("\n");
  }
  return text;
}

std::vector<AptSource> public_sources(const std::vector<AptSource>& sources) {
  std::vector<AptSource> kept;
  for (AptSource source : sources) {
    std::erase_if(source.uris, [](const std::string& uri) {
      return !starts_with(uri, "http://") && !starts_with(uri, "https://");
    });
    std::transform(source.uris.begin(), source.uris.end(), source.uris.begin(), without_credentials);
    if (!source.uris.empty()) kept.push_back(source);
  }
  return kept;
}

}  // namespace drydock::core
