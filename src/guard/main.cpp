#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "guard/guard.hpp"
#include "guard/probe.hpp"

namespace {

constexpr const char* default_directory = "/etc/drydock";

// A tunnel takes two descriptors; the soft limit of a container is often 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Before any thread is made, so that all of them inherit it.
void block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

// Until there is something to see: standard input ends then, or is none from the beginning.
void await_word_to_begin() {
  constexpr int longest_silence_ms = 60'000;
  std::array<char, 64> ignored{};
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (true) {
    const int count = ::poll(&input, 1, longest_silence_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || ::read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
  }
}

int run_probe(const char* settings) {
  try {
    const auto checks = drydock::guard::probe(drydock::guard::parse_probe(settings), await_word_to_begin);
    std::cout << drydock::guard::to_line(checks) << std::flush;
    return std::cout ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "drydock-guard: error: cannot probe: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--probe") return run_probe(argv[2]);
  const std::string directory = argc > 1 ? argv[1] : default_directory;
  if (argc > 2) {
    std::cerr << "usage: drydock-guard [DIRECTORY | --probe JSON]\n";
    return 2;
  }
  try {
    raise_descriptor_limit();
    block_signals();
    ::setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);  // resolv.conf(5)
    drydock::guard::Guard guard(directory, {}, {}, 1);
    const int status = guard.run();
    // Look-ups may be under way that nobody waits for.
    std::_Exit(status);
  } catch (const drydock::guard::ConfigError& error) {
    std::cerr << "drydock-guard: error: cannot use the configuration in '" << directory
              << "': " << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "drydock-guard: error: " << error.what() << '\n';
  }
  std::_Exit(1);
}
