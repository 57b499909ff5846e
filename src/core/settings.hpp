// The machine's own configuration: /etc/drydock/config, "key = value" lines, '#' comments. What it says holds
// for every user.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

inline constexpr const char* machine_config_path = "/etc/drydock/config";

struct MachineSettings {
  // public-range: special address ranges (CIDR) that this network uses as public ones. Repeatable.
  std::vector<std::string> public_ranges;
};

// Throws Error(invalid) with "FILE:LINE". Keys that are none of the above are others' business.
MachineSettings parse_machine_settings(std::string_view text, const std::string& source_name);
// The same for a file; one that does not exist says nothing.
MachineSettings read_machine_settings(const std::string& path = machine_config_path);

}  // namespace drydock::core
