// The labels by which drydock knows its own objects. Names of objects are for people; only labels decide
// ownership.
#pragma once

#include <string_view>

namespace drydock::core::label {

inline constexpr std::string_view session = "io.drydock.session";
inline constexpr std::string_view role = "io.drydock.role";  // agent, sidecar, internal, egress
inline constexpr std::string_view project = "io.drydock.project";
inline constexpr std::string_view version = "io.drydock.version";
inline constexpr std::string_view created = "io.drydock.created";  // RFC 3339, UTC
inline constexpr std::string_view mode = "io.drydock.mode";
inline constexpr std::string_view agent = "io.drydock.agent";
inline constexpr std::string_view name = "io.drydock.name";
inline constexpr std::string_view detached = "io.drydock.detached";
inline constexpr std::string_view keep = "io.drydock.keep";        // "1": stays after its end
inline constexpr std::string_view expires = "io.drydock.expires";  // --timeout: RFC 3339, UTC
inline constexpr std::string_view no_log =
    "io.drydock.no-log";  // "1": its decisions are not kept after its end
inline constexpr std::string_view capture = "io.drydock.capture";  // "1": it reaches every name
// Who keeps the session: a process is the same one when pid, start time, boot and pid namespace are.
inline constexpr std::string_view owner_pid = "io.drydock.owner-pid";
inline constexpr std::string_view owner_start = "io.drydock.owner-start";
inline constexpr std::string_view owner_boot_id = "io.drydock.owner-boot-id";
inline constexpr std::string_view owner_pid_namespace = "io.drydock.owner-pid-namespace";
inline constexpr std::string_view owner_uid = "io.drydock.owner-uid";

}  // namespace drydock::core::label
