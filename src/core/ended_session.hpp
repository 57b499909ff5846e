// What can be done about a session that has ended: its decision log is what drydock still knows of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace drydock::core {

// For a hint: `wanted` is the id of a session whose log is kept, or the beginning of one such id alone (two
// digits or more); else nothing. `allows`: entries and groups that it was to be allowed, which are sound.
std::optional<std::string> hint_at_ended(const std::string& wanted, const std::vector<std::string>& allows);

}  // namespace drydock::core
