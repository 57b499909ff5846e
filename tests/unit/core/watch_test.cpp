#include "core/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "orchestration.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class Watching : public Orchestration {
 protected:
  std::string project() const { return directory.path() + "/demo"; }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((project() + "/" + path).substr(0, (project() + "/" + path).rfind('/')));
    std::ofstream(project() + "/" + path) << text;
  }
  // What is told when `change` happens between the two looks.
  template <typename Change>
  std::vector<std::string> told(const Change& change) const {
    const Watch before = look_at(project());
    change();
    return differences(before, look_at(project()));
  }
};

TEST_F(Watching, TellsWhatTheHostMayRun) {
  const std::vector<std::string> paths{".git/config",
                                       ".git/config.worktree",
                                       ".git/commondir",
                                       ".git/hooks/pre-commit",
                                       ".git/hooks/deep/x",
                                       ".git/modules/a/b/config",
                                       ".git/modules/a/b/hooks/update",
                                       ".git/worktrees/w/commondir",
                                       ".envrc",
                                       "sub/.envrc",
                                       "sub/nested/.git/config",
                                       "sub/nested/.git/hooks/post-checkout",
                                       "wt/.git",
                                       ".vscode/tasks.json",
                                       ".vscode/settings.json",
                                       ".github/workflows/ci.yml",
                                       ".gitlab-ci.yml",
                                       "Makefile",
                                       "deep/down/there/Justfile",
                                       ".husky/pre-push",
                                       ".claude/settings.json",
                                       ".claude/settings.local.json",
                                       ".claude/hooks/deep/x.sh",
                                       ".claude/skills/s/run.sh",
                                       ".claude/worktrees/w/.envrc",
                                       ".mcp.json",
                                       ".opencode/plugin/x.js",
                                       ".opencode/plugins/x.js",
                                       "sub/opencode.jsonc",
                                       ".gemini/settings.json",
                                       ".codex/config.toml",
                                       ".cursor/mcp.json",
                                       ".cursor/hooks.json",
                                       ".idea/runConfigurations/a.xml",
                                       ".run/a.run.xml",
                                       ".zed/tasks.json",
                                       ".devcontainer.json",
                                       "a.code-workspace",
                                       "bare/config",
                                       "bare/hooks/post-receive"};
  for (const char* repository : {".git/modules/a/b", ".git/worktrees/w", "bare"})
    write(repository + std::string("/HEAD"), "ref: x\n");
  fs::create_directories(project() + "/bare/objects");
  fs::create_directories(project() + "/bare/refs");
  for (const std::string& path : paths) {
    EXPECT_THAT(told([&] { write(path, "one"); }), ElementsAre("new: " + path));
    EXPECT_THAT(told([&] { write(path, "two"); }), ElementsAre("changed: " + path));
    EXPECT_THAT(told([&] { fs::permissions(project() + "/" + path, fs::perms(0755)); }),
                ElementsAre("changed: " + path));
    EXPECT_THAT(told([&] { write(path, "two"); }), IsEmpty()) << "the same content: " << path;
    EXPECT_THAT(told([&] { fs::remove(project() + "/" + path); }), ElementsAre("gone: " + path));
    write(path, "three");
  }
}

TEST_F(Watching, IsSilentAboutTheRest) {
  EXPECT_THAT(
      told([&] {
        for (const char* path :
             {"src/main.c", "README", ".git/index", ".git/HEAD", ".git/objects/ab/cd", ".git/refs/heads/x",
              ".git/hooks/pre-commit.sample", ".git/logs/HEAD", "node_modules/x/package.json", "config",
              "hooks/pre-commit", ".claude/CLAUDE.md", ".claude/worktrees/w/x.c", ".claude/.github/x",
              ".idea/workspace.xml", ".opencode/plugin/node_modules/x.js", "settings.json"})
          write(path, "x");
      }),
      IsEmpty());
}

TEST_F(Watching, OfAPackageOnlyTheScriptsCount) {
  write("package.json", R"({"version": "1", "scripts": {"test": "true"}})");
  EXPECT_THAT(
      told([&] { write("package.json", R"({"version": "2", "scripts": {"test": "true"}, "a": []})"); }),
      IsEmpty());
  EXPECT_THAT(told([&] { write("package.json", R"({"version": "2", "scripts": {"test": "evil"}})"); }),
              ElementsAre("changed: package.json"));
  EXPECT_THAT(told([&] { write("package.json", "no JSON"); }), ElementsAre("changed: package.json"));
  EXPECT_THAT(told([&] { write("package.json", "no JSON at all"); }), ElementsAre("changed: package.json"));
}

TEST_F(Watching, LinksAreToldAndNotFollowed) {
  write("other/config", "x");
  write("other/tasks.json", "x");
  EXPECT_THAT(told([&] {
                fs::create_symlink("other", project() + "/.git");
                fs::create_symlink("other", project() + "/.vscode");
                fs::create_symlink("other", project() + "/.claude");
                fs::create_directories(project() + "/.opencode");
                fs::create_symlink("../other", project() + "/.opencode/plugin");
                fs::create_symlink("/etc/passwd", project() + "/.envrc");
              }),
              UnorderedElementsAre("new: .git", "new: .vscode", "new: .claude", "new: .opencode/plugin",
                                   "new: .envrc"));
  EXPECT_THAT(told([&] { write("other/config", "y"); }), IsEmpty());
  EXPECT_THAT(told([&] {
                fs::remove(project() + "/.envrc");
                fs::create_symlink("/etc/group", project() + "/.envrc");
              }),
              ElementsAre("changed: .envrc"));
  fs::remove(project() + "/.git");
  write(".git/config", "x");
  fs::create_symlink("../other", project() + "/.git/hooks");
  EXPECT_THAT(told([&] {
                fs::remove(project() + "/.git/hooks");
                fs::create_symlink("../elsewhere", project() + "/.git/hooks");
              }),
              ElementsAre("changed: .git/hooks"));
}

TEST_F(Watching, WhatIsNoFileBlocksNothing) {
  ASSERT_EQ(::mkfifo((project() + "/.envrc").c_str(), 0600), 0);
  EXPECT_THAT(told([] {}), IsEmpty());
  EXPECT_THAT(told([&] {
                fs::remove(project() + "/.envrc");
                write(".envrc", "x");
              }),
              ElementsAre("changed: .envrc"));
}

TEST_F(Watching, LargeFilesAreJudgedByTheirTimes) {
  write("Makefile", std::string((4U << 20U) + 1, 'a'));
  EXPECT_THAT(told([] {}), IsEmpty());
  EXPECT_THAT(told([&] {
                ::usleep(20000);  // a tick of the file system's clock
                write("Makefile", std::string((4U << 20U) + 1, 'b'));
              }),
              ElementsAre("changed: Makefile"));
}

TEST_F(Watching, IsBounded) {
  for (int i = 0; i < 60; ++i) write(".husky/h" + std::to_string(i), "x");
  EXPECT_THAT(told([&] {
                for (int i = 0; i < 60; ++i) write(".husky/h" + std::to_string(i), "y");
              }),
              testing::AllOf(SizeIs(51), testing::Contains("and 10 more")));
  // Filling the project hides nothing of .git, and is told.
  write(".git/config", "x");
  const auto sentences = told([&] {
    write(".git/config", "y");
    for (int i = 0; i < 2001; ++i) write(".husky/n" + std::to_string(i), "");
  });
  EXPECT_THAT(sentences, testing::Contains("changed: .git/config"));
  EXPECT_EQ(sentences.back(), "there is too much to look at all of it");
}

TEST_F(Watching, SoItIsBesideTheProject) {
  const std::string rw = directory.path() + "/rw";
  const std::string file = directory.path() + "/settings";
  for (const char* folder : {"/.git/hooks", "/.git/info", "/tree/.vscode"})
    fs::create_directories(rw + folder);
  // A repository's own folder, as a worktree has it.
  const std::string common = directory.path() + "/main.git";
  for (const char* folder : {"/objects", "/refs", "/worktrees/a"}) fs::create_directories(common + folder);
  std::ofstream(common + "/HEAD") << "x";
  std::ofstream(common + "/worktrees/a/HEAD") << "x";
  std::ofstream(file) << "one";
  const std::vector<std::string> beside{rw, file, common, directory.path() + "/absent"};
  const Watch before = look_at(project(), beside);
  EXPECT_THAT(differences(before, look_at(project(), beside)), IsEmpty());
  for (const std::string& path :
       {rw + "/.envrc", rw + "/.git/config", rw + "/.git/info/attributes", rw + "/.git/info/exclude",
        rw + "/tree/.vscode/tasks.json", rw + "/source.c", file, common + "/config", common + "/index",
        common + "/worktrees/a/config.worktree", directory.path() + "/absent", directory.path() + "/.envrc"})
    std::ofstream(path) << "two";
  write(".envrc", "x");
  EXPECT_THAT(differences(before, look_at(project(), beside)),
              UnorderedElementsAre(
                  "new: .envrc", "new: " + rw + "/.envrc", "new: " + rw + "/.git/config",
                  "new: " + rw + "/.git/info/attributes", "new: " + rw + "/tree/.vscode/tasks.json",
                  "changed: " + file, "new: " + common + "/config",
                  "new: " + common + "/worktrees/a/config.worktree", "new: " + directory.path() + "/absent"));
}

TEST_F(Watching, NamesAreFitForATerminal) {
  EXPECT_THAT(told([&] { write(".husky/a\x1b[2Jb", "x"); }), ElementsAre("new: .husky/a?[2Jb"));
  EXPECT_THAT(told([&] { write(".husky/a\ndrydock: no more\u009b2J\u202e", "x"); }),
              ElementsAre("new: .husky/a?drydock: no more?2J?"));
}

TEST_F(Watching, IsKeptAsText) {
  Watch watch{
      {{".envrc", "abc"}, {"a\nb/.envrc", "link x"}, {"\xff/.envrc", ""}}, true, {"/srv/a", "/srv/b"}};
  for (const bool complete : {true, false}) {
    watch.complete = complete;
    const auto again = watch_from_text(to_text(watch));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->files, watch.files);
    EXPECT_EQ(again->complete, complete);
    EXPECT_EQ(again->beside, watch.beside);
  }
  const std::string text = to_text(watch);
  for (const std::string& other :
       {std::string(), std::string("x"), text.substr(0, text.size() - 2), text.substr(0, 9), "z" + text})
    EXPECT_FALSE(watch_from_text(other)) << other;
}

TEST_F(Watching, IsToldOnceASession) {
  make_session_directory("0123abcd", "podman", Owner::self());
  begin_watch("0123abcd", project());
  write(".envrc", "x");
  end_watch("0123abcd", project(), talk);
  EXPECT_THAT(talk.said,
              ElementsAre(HasSubstr("while session 0123abcd ran"), "  new: .envrc (direnv runs it)"));
  end_watch("0123abcd", project(), talk);
  EXPECT_THAT(talk.said, SizeIs(2));
  begin_watch("0123abcd", project());
  end_watch("0123abcd", project(), talk);
  EXPECT_THAT(talk.said, SizeIs(2)) << "nothing changed";
  const std::string beside = directory.path() + "/rw";
  fs::create_directories(beside);
  begin_watch("0123abcd", project(), {beside});
  std::ofstream(beside + "/.envrc") << "x";
  end_watch("0123abcd", project(), talk);
  ASSERT_THAT(talk.said, SizeIs(4));
  EXPECT_THAT(talk.said[2], HasSubstr("this changed in its project or beside it, and"));
  EXPECT_EQ(talk.said[3], "  new: " + beside + "/.envrc (direnv runs it)");
  end_watch("ffffffff", project(), talk);
  EXPECT_THAT(talk.warned, IsEmpty());
}

}  // namespace
}  // namespace drydock::core
