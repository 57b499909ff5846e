#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t error_tail = std::size_t{64} << 10;

Error cannot_run(ErrorKind kind, const std::string& program, const std::string& reason) {
  return Error(kind, "cannot run program '" + program + "': " + reason);
}

bool is_executable(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw Error(ErrorKind::internal, with_errno("cannot make a pipe", errno));
    read.reset(ends[0]);
    write.reset(ends[1]);
    ::fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
  UniqueFd read;
  UniqueFd write;
};

// A child in a group of its own; ended and reaped at the latest with its object.
class Child {
 public:
  Child(const std::vector<std::string>& argv, const std::string& program,
        const std::vector<std::string>& environment, int output, int error) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error >= 0) posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    const std::vector<char*> arguments = pointers(argv);
    const std::vector<char*> variables = pointers(environment);
    const int failed =
        ::posix_spawn(&pid_, program.c_str(), &actions, &attributes, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) {
      pid_ = -1;
      const ErrorKind kind = failed == ENOENT ? ErrorKind::not_found : ErrorKind::permission;
      throw cannot_run(kind, program, with_errno("cannot start", failed));
    }
    // glibc 2.36 declares pidfd_open() for C alone.
    exited_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!exited_) {
      const int error_number = errno;
      end();
      throw Error(ErrorKind::unsupported, with_errno("cannot watch child processes", error_number));
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Readable once it has ended.
  int fd() const { return exited_.get(); }

  // The child itself too: it may have left its group.
  void kill_group(int signal) const {
    ::kill(-pid_, signal);
    ::kill(pid_, signal);
  }

  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  void end() {
    if (pid_ <= 0) return;
    kill_group(SIGKILL);
    reap();
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  }

  pid_t pid_ = -1;
  UniqueFd exited_;
};

std::vector<std::string> child_environment(const std::map<std::string, std::optional<std::string>>& changes) {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (!changes.contains(std::string(text.substr(0, text.find('='))))) variables.emplace_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (value) variables.push_back(name + "=" + *value);
  }
  return variables;
}

// Collects what comes from the child's stderr: whole lines to the callback, the tail to the result.
class ErrorText {
 public:
  explicit ErrorText(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}

  void add(std::string_view bytes) {
    tail_.append(bytes);
    if (tail_.size() > 2 * error_tail) tail_.erase(0, tail_.size() - error_tail);
    if (!on_line_) return;
    line_.append(bytes);
    std::size_t begin = 0;
    for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
      on_line_(std::string_view(line_).substr(begin, end - begin));
      begin = end + 1;
    }
    line_.erase(0, begin);
    if (line_.size() > error_tail) line_.clear();
  }
  std::string finish() {
    if (on_line_ && !line_.empty()) on_line_(line_);
    if (tail_.size() > error_tail) tail_.erase(0, tail_.size() - error_tail);
    return std::move(tail_);
  }

 private:
  const std::function<void(std::string_view)>& on_line_;
  std::string tail_;
  std::string line_;
};

// Reads what is there; closes `fd` at its end.
template <typename Sink>
void drain(UniqueFd& fd, Sink&& sink) {
  std::array<char, 65536> buffer;
  while (fd) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got > 0) {
      sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && errno == EAGAIN) {
      return;
    } else {
      fd.reset();
    }
  }
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  if (argv.empty()) throw Error(ErrorKind::internal, "cannot run program '': no arguments");
  if (options.stop != nullptr) options.stop->check();
  const std::string program = find_program(argv.front());

  Pipe output;
  Pipe error;
  Child child(argv, program, child_environment(options.environment), output.write.get(),
              options.inherit_stderr ? -1 : error.write.get());
  output.write.reset();
  error.write.reset();

  ProcessResult result;
  ErrorText error_text(options.on_error_line);
  const auto take_output = [&](std::string_view bytes) {
    if (result.output.size() + bytes.size() > options.output_limit) {
      throw cannot_run(ErrorKind::protocol, argv.front(),
                       "it wrote more than " + std::to_string(options.output_limit) + " bytes");
    }
    result.output.append(bytes);
  };
  const auto take_error = [&](std::string_view bytes) { error_text.add(bytes); };

  std::optional<Clock::time_point> kill_at;
  int stop_signal = 0;
  while (true) {
    std::array<pollfd, 4> watched{
        {{child.fd(), POLLIN, 0},
         {output.read ? output.read.get() : -1, POLLIN, 0},
         {error.read ? error.read.get() : -1, POLLIN, 0},
         {options.stop != nullptr && !kill_at ? options.stop->fd() : -1, POLLIN, 0}}};
    int timeout = -1;
    if (kill_at) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*kill_at - Clock::now()).count();
      timeout = left > 0 ? static_cast<int>(left) : 0;
    }
    const int ready = ::poll(watched.data(), watched.size(), timeout);
    if (ready < 0 && errno != EINTR) throw Error(ErrorKind::internal, with_errno("cannot poll", errno));
    if (kill_at && Clock::now() >= *kill_at) child.kill_group(SIGKILL);
    if (ready <= 0) continue;

    drain(output.read, take_output);
    drain(error.read, take_error);
    if (watched[0].revents != 0) break;
    if (watched[3].revents != 0) {
      stop_signal = options.stop->signal();
      kill_at = Clock::now() + options.grace;
      child.kill_group(SIGTERM);
    }
  }
  // What it wrote before it ended is in the pipes; a grandchild that keeps them open is not waited for.
  drain(output.read, take_output);
  drain(error.read, take_error);
  if (kill_at) child.kill_group(SIGKILL);
  result.exit_code = child.reap();
  if (kill_at) throw Interrupted(stop_signal);
  result.error_output = error_text.finish();
  return result;
}

ProcessResult run_checked(const std::vector<std::string>& argv, const ProcessOptions& options) {
  ProcessResult result = run_process(argv, options);
  if (result.exit_code == 0) return result;
  const std::string exit_status = "exit status " + std::to_string(result.exit_code);
  std::string reason;
  for (const std::string& line : split(result.error_output, '\n')) {
    if (!trim(line).empty()) reason = printable(trim(line), 500);
  }
  Error error = cannot_run(ErrorKind::engine, argv.front(), reason.empty() ? exit_status : reason);
  error.add_note(join(argv, " ") + ": " + exit_status);
  throw error;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_executable(name)) return name;
    throw Error(ErrorKind::not_found, "cannot find program '" + name + "': no executable file of that name");
  }
  const char* path = std::getenv("PATH");
  std::vector<std::string> directories = split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ':');
  directories.insert(directories.end(), {"/usr/local/sbin", "/usr/sbin", "/sbin"});
  for (const std::string& directory : directories) {
    // An empty or relative entry would run a file of the project's.
    if (!starts_with(directory, "/") || name.empty()) continue;
    const std::string candidate = directory + "/" + name;
    if (is_executable(candidate)) return candidate;
  }
  throw Error(ErrorKind::not_found, "cannot find program '" + name + "': it is not in PATH");
}

}  // namespace drydock
