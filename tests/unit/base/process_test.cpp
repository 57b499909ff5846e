#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace drydock {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

ProcessResult shell(const std::string& script, const ProcessOptions& options = {}) {
  return run_process({"/bin/sh", "-c", script}, options);
}

// A zombie is dead: who reaps an orphan, and when, is not ours to say.
bool is_alive(pid_t pid) {
  std::string text;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), text);
  const auto name_end = text.rfind(") ");
  return name_end != std::string::npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

bool ends_within(pid_t pid, std::chrono::milliseconds limit) {
  for (const auto until = Clock::now() + limit; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
    if (!is_alive(pid)) return true;
  }
  return !is_alive(pid);
}

TEST(Process, KeepsOutputApartFromErrors) {
  const ProcessResult result = shell("echo out; echo err >&2");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error_output, "err\n");
}

TEST(Process, PassesExitCodesOn) {
  EXPECT_EQ(shell("exit 7").exit_code, 7);
  EXPECT_EQ(shell("kill -KILL $$").exit_code, 128 + SIGKILL);
}

TEST(Process, PassesArgumentsAsTheyAre) {
  const ProcessResult result = run_process({"printf", "%s|", "a b", "$HOME", "", "';*"});
  EXPECT_EQ(result.output, "a b|$HOME||';*|");
}

TEST(Process, ChangesTheEnvironment) {
  ::setenv("DRYDOCK_UNIT_KEPT", "kept", 1);
  ::setenv("DRYDOCK_UNIT_GONE", "gone", 1);
  ProcessOptions options;
  options.environment = {{"DRYDOCK_UNIT_NEW", "a=b"}, {"DRYDOCK_UNIT_GONE", std::nullopt}};
  const ProcessResult result =
      shell("echo \"$DRYDOCK_UNIT_NEW,$DRYDOCK_UNIT_KEPT,${DRYDOCK_UNIT_GONE-unset}\"", options);
  EXPECT_EQ(result.output, "a=b,kept,unset\n");
}

TEST(Process, StdinIsEmpty) { EXPECT_EQ(run_process({"cat"}).output, ""); }

TEST(Process, ChildGetsNoDescriptorOfOurs) {
  // Not close-on-exec, as a library might leave one.
  const UniqueFd leaky(::open("/dev/null", O_RDONLY));
  ASSERT_GE(leaky.get(), 3);
  const ProcessResult result = run_process({"ls", "/proc/self/fd"});
  std::set<std::string> open;
  for (const std::string& name : split(trim(result.output), '\n')) open.insert(name);
  // The fourth is the directory that ls reads.
  EXPECT_EQ(open, (std::set<std::string>{"0", "1", "2", "3"}));
}

TEST(Process, ChildHasDefaultSignals) {
  struct sigaction ignore {};
  struct sigaction earlier {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &earlier);
  const ProcessResult result = run_process({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"});
  sigaction(SIGPIPE, &earlier, nullptr);
  for (const std::string& line : split(trim(result.output), '\n')) {
    const auto mask = std::stoull(line.substr(line.find('\t') + 1), nullptr, 16);
    EXPECT_EQ(mask & (1ULL << (SIGPIPE - 1)), 0U) << line;
  }
}

TEST(Process, TakesMuchOutputOnBothPipes) {
  const ProcessResult result = shell(
      "i=0; while [ $i -lt 3000 ]; do printf '%0100d\\n' $i; printf '%0100d\\n' $i >&2; "
      "i=$((i+1)); done");
  EXPECT_EQ(result.output.size(), 3000U * 101U);
  EXPECT_LE(result.error_output.size(), 64U << 10);
  EXPECT_TRUE(ends_with(result.error_output, "2999\n"));
}

TEST(Process, EndsAChildThatWritesWithoutEnd) {
  ProcessOptions options;
  options.output_limit = 10000;
  try {
    run_process({"yes"}, options);
    FAIL() << "yes ended";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::protocol);
    EXPECT_STREQ(error.what(), "cannot run program 'yes': it wrote more than 10000 bytes");
  }
}

TEST(Process, HandsOutErrorLinesAsTheyCome) {
  std::vector<std::string> lines;
  ProcessOptions options;
  options.on_error_line = [&](std::string_view line) { lines.emplace_back(line); };
  const ProcessResult result = shell("echo one >&2; echo two >&2; printf three >&2", options);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(result.error_output, "one\ntwo\nthree");
}

TEST(Process, StopEndsTheChildAndItsChildren) {
  const TempFile pids;
  StopSource stop;
  ProcessOptions options;
  options.stop = &stop;
  std::thread stopper([&] {
    while (std::filesystem::file_size(pids.path()) == 0) std::this_thread::sleep_for(5ms);
    stop.request(SIGTERM);
  });
  const auto begin = Clock::now();
  try {
    shell("sleep 60 & echo $$ $! >" + pids.path() + "; wait", options);
    ADD_FAILURE() << "the child ended by itself";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.signal(), SIGTERM);
  }
  stopper.join();
  EXPECT_LT(Clock::now() - begin, 10s);
  pid_t child = 0;
  pid_t grandchild = 0;
  std::ifstream(pids.path()) >> child >> grandchild;
  ASSERT_GT(child, 0);
  ASSERT_GT(grandchild, 0);
  EXPECT_FALSE(is_alive(child));
  EXPECT_TRUE(ends_within(grandchild, 5s));
}

TEST(Process, StopEndsAChildThatIgnoresIt) {
  StopSource stop;
  ProcessOptions options;
  options.stop = &stop;
  options.grace = 50ms;
  const TempFile ready;
  std::thread stopper([&] {
    while (std::filesystem::file_size(ready.path()) == 0) std::this_thread::sleep_for(5ms);
    stop.request(SIGINT);
  });
  const auto begin = Clock::now();
  EXPECT_THROW(shell("trap '' TERM; echo x >" + ready.path() + "; while :; do sleep 60; done", options),
               Interrupted);
  stopper.join();
  EXPECT_LT(Clock::now() - begin, 10s);
}

TEST(Process, StartsNothingOnceStopped) {
  StopSource stop;
  stop.request(SIGINT);
  const TempDir directory;
  ProcessOptions options;
  options.stop = &stop;
  EXPECT_THROW(shell("touch " + directory.path() + "/made", options), Interrupted);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/made"));
}

TEST(Process, DoesNotWaitForADaemonThatKeepsThePipes) {
  const auto begin = Clock::now();
  const ProcessResult result = shell("sleep 60 & echo $!");
  EXPECT_LT(Clock::now() - begin, 10s);
  ::kill(static_cast<pid_t>(std::stol(result.output)), SIGKILL);
}

TEST(Process, RunCheckedTellsTheLastWords) {
  try {
    run_checked({"/bin/sh", "-c", "echo first >&2; echo 'it broke' >&2; exit 3"});
    FAIL() << "exit status 3 is no success";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::engine);
    EXPECT_STREQ(error.what(), "cannot run program '/bin/sh': it broke");
    ASSERT_EQ(error.notes().size(), 1U);
    EXPECT_TRUE(ends_with(error.notes()[0], "exit status 3"));
  }
  try {
    run_checked({"false"});
    FAIL() << "false is no success";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot run program 'false': exit status 1");
  }
}

TEST(Process, FileThatCannotBeExecutedIsAnError) {
  const TempDir directory;
  const std::string path = directory.path() + "/program";
  std::ofstream(path) << "\x7f"
                      << "ELF no program";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  EXPECT_THROW(run_process({path}), Error);
}

TEST(FindProgram, LooksInPathInOrder) {
  const TempDir first;
  const TempDir second;
  for (const TempDir* directory : {&first, &second}) {
    std::ofstream(directory->path() + "/tool") << "#!/bin/sh\n";
  }
  std::filesystem::permissions(second.path() + "/tool", std::filesystem::perms::owner_all);
  const std::string earlier = std::getenv("PATH");
  ::setenv("PATH", (first.path() + ":" + second.path()).c_str(), 1);
  std::string found;
  std::string system;
  try {
    found = find_program("tool");
    system = find_program("ldconfig");
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
  ::setenv("PATH", earlier.c_str(), 1);
  EXPECT_EQ(found, second.path() + "/tool") << "a file that nobody may execute is no program";
  EXPECT_TRUE(ends_with(system, "/sbin/ldconfig"));
}

TEST(FindProgram, IgnoresRelativeEntries) {
  const TempDir directory;
  std::ofstream(directory.path() + "/planted-tool") << "#!/bin/sh\n";
  std::filesystem::permissions(directory.path() + "/planted-tool", std::filesystem::perms::owner_all);
  const std::string earlier = std::getenv("PATH");
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  ::setenv("PATH", (".::" + earlier).c_str(), 1);
  EXPECT_THROW(find_program("planted-tool"), Error);
  ::setenv("PATH", earlier.c_str(), 1);
  std::filesystem::current_path(here);
}

TEST(FindProgram, AbsentIsNotFound) {
  for (const char* name : {"drydock-no-such-program", "/nonexistent/program", "", "/etc/passwd", "/tmp"}) {
    try {
      find_program(name);
      ADD_FAILURE() << "found '" << name << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::not_found) << name;
    }
  }
}

}  // namespace
}  // namespace drydock
