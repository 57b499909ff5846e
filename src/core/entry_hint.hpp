// What to write instead of an allowlist entry that was refused.
#pragma once

#include <string>
#include <string_view>

namespace drydock::core {

// Where the entry stands: on a line of a file, or on the command line, for private addresses or not.
enum class EntryPlace { line, argument, private_argument };

// One action, fit for an error's hint: the host of a URL, the plain form of a simple regular expression, the
// group that was meant; else the forms that there are. `reason`: why there are no hosts in a group.
std::string hint_for_entry(std::string_view entry, std::string_view reason = {},
                           EntryPlace place = EntryPlace::line);

}  // namespace drydock::core
