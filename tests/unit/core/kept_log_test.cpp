#include "core/kept_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "base/scope_exit.hpp"
#include "core/log_check.hpp"
#include "nobody.hpp"
#include "orchestration.hpp"
#include "policy/line_chain.hpp"

namespace drydock::core {
namespace {

class KeptLogTest : public testing::Test {
 protected:
  KeptLogTest() {
    environment.set("XDG_STATE_HOME", directory.path());
    session.id = "0a0b0c0d";
    session.project = directory.path() + "/project";
    session.sidecars = {"side"};
    std::filesystem::create_directories(session.project + "/inside");
    engine.container_map["side"];
    engine.log_of = [this](const std::string&) { return said; };
    policy::LineChain chain;
    for (const char* line : {R"({"event":"begin","opened":0,"refused":0})",
                             R"({"event":"denied","host":"a","opened":3,"refused":1})",
                             R"({"event":"exit","opened":3,"refused":1})"}) {
      said += chain.seal(line) + "\n";
    }
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void put(const std::string& id, std::time_t ended, std::size_t size) {
    const std::string path = decisions_directory() + "/" + id + ".jsonl";
    std::ofstream(path) << std::string(size, 'x');
    const timespec times[2] = {{ended, 0}, {ended, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  test::Environment environment;
  TempDir directory;
  test::FakeEngine engine;
  SessionRecord session;
  std::string said;
};

TEST_F(KeptLogTest, KeepsTheGuardsLinesAsTheyAreAndClosesThem) {
  said += "drydock-guard: error: what the program says is no line\n";
  keep_decisions(engine, session);
  const auto logs = kept_logs();
  ASSERT_EQ(logs.size(), 1U);
  EXPECT_EQ(logs[0].path, directory.path() + "/drydock/decisions/0a0b0c0d.jsonl");
  struct stat status {};
  ASSERT_EQ(::stat(logs[0].path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ASSERT_EQ(::stat(decisions_directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  const std::string text = content(logs[0].path);
  EXPECT_EQ(text.find(said.substr(0, said.find("drydock-guard"))), 0U);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  LogChecker checker(LogKind::kept);
  read_kept_log(logs[0], [&](std::string_view line, bool whole) {
    checker.add(line, whole);
    return true;
  });
  const LogCheck check = checker.finish();
  EXPECT_EQ(check.state, LogCheck::State::whole) << check.reason;
  const KeptSummary summary = summary_of(logs[0]);
  EXPECT_EQ(summary.project, session.project);
  EXPECT_EQ(summary.lines, 3U);
  EXPECT_EQ(summary.counts.allowed, 3);
  EXPECT_EQ(summary.counts.denied, 1);
}

// Docker and Podman keep the end alone of a log that is too long.
TEST_F(KeptLogTest, TheLineThatClosesItSaysHowManyLinesWereGone) {
  policy::LineChain chain(5000, std::string(64, 'a'));
  said = "of a line that was cut off\"}\n" + chain.seal(R"({"event":"exit","opened":3,"refused":1})") + "\n";
  keep_decisions(engine, session);
  ASSERT_EQ(kept_logs().size(), 1U);
  const auto state_without = [&](std::size_t lines) {
    LogChecker checker(LogKind::kept);
    read_kept_log(kept_logs()[0], [&](std::string_view line, bool whole) {
      if (lines == 0) checker.add(line, whole);
      if (lines > 0) --lines;
      return true;
    });
    return checker.finish().state;
  };
  EXPECT_EQ(state_without(0), LogCheck::State::bounded) << content(kept_logs()[0].path);
  EXPECT_EQ(state_without(1), LogCheck::State::missing);
}

TEST_F(KeptLogTest, EndsTheGuardFirst) {
  engine.container_map["side"].state = runtime::ContainerState::running;
  keep_decisions(engine, session);
  EXPECT_NE(engine.container_map["side"].state, runtime::ContainerState::running);
}

TEST_F(KeptLogTest, KeepsNothingWhereThereIsNothing) {
  session.log = false;
  keep_decisions(engine, session);
  session.log = true;
  said.clear();
  keep_decisions(engine, session);
  session.sidecars.clear();
  keep_decisions(engine, session);
  EXPECT_TRUE(kept_logs().empty());
  // A failure keeps no session from being removed.
  session.sidecars = {"none"};
  EXPECT_NO_THROW(keep_decisions(engine, session));
  environment.set("XDG_STATE_HOME", "/proc/none");
  session.sidecars = {"side"};
  said = "{}\n";
  EXPECT_NO_THROW(keep_decisions(engine, session));
}

TEST_F(KeptLogTest, ALongerOneIsNotReplaced) {
  keep_decisions(engine, session);
  const std::string before = content(kept_logs()[0].path);
  said = said.substr(0, said.find('\n') + 1);
  keep_decisions(engine, session);
  EXPECT_EQ(content(kept_logs()[0].path), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(decisions_directory()), {}), 1);
}

TEST_F(KeptLogTest, FindsOneByItsIdAndByItsProject) {
  keep_decisions(engine, session);
  session.id = "0affffff";
  session.project = directory.path();
  keep_decisions(engine, session);
  const auto found = [](const std::string& wanted, const std::string& place) {
    const auto log = find_kept_log(wanted, place);
    return log ? log->session : "";
  };
  EXPECT_EQ(found("0a0b0c0d", "/"), "0a0b0c0d");
  EXPECT_EQ(found("0a0b", "/"), "0a0b0c0d");
  EXPECT_THROW(found("0a", "/"), Error);
  EXPECT_EQ(found("0", "/"), "");
  EXPECT_EQ(found(directory.path() + "/project", "/"), "0a0b0c0d");
  EXPECT_EQ(found("", directory.path() + "/drydock"), "0affffff");
  EXPECT_EQ(found("", "/"), "");
  EXPECT_EQ(found("nobody", directory.path()), "");
}

// Nothing kept, and nothing that can be read, are two things.
TEST_F(KeptLogTest, WithoutPermissionNoneIsNotWhatIsSaid) {
  keep_decisions(engine, session);
  const std::string file = kept_logs().at(0).path;
  test::give_to_nobody(directory.path());
  const auto refused = [&](const std::string& path, mode_t mode, const std::function<void()>& read) {
    EXPECT_EQ(::chmod(path.c_str(), 0), 0);
    const ScopeExit open([&] { ::chmod(path.c_str(), mode); });
    const test::AsNobody user;
    try {
      read();
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::permission);
      return std::string(error.what()) + " => " + error.hint();
    }
    return std::string();
  };
  const std::string folder = decisions_directory();
  for (const std::string& closed : {folder, directory.path() + "/drydock"}) {
    for (const auto& read : {std::function<void()>([] { kept_logs(); }),
                             std::function<void()>([&] { find_kept_log(session.id, "/"); })}) {
      EXPECT_EQ(refused(closed, 0700, read),
                "cannot read folder '" + folder +
                    "': Permission denied => open the folder for yourself: chmod u+rwx " + closed);
    }
  }
  const KeptLog log = kept_logs().at(0);
  EXPECT_EQ(
      refused(file, 0600, [&] { read_kept_log(log, [](std::string_view, bool) { return true; }); }),
      "cannot read file '" + file + "': Permission denied => make it readable for you: chmod u+r " + file);
}

TEST_F(KeptLogTest, TheOldestGoFirst) {
  std::filesystem::create_directories(decisions_directory());
  const auto names = [] {
    std::vector<std::string> all;
    for (const KeptLog& log : kept_logs()) all.push_back(log.session);
    return all;
  };
  const auto fill = [&] {
    put("a", 1000, 10);
    put("b", 2000, 10);
    put("c", 3000, 10);
  };
  fill();
  prune_kept_logs({3, 30, 2000}, 3000, "c");
  EXPECT_EQ(names(), (std::vector<std::string>{"c", "b", "a"}));
  prune_kept_logs({2, 30, 2000}, 3000, "c");
  EXPECT_EQ(names(), (std::vector<std::string>{"c", "b"}));
  fill();
  prune_kept_logs({3, 15, 2000}, 3000, "c");
  EXPECT_EQ(names(), (std::vector<std::string>{"c"}));
  fill();
  prune_kept_logs({3, 30, 1500}, 3000, "c");
  EXPECT_EQ(names(), (std::vector<std::string>{"c", "b"}));
  fill();
  prune_kept_logs({3, 5, 1500}, 3000, "c");
  EXPECT_EQ(names(), (std::vector<std::string>{"c"}));
}

}  // namespace
}  // namespace drydock::core
