#include "core/package_list.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/text.hpp"

namespace drydock::core {

std::string wrong_package_name(const std::string& name) {
  constexpr const char* plain = "abcdefghijklmnopqrstuvwxyz0123456789";
  if (name.find_first_of(" \t,") != std::string::npos)
    return "is more than one name; each has a line of its own";
  if (name.find_first_of("=:/~") != std::string::npos)
    return "says more than a name: no version, architecture or release";
  if (name.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) return "has a capital letter";
  if (name.size() < 2) return "is shorter than two characters";
  if (name.find_first_not_of(std::string(plain) + "+-.") != std::string::npos)
    return "has something else than a-z, 0-9, '+', '-' and '.'";
  if (std::string(plain).find(name.front()) == std::string::npos)
    return "does not begin with a letter or digit";
  return {};
}

std::vector<std::string> as_package_list(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string package_list_suffix(const std::vector<std::string>& list) {
  return list.empty() ? std::string() : "-" + sha256_hex(join(list, "\n")).substr(0, 12);
}

}  // namespace drydock::core
