#include "core/settings.hpp"

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/error.hpp"
#include "base/obstacle.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t max_size = std::size_t{1} << 20;

// As the guard takes it: an address, a prefix, and no bit beyond it.
bool is_cidr(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return false;
  const std::string base = text.substr(0, slash);
  std::array<unsigned char, 16> bytes{};
  const bool v4 = ::inet_pton(AF_INET, base.c_str(), bytes.data()) == 1;
  if (!v4 && ::inet_pton(AF_INET6, base.c_str(), bytes.data()) != 1) return false;
  const int bits = v4 ? 32 : 128;
  int prefix = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, prefix);
  if (error != std::errc{} || stop != end || prefix < 0 || prefix > bits) return false;
  for (int bit = prefix; bit < bits; ++bit) {
    if ((bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

MachineSettings parse_machine_settings(std::string_view text, const std::string& source_name) {
  MachineSettings settings;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string content(trim(std::string_view(line).substr(0, line.find('#'))));
    const auto equals = content.find('=');
    if (equals == std::string::npos || trim(std::string_view(content).substr(0, equals)) != "public-range")
      continue;
    const std::string value(trim(std::string_view(content).substr(equals + 1)));
    if (!is_cidr(value)) {
      throw Error(ErrorKind::invalid,
                  "cannot read configuration '" + source_name + ":" + std::to_string(number) +
                      "': public-range '" + printable(value, 80) + "' is not a network",
                  "write it as 198.18.0.0/15, with no bit beyond the prefix");
    }
    settings.public_ranges.push_back(value);
  }
  return settings;
}

MachineSettings read_machine_settings(const std::string& path) {
  const auto text = read_file(path, max_size);
  if (text) return parse_machine_settings(*text, path);
  const Obstacle& obstacle = text.error();
  if (obstacle.cause == ENOENT || obstacle.cause == ENOTDIR) return {};
  throw Error(ErrorKind::invalid, "cannot read configuration '" + path + "': " + obstacle.reason,
              obstacle.hint);
}

}  // namespace drydock::core
