// Helper programs: an argument vector, never a shell. The child gets no descriptor of ours but its three
// standard ones (stdin is /dev/null), runs in a process group of its own, and never outlives the call.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drydock {

class StopSource;

struct ProcessOptions {
  // Added to our own environment; nullopt takes a variable out of it.
  std::map<std::string, std::optional<std::string>> environment;
  // A child that writes more to stdout is ended, and Error(protocol) is thrown.
  std::size_t output_limit = std::size_t{16} << 20;
  // The child writes to our stderr; otherwise its stderr is captured (the last 64 KiB of it).
  bool inherit_stderr = false;
  // Gets each line of a captured stderr as it comes, without the newline.
  std::function<void(std::string_view line)> on_error_line;
  // When stop is requested the child's group gets SIGTERM, after `grace` SIGKILL, and Interrupted is thrown.
  const StopSource* stop = nullptr;
  std::chrono::milliseconds grace{2000};
};

struct ProcessResult {
  int exit_code = 0;  // 128 + N when signal N ended it
  std::string output;
  std::string error_output;
};

// Runs argv[0] (found over PATH if it has no slash) and waits for it. Throws Error(not_found) or
// Error(permission) if it cannot be started; an exit code other than 0 is a result, not an error.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// The same, for programs that must succeed: Error(engine) "cannot run program 'NAME': <its last line, or exit
// code>".
ProcessResult run_checked(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// The absolute path of an executable, over PATH and then /usr/local/sbin, /usr/sbin and /sbin, where system
// programs live that a user's PATH leaves out. A name with a slash is only checked. Throws Error(not_found).
std::string find_program(const std::string& name);

}  // namespace drydock
