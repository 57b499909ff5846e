#include "cli/run_options.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "base/unique_fd.hpp"
#include "cli/command_line.hpp"
#include "environment.hpp"

namespace drydock::cli {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;
using Words = std::vector<std::string>;

core::RunOptions read(Words words) {
  words.insert(words.begin(), "run");
  GlobalOptions partial;
  const CommandLine line = parse_command_line(words, partial);
  Console console;
  StopSource stop;
  return read_run_options({line.global, line.values, line.operands, line.container_command, console, stop});
}

Error error(const Words& words, ErrorKind kind = ErrorKind::usage) {
  try {
    read(words);
  } catch (const Error& thrown) {
    EXPECT_EQ(thrown.kind(), kind);
    EXPECT_FALSE(thrown.hint().empty()) << thrown.what();
    return thrown;
  }
  ADD_FAILURE() << "took " << testing::PrintToString(words);
  return {ErrorKind::internal, ""};
}

TEST(RunOptions, HaveTheirDefaults) {
  const core::RunOptions options = read({"--no-tty"});
  EXPECT_EQ(options.directory, ".");
  EXPECT_TRUE(options.command.empty());
  EXPECT_FALSE(options.detach);
  EXPECT_FALSE(options.tty);
  EXPECT_TRUE(options.stdin_open);
  EXPECT_EQ(options.detach_keys, "ctrl-],ctrl-]");
  EXPECT_EQ(options.mode, std::nullopt);
  EXPECT_EQ(options.limits.tmpfs_size, 1U << 30);
  EXPECT_FALSE(options.limits.memory);
  EXPECT_FALSE(options.limits.best_effort);
  EXPECT_TRUE(options.environment.empty());
}

TEST(RunOptions, AreTakenAsGiven) {
  const core::RunOptions options = read({"--no-tty",
                                         "--image",
                                         "i:1",
                                         "--agent",
                                         "shell",
                                         "--name",
                                         "night-1",
                                         "--allow",
                                         "a.example",
                                         "--allow",
                                         "b.example",
                                         "--allow-file",
                                         "f",
                                         "--mode",
                                         "dood",
                                         "-w",
                                         "/srv",
                                         "-d",
                                         "--detach-keys",
                                         "ctrl-a",
                                         "--memory",
                                         "1.5g",
                                         "--cpus",
                                         "0.5",
                                         "--pids-limit",
                                         "7",
                                         "--tmpfs-size",
                                         "64m",
                                         "--subnet-pool",
                                         "192.168.64.0/20",
                                         "--best-effort-limits",
                                         "dir",
                                         "--",
                                         "sh",
                                         "-c",
                                         "true"});
  EXPECT_EQ(options.directory, "dir");
  EXPECT_THAT(options.command, ElementsAre("sh", "-c", "true"));
  EXPECT_EQ(options.image, "i:1");
  EXPECT_EQ(options.agent, "shell");
  EXPECT_EQ(options.subnet_pool.to_string(), "192.168.64.0/20");
  EXPECT_EQ(options.name, "night-1");
  EXPECT_THAT(options.allow.hosts,
              ElementsAre(Field(&core::Given::value, "a.example"), Field(&core::Given::value, "b.example")));
  EXPECT_THAT(options.allow.files, ElementsAre(Field(&core::Given::value, "f")));
  EXPECT_EQ(options.mode, core::Mode::dood);
  EXPECT_EQ(options.workdir, "/srv");
  EXPECT_TRUE(options.detach);
  EXPECT_EQ(options.detach_keys, "ctrl-a");
  EXPECT_EQ(options.limits.memory, 1610612736U);
  EXPECT_EQ(options.limits.nano_cpus, 500'000'000U);
  EXPECT_EQ(options.limits.pids, 7);
  EXPECT_EQ(options.limits.tmpfs_size, 67108864U);
  EXPECT_TRUE(options.limits.best_effort);
}

TEST(RunOptions, TheLogIsKeptAndNobodyIsAskedUnlessItIsSaid) {
  EXPECT_TRUE(read({"--no-tty"}).log);
  EXPECT_FALSE(read({"--no-tty"}).ask);
  EXPECT_FALSE(read({"--no-tty", "--no-log"}).log);
  EXPECT_TRUE(read({"--no-tty", "--ask"}).ask);
  EXPECT_FALSE(read({"--no-tty"}).capture);
}

TEST(RunOptions, AnEmptyValueSwitchesTheDetachKeysOff) {
  EXPECT_EQ(read({"--no-tty", "--detach-keys="}).detach_keys, "");
  EXPECT_EQ(read({"--no-tty", "--detach-keys", ""}).detach_keys, "");
  EXPECT_EQ(read({"--detach-keys=", "--no-tty", "dir"}).directory, "dir");
}

TEST(RunOptions, VariablesAreSetOrPassedOn) {
  test::Environment environment;
  environment.set("DRYDOCK_TEST_SET", "from here");
  environment.set("DRYDOCK_TEST_UNSET", std::nullopt);
  const auto options = read({"--no-tty", "-e", "A=1", "-e", "B=", "-e", "C=x=y", "-e", "DRYDOCK_TEST_SET",
                             "-e", "DRYDOCK_TEST_UNSET"});
  EXPECT_THAT(options.environment, UnorderedElementsAre(Pair("A", "1"), Pair("B", ""), Pair("C", "x=y"),
                                                        Pair("DRYDOCK_TEST_SET", "from here")));
  EXPECT_THAT(error({"-e", "=x"}).what(), HasSubstr("names no variable"));
}

TEST(RunOptions, VariablesComeFromFilesToo) {
  test::Environment environment;
  environment.set("DRYDOCK_TEST_SET", "from here");
  environment.set("DRYDOCK_TEST_UNSET", std::nullopt);
  const TempFile file;
  file.write(
      "# a comment\n\nA=1\r\n  B=\"two words\" # no comment\nC=3\nDRYDOCK_TEST_SET\nDRYDOCK_TEST_UNSET\nD=");
  const auto options = read({"--no-tty", "-e", "C=4", "--env-file", file.path()});
  EXPECT_THAT(options.environment,
              UnorderedElementsAre(Pair("A", "1"), Pair("B", "\"two words\" # no comment"), Pair("C", "4"),
                                   Pair("DRYDOCK_TEST_SET", "from here"), Pair("D", "")));
  const TempFile wrong;
  wrong.write("A=1\nexport B=2\n");
  EXPECT_THAT(error({"--no-tty", "--env-file", wrong.path()}, ErrorKind::invalid).what(),
              HasSubstr(wrong.path() + ":2': 'export B' is no name"));
  EXPECT_THAT(error({"--no-tty", "--env-file", "/nonexistent/env"}, ErrorKind::invalid).what(),
              HasSubstr("No such file"));
  EXPECT_THAT(error({"--no-tty", "--env-file", "/tmp"}, ErrorKind::invalid).what(),
              HasSubstr("cannot read environment file '/tmp'"));
  const TempFile marked;
  marked.write("\xef\xbb\xbfMARKED=1\n");
  EXPECT_THAT(read({"--no-tty", "--env-file", marked.path()}).environment,
              UnorderedElementsAre(Pair("MARKED", "1")));
  EXPECT_TRUE(read({"--no-tty", "--env-file", "/dev/null"}).environment.empty());
}

TEST(RunOptions, PathsToMountAndToMaskAreKept) {
  const auto options =
      read({"--no-tty", "--mount", "/a:/b", "--mount", "/c:/d:rw", "--mask", ".env", "--project-ro"});
  EXPECT_THAT(options.view.mounts, testing::ElementsAre("/a:/b", "/c:/d:rw"));
  EXPECT_THAT(options.view.masks, testing::ElementsAre(".env"));
  EXPECT_TRUE(options.project_read_only);
  EXPECT_FALSE(read({"--no-tty"}).project_read_only);
}

TEST(RunOptions, ValuesThatMakeNoSenseAreRefused) {
  const std::vector<std::pair<const char*, std::vector<const char*>>> cases{
      {"--memory", {"", "0", "x", "-1g", "1q", "5m", "1e3", "9999999999999g", "1 g"}},
      {"--cpus", {"", "0", "-1", "x", "1,5", "5000", "nan"}},
      {"--pids-limit", {"", "0", "-1", "1.5", "many", "99999999999999999999"}},
      {"--tmpfs-size", {"", "0", "big"}},
      {"--subnet-pool", {"", "10.231.0.1/16", "10.231.0.0/29", "8.8.8.0/24"}},
      {"--mode", {"", "Contained", "jail"}},
      {"--name", {"a b", "a/b", "\xc3\xbc"}},
      {"--image", {""}}};
  for (const auto& [option, values] : cases) {
    for (const char* value : values) {
      const Error thrown = error({std::string(option) + "=" + value, "--no-tty"});
      EXPECT_THAT(thrown.what(), HasSubstr(option)) << value;
    }
  }
  EXPECT_THAT(error({"--name", std::string(65, 'n')}).what(), HasSubstr("--name"));
  EXPECT_EQ(read({"--no-tty", "--name", std::string(64, 'n')}).name.size(), 64U);
}

TEST(RunOptions, DashesNeedACommand) {
  EXPECT_STREQ(error({"--"}).what(), "cannot use '--': no command stands behind it");
}

// Standard input and output as a terminal has them, or not.
class Terminal : public testing::Test {
 protected:
  void SetUp() override {
    for (int fd = 0; fd < 2; ++fd) saved_[fd].reset(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
    std::fflush(stdout);
  }
  void TearDown() override {
    for (int fd = 0; fd < 2; ++fd) ::dup2(saved_[fd].get(), fd);
  }
  static UniqueFd open_terminal() {
    static const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    char name[64] = {};
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
        ::ptsname_r(master.get(), name, sizeof name) != 0)
      return {};
    return UniqueFd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  static void use(bool in, bool out) {
    const UniqueFd terminal = open_terminal();
    ASSERT_TRUE(terminal);
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(in ? terminal.get() : null.get(), 0);
    ::dup2(out ? terminal.get() : null.get(), 1);
  }

 private:
  UniqueFd saved_[2];
};

TEST_F(Terminal, IsUsedWhenBothEndsAreOne) {
  use(true, true);
  EXPECT_TRUE(read({}).tty);
  EXPECT_TRUE(read({"-t"}).tty);
  EXPECT_FALSE(read({"--no-tty"}).tty);
  EXPECT_FALSE(read({"-d"}).tty);
  EXPECT_EQ(read({"-t"}).environment.count("TERM"), 1U);
  EXPECT_EQ(read({"-t", "-e", "TERM=dumb"}).environment.at("TERM"), "dumb");
}

TEST_F(Terminal, IsNotUsedWhenOneEndIsNone) {
  for (const auto& [in, out] : {std::pair{true, false}, {false, true}, {false, false}}) {
    use(in, out);
    EXPECT_FALSE(read({}).tty);
    EXPECT_EQ(read({}).environment.count("TERM"), 0U);
    EXPECT_THAT(error({"-t"}).what(), HasSubstr("standard input and output are not a terminal"));
    EXPECT_TRUE(read({"-t", "-d"}).tty) << "a detached session may have one for later";
  }
}

TEST_F(Terminal, CannotBeAskedForAndRefusedAtOnce) {
  use(true, true);
  EXPECT_THAT(error({"-t", "--no-tty"}).what(), HasSubstr("contradicts"));
}

TEST(RunOptions, NothingIsFetchedUnlessAsked) {
  EXPECT_EQ(read({"--no-tty"}).pull, core::PullPolicy::never);
  EXPECT_EQ(read({"--no-tty", "--pull", "newer"}).pull, core::PullPolicy::newer);
  EXPECT_THAT(error({"--no-tty", "--pull", "sometimes"}).what(), HasSubstr("'sometimes' is no pull policy"));
}

}  // namespace
}  // namespace drydock::cli
