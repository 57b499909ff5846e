// Which process keeps a session, and whether it still lives.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/types.hpp"

namespace drydock::core {

struct Owner {
  int pid = 0;
  std::string start;          // clock ticks since boot, /proc/PID/stat field 22 (proc(5))
  std::string boot_id;        // /proc/sys/kernel/random/boot_id
  std::string pid_namespace;  // the link text of /proc/self/ns/pid
  unsigned uid = 0;

  static Owner self();
  void write_to(runtime::Labels& labels) const;
  // Absent when a label is missing or malformed.
  static std::optional<Owner> read_from(const runtime::Labels& labels);
  // The same labels as one line, "key=value,key=value", for a file.
  std::string to_text() const;
  static std::optional<Owner> from_text(std::string_view text);
};

enum class Liveness {
  alive,
  dead,
  unknown,  // another pid namespace, or /proc cannot tell: nothing is collected on a guess
};

Liveness liveness(const Owner& owner);

}  // namespace drydock::core
