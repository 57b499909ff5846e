#include "core/owner.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <vector>

#include "base/text.hpp"
#include "core/labels.hpp"

namespace drydock::core {
namespace {

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// proc(5): what follows the command's name in /proc/PID/stat, from the state on. The name, in parentheses,
// may hold anything: count from the last one.
std::vector<std::string> stat_fields(int pid) {
  const std::string stat = read_line("/proc/" + std::to_string(pid) + "/stat");
  const auto close = stat.rfind(')');
  if (close == std::string::npos) return {};
  return split(trim(std::string_view(stat).substr(close + 1)), ' ');
}

std::string start_time(const std::vector<std::string>& fields) {
  constexpr std::size_t start_field = 19;  // field 22 of the line is the 20th after the name
  return fields.size() > start_field ? fields[start_field] : std::string{};
}

std::string current_boot_id() { return read_line("/proc/sys/kernel/random/boot_id"); }

std::string own_pid_namespace() {
  std::array<char, 64> target{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string{};
}

template <typename Number>
std::optional<Number> to_number(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Owner Owner::self() {
  return {::getpid(), start_time(stat_fields(::getpid())), current_boot_id(), own_pid_namespace(),
          ::geteuid()};
}

void Owner::write_to(runtime::Labels& labels) const {
  labels[std::string(label::owner_pid)] = std::to_string(pid);
  labels[std::string(label::owner_start)] = start;
  labels[std::string(label::owner_boot_id)] = boot_id;
  labels[std::string(label::owner_pid_namespace)] = pid_namespace;
  labels[std::string(label::owner_uid)] = std::to_string(uid);
}

std::optional<Owner> Owner::read_from(const runtime::Labels& labels) {
  const auto get = [&](std::string_view name) {
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? std::string{} : found->second;
  };
  const auto pid = to_number<int>(get(label::owner_pid));
  const auto uid = to_number<unsigned>(get(label::owner_uid));
  if (!pid || *pid <= 0 || !uid) return std::nullopt;
  return Owner{*pid, get(label::owner_start), get(label::owner_boot_id), get(label::owner_pid_namespace),
               *uid};
}

std::string Owner::to_text() const {
  runtime::Labels labels;
  write_to(labels);
  std::vector<std::string> pairs;
  for (const auto& [key, value] : labels) pairs.push_back(key + "=" + value);
  return join(pairs, ",");
}

std::optional<Owner> Owner::from_text(std::string_view text) {
  runtime::Labels labels;
  for (const std::string& pair : split(text, ',')) {
    const auto equals = pair.find('=');
    if (equals != std::string::npos) labels[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return read_from(labels);
}

Liveness liveness(const Owner& owner) {
  const std::string boot = current_boot_id();
  if (boot.empty() || owner.boot_id.empty()) return Liveness::unknown;
  if (owner.boot_id != boot) return Liveness::dead;
  if (owner.pid_namespace != own_pid_namespace()) return Liveness::unknown;
  if (::kill(owner.pid, 0) != 0 && errno == ESRCH) return Liveness::dead;
  const auto fields = stat_fields(owner.pid);
  const std::string start = start_time(fields);
  if (start.empty()) return Liveness::unknown;
  // A zombie waits for its parent and keeps nothing any more.
  if (fields.front() == "Z" || fields.front() == "X") return Liveness::dead;
  return start == owner.start ? Liveness::alive : Liveness::dead;
}

}  // namespace drydock::core
