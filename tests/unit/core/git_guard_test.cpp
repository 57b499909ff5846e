#include "core/git_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "core/sessions.hpp"
#include "environment.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class GitGuard : public testing::Test {
 protected:
  void make(const std::string& folder) const { fs::create_directories(project() + "/" + folder); }
  void write(const std::string& path, const std::string& text) const {
    make(fs::path(path).parent_path());
    std::ofstream(project() + "/" + path) << text;
  }
  void link(const std::string& path, const std::string& target) const {
    fs::create_symlink(target, project() + "/" + path);
  }
  void repository(const std::string& folder) const {
    make(folder + "/hooks");
    write(folder + "/HEAD", "ref: refs/heads/main\n");
  }
  std::string project() const { return directory_.path() + "/project"; }
  // "path" or "path (ro)", below the project.
  std::vector<std::string> found(const std::function<bool(const std::string&)>& contested = nobody) {
    GitGuards guards = find_git_guards(project(), contested);
    notices_ = guards.notices;
    std::vector<std::string> paths;
    for (const GuardedPath& guard : guards.paths)
      paths.push_back(guard.path.substr(project().size() + 1) + (guard.read_only ? " (ro)" : ""));
    return paths;
  }
  static bool nobody(const std::string&) { return false; }

  TempDir directory_;
  std::vector<std::string> notices_;
};

TEST_F(GitGuard, ARepositoryAndItsSubmodules) {
  make("");
  EXPECT_THAT(found(), IsEmpty()) << "no repository";
  repository(".git");
  repository(".git/modules/lib");
  repository(".git/modules/lib/modules/inner");
  repository(".git/modules/third/party");
  make(".git/modules/empty/hooks");  // no repository
  EXPECT_THAT(found(), ElementsAre(".git", ".git/hooks (ro)", ".git/modules", ".git/modules/lib",
                                   ".git/modules/lib/hooks (ro)", ".git/modules/lib/modules",
                                   ".git/modules/lib/modules/inner",
                                   ".git/modules/lib/modules/inner/hooks (ro)", ".git/modules/third",
                                   ".git/modules/third/party", ".git/modules/third/party/hooks (ro)"));
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(GitGuard, LinksAreNotFollowed) {
  repository("elsewhere");
  repository(".git");
  fs::remove(project() + "/.git/hooks");
  link(".git/hooks", "../elsewhere/hooks");
  make(".git/modules");
  link(".git/modules/lib", "../../elsewhere");
  EXPECT_THAT(found(), ElementsAre(".git"));
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("/.git/hooks' is not guarded: it is a link")));
  fs::remove_all(project() + "/.git");
  link(".git", "elsewhere");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(GitGuard, AMissingHooksFolderIsMadeBeforeItIsMounted) {
  repository(".git");
  repository(".git/modules/lib");
  for (const char* hooks : {"/.git/hooks", "/.git/modules/lib/hooks"}) fs::remove(project() + hooks);
  EXPECT_THAT(found(), ElementsAre(".git", ".git/hooks (ro)", ".git/modules", ".git/modules/lib",
                                   ".git/modules/lib/hooks (ro)"));
  EXPECT_FALSE(fs::exists(project() + "/.git/hooks")) << "a look makes nothing";
  auto guards = find_git_guards(project(), nobody).paths;
  EXPECT_TRUE(guards[1].missing);
  EXPECT_THAT(make_missing(guards), IsEmpty());
  ASSERT_THAT(guards, SizeIs(5));
  for (const GuardedPath& guard : guards) {
    struct stat status {};
    ASSERT_EQ(::lstat(guard.path.c_str(), &status), 0) << guard.path;
    EXPECT_TRUE(S_ISDIR(status.st_mode) && !guard.missing) << guard.path;
    EXPECT_EQ(status.st_ino, guard.inode) << guard.path;
  }
  EXPECT_TRUE(fs::is_empty(project() + "/.git/hooks"));
}

TEST_F(GitGuard, AHooksFolderIsMadeInTheFolderThatWasLookedAtOnly) {
  repository(".git");
  repository("other");
  fs::remove(project() + "/.git/hooks");
  fs::remove(project() + "/other/hooks");
  const auto guards = find_git_guards(project(), nobody).paths;
  fs::rename(project() + "/.git", project() + "/old");
  for (const bool linked : {true, false}) {
    if (linked) {
      link(".git", "other");
    } else {
      fs::remove(project() + "/.git");
      repository(".git");
      fs::remove(project() + "/.git/hooks");
    }
    auto now = guards;
    EXPECT_THAT(make_missing(now), ElementsAre(HasSubstr("/.git/hooks' is not guarded: "))) << linked;
    EXPECT_THAT(now, SizeIs(1)) << "what could not be made is not mounted";
    EXPECT_FALSE(fs::exists(project() + "/other/hooks") || fs::exists(project() + "/.git/hooks"));
  }
  // What is no folder meanwhile is not followed.
  fs::remove_all(project() + "/.git");
  fs::rename(project() + "/old", project() + "/.git");
  link(".git/hooks", "/etc");
  auto now = guards;
  EXPECT_THAT(make_missing(now), ElementsAre(HasSubstr("it cannot be opened")));
}

TEST_F(GitGuard, AFileThatPointsSomewhere) {
  repository("main.git");
  repository("main.git/worktrees/tree");
  write("main.git/worktrees/tree/commondir", "../..\n");
  for (const std::string& pointer :
       {std::string("main.git"), project() + "/main.git", std::string("./main.git/")}) {
    write(".git", "gitdir: " + pointer + "\n");
    EXPECT_THAT(found(), ElementsAre(".git (ro)", "main.git", "main.git/hooks (ro)")) << pointer;
  }
  write(".git", "gitdir: main.git/worktrees/tree\n");
  EXPECT_THAT(found(), ElementsAre(".git (ro)", "main.git", "main.git/worktrees", "main.git/worktrees/tree",
                                   "main.git/worktrees/tree/hooks (ro)", "main.git/hooks (ro)"));
  for (const char* pointer : {"../outside", "/", "/etc", "main.git/../../x", "", "."}) {
    write(".git", "gitdir: " + std::string(pointer) + "\n");
    EXPECT_THAT(found(), ElementsAre(".git (ro)")) << "what is outside is not in the container: " << pointer;
  }
  link("way", "main.git/worktrees");
  write(".git", "gitdir: way/tree\n");
  EXPECT_THAT(found(), ElementsAre(".git (ro)")) << "through a link";
  write(".git", "something else\n");
  EXPECT_THAT(found(), ElementsAre(".git (ro)"));
}

TEST_F(GitGuard, TooManyAreTold) {
  repository(".git");
  for (int i = 0; i < 100; ++i) repository(".git/modules/m" + std::to_string(i));
  EXPECT_THAT(found(), SizeIs(64));
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("are not guarded: too many")));
}

TEST_F(GitGuard, WhatAnotherSessionCouldReplaceIsNotMounted) {
  repository(".git");
  repository(".git/modules/lib");
  EXPECT_THAT(found([&](const std::string& path) { return path == project() + "/.git"; }), IsEmpty());
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("another session in this project could replace it")));
  EXPECT_THAT(found([&](const std::string& path) { return path == project() + "/.git/modules"; }),
              ElementsAre(".git", ".git/hooks (ro)"));
}

TEST_F(GitGuard, ASessionInTheSameProjectContestsWhatItHasNoMountOf) {
  test::Environment environment;
  environment.set("XDG_RUNTIME_DIR", directory_.path());
  const std::string git = "/srv/projects/demo/.git";
  EXPECT_FALSE(contested_by_sessions(git)) << "there is no session";
  PlanRequest request = test::sample_request();
  Plan plan = build_plan(request);
  make_session_directory(plan.session, "podman", Owner::self());
  save_plan(plan);
  EXPECT_FALSE(contested_by_sessions(git)) << "it is a mount point there";
  EXPECT_FALSE(contested_by_sessions("/srv/projects/other/.git"));
  EXPECT_TRUE(contested_by_sessions(git + "/modules"));
  request.git.paths.clear();
  plan = build_plan(request);
  save_plan(plan);
  EXPECT_TRUE(contested_by_sessions(git));
  request.project.path = "/srv/projects";
  save_plan(build_plan(request));
  EXPECT_TRUE(contested_by_sessions(git)) << "it holds the project";
}

TEST_F(GitGuard, WhatAProcessSeesIsCompared) {
  repository(".git");
  const auto guards = find_git_guards(project(), nobody).paths;
  ASSERT_THAT(guards, SizeIs(2));
  EXPECT_THAT(misplaced(guards, ::getpid()), IsEmpty());
  EXPECT_THAT(misplaced(guards, 0), IsEmpty());
  fs::rename(project() + "/.git/hooks", project() + "/.git/old");
  link(".git/hooks", "/etc");
  EXPECT_THAT(misplaced(guards, ::getpid()), ElementsAre(project() + "/.git/hooks"));
  EXPECT_THAT(misplaced(guards, 0), ElementsAre(project() + "/.git/hooks"))
      << "one that ended at once had the same";
}

}  // namespace
}  // namespace drydock::core
