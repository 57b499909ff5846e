// The checks of `drydock smoke` that no run makes: how the proxy takes what is nearly allowed or can be read
// in two ways, its transparent leg, its other ports, and what the probe itself has. Each returns what it got.
#pragma once

#include <string>

#include "guard/probe.hpp"

namespace drydock::guard {

// Names that look like the canary's, which is allowed, and a name below which all are: the status of each
// when all have the same, else the first other one with its name.
std::string ask_for_look_alikes(const ProbeSettings& settings);
// The same for the address that is outside, and the loopback's, in other spellings.
std::string ask_for_spellings(const ProbeSettings& settings);
// Requests for the canary that two readers could take for two different ones: "refused", or which was not.
std::string ask_ambiguously(const ProbeSettings& settings);

// A ClientHello at the proxy's port 443; `name` may be empty. "alert", "an answer", "closed", or why there
// was no connection.
std::string greet_directly(const ProbeSettings& settings, const std::string& name);
// Plain HTTP there: "closed", or what came back.
std::string speak_plainly(const ProbeSettings& settings);

// Which ports of the proxy's address take a connection, from 1 to 10240: "the two" when these are the proxy's
// own and 443, else their numbers.
std::string find_ports(const ProbeSettings& settings);

// proc(5), /proc/self/status: capabilities of any set, no_new_privs off, no seccomp filter, root.
std::string find_powers(const std::string& status_file);
// Sockets in the file system below `root`, but for /proc and /sys.
std::string find_sockets(const std::string& root);
// The variables that lead programs to the proxy, in the probe's own environment: "as planned", or the first
// that is otherwise.
std::string compare_proxy_variables(const ProbeSettings& settings);

}  // namespace drydock::guard
