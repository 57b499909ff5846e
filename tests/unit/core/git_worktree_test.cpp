#include "core/git_worktree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "core/plan.hpp"
#include "core/sessions.hpp"
#include "environment.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// As `git worktree add ../tree` leaves it: main/.git, and tree with a file that leads there.
class Worktree : public testing::Test {
 protected:
  Worktree() {
    fs::create_directories(directory_.path() + "/runtime");  // else another one would be chosen
    environment_.set("XDG_RUNTIME_DIR", directory_.path() + "/runtime");
    for (const char* folder : {"hooks", "objects", "refs", "worktrees/tree", "worktrees/other"})
      fs::create_directories(common() + "/" + folder);
    fs::create_directories(project());
    write(common() + "/HEAD", "ref: refs/heads/main\n");
    write(own() + "/HEAD", "ref: refs/heads/tree\n");
    write(own() + "/commondir", "../..\n");
    write(own() + "/gitdir", project() + "/.git\n");
    write(project() + "/.git", "gitdir: " + own() + "\n");
  }
  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  static bool nobody(const std::string&) { return false; }
  std::string common() const { return directory_.path() + "/main/.git"; }
  std::string own() const { return common() + "/worktrees/tree"; }
  std::string project() const { return directory_.path() + "/tree"; }
  FoundWorktree found() const { return find_worktree(project(), ::geteuid()); }
  GitGuards guards(const std::vector<GuardedPath>& mounts = {},
                   const std::function<bool(const std::string&)>& contested = nobody) const {
    GitGuards guards = find_git_guards(project(), contested);
    add_worktree(guards, project(), ::geteuid(), mounts, contested);
    return guards;
  }
  // "path" or "path (ro)", below the folder of all.
  std::vector<std::string> paths(const GitGuards& guards) const {
    std::vector<std::string> paths;
    for (const GuardedPath& guard : guards.paths)
      paths.push_back(guard.path.substr(directory_.path().size() + 1) + (guard.read_only ? " (ro)" : ""));
    return paths;
  }
  void expect_refused(const std::string& why) const {
    const FoundWorktree now = found();
    EXPECT_FALSE(now.worktree) << why;
    EXPECT_THAT(now.reason, HasSubstr("git will not work in the session: .git leads to '"));
    EXPECT_THAT(now.reason, HasSubstr(why));
    const GitGuards left = guards();
    EXPECT_FALSE(left.worktree);
    EXPECT_THAT(paths(left), Each(HasSubstr("tree/.git")));
    EXPECT_THAT(left.notices, Contains(now.reason));
  }

  TempDir directory_;
  test::Environment environment_;
};

TEST_F(Worktree, ItsRepositoryIsMountedAndWhatTheHostRunsIsReadOnly) {
  write(common() + "/modules/lib/HEAD", "x");
  fs::create_directories(common() + "/modules/lib/hooks");
  write(own() + "/modules/lib/HEAD", "x");
  fs::create_directories(own() + "/modules/lib/hooks");
  const GitGuards all = guards();
  ASSERT_TRUE(all.worktree);
  EXPECT_EQ(all.worktree->common, common());
  EXPECT_EQ(all.worktree->own, own());
  EXPECT_THAT(
      paths(all),
      ElementsAre("tree/.git (ro)", "main/.git", "main/.git/worktrees (ro)", "main/.git/worktrees/tree",
                  "main/.git/worktrees/tree/commondir (ro)", "main/.git/worktrees/tree/gitdir (ro)",
                  "main/.git/hooks (ro)", "main/.git/modules", "main/.git/modules/lib",
                  "main/.git/modules/lib/hooks (ro)", "main/.git/worktrees/tree/modules",
                  "main/.git/worktrees/tree/modules/lib", "main/.git/worktrees/tree/modules/lib/hooks (ro)"));
  EXPECT_THAT(all.notices,
              ElementsAre(HasSubstr("'" + common() + "' is mounted as well, so that git works")));
  fs::remove(common() + "/hooks");
  EXPECT_THAT(paths(guards()), Contains("main/.git/hooks (ro)")) << "it will be made";
}

TEST_F(Worktree, RelativePointersAreFollowedAsGitDoes) {
  write(project() + "/.git", "gitdir: ../main/.git/worktrees/tree\n");
  write(own() + "/gitdir", "../../../../tree/.git\n");
  EXPECT_TRUE(found().worktree) << found().reason;
  write(own() + "/commondir", common() + "\n");
  EXPECT_TRUE(found().worktree) << found().reason;
}

TEST_F(Worktree, BothSidesHaveToAgree) {
  write(own() + "/gitdir", directory_.path() + "/elsewhere/.git\n");
  expect_refused("does not lead back to this folder");
  fs::remove(own() + "/gitdir");
  expect_refused("does not lead back to this folder");
  write(own() + "/gitdir", project() + "/.git\n");
  ASSERT_TRUE(found().worktree);

  // A part that is made to name another repository.
  write(directory_.path() + "/victim/.git/HEAD", "x");
  for (const char* folder : {"objects", "refs", "worktrees/tree"})
    fs::create_directories(directory_.path() + "/victim/.git/" + folder);
  write(own() + "/commondir", directory_.path() + "/victim/.git\n");
  expect_refused("the repository that this one names is another");
  write(own() + "/commondir", "../../..\n");
  expect_refused("the repository that this one names is another");
  fs::remove(own() + "/commondir");
  expect_refused("no worktree's part of a repository");
  write(own() + "/commondir", "../..\n");
  fs::remove(common() + "/HEAD");
  expect_refused("the repository that this one names is another");
  fs::remove_all(own());
  expect_refused("which is not there");
}

TEST_F(Worktree, LinksAreNotFollowed) {
  fs::rename(own(), directory_.path() + "/moved");
  fs::create_symlink(directory_.path() + "/moved", own());
  expect_refused("a link is on the way");
  fs::remove(own());
  fs::rename(directory_.path() + "/moved", own());
  ASSERT_TRUE(found().worktree);
  fs::create_symlink(directory_.path() + "/main", directory_.path() + "/way");
  write(project() + "/.git", "gitdir: " + directory_.path() + "/way/.git/worktrees/tree\n");
  expect_refused("a link is on the way");
  write(project() + "/.git", "gitdir: " + own() + "\n");
  fs::rename(own() + "/gitdir", own() + "/real");
  fs::create_symlink("real", own() + "/gitdir");
  expect_refused("does not lead back");
}

TEST_F(Worktree, ItHasToBelongToTheUser) {
  EXPECT_THAT(find_worktree(project(), ::geteuid() + 1).reason, HasSubstr("which belongs to somebody else"));
  EXPECT_FALSE(find_worktree(project(), ::geteuid() + 1).worktree);
  if (::geteuid() != 0) return;  // the rest needs another owner
  for (const std::string& path : {common(), common() + "/worktrees", own(), own() + "/commondir",
                                  own() + "/gitdir", project() + "/.git"}) {
    ASSERT_EQ(::lchown(path.c_str(), 12345, 12345), 0);
    expect_refused("which belongs to somebody else");
    ASSERT_EQ(::lchown(path.c_str(), 0, 0), 0);
    ASSERT_TRUE(found().worktree) << path;
  }
}

TEST_F(Worktree, WhatMayNotBeMountedIsNot) {
  environment_.set("HOME", directory_.path() + "/main/.git/home");
  fs::create_directories(directory_.path() + "/main/.git/home");
  expect_refused("it contains your home folder");
  environment_.set("HOME", directory_.path() + "/main");
  ASSERT_TRUE(found().worktree) << "the control: below it is well " << found().reason;
  environment_.set("XDG_CONFIG_HOME", common());
  fs::create_directories(common() + "/drydock");
  expect_refused("it contains '" + common() + "/drydock'");
}

TEST_F(Worktree, AProjectInTheRepositoryItselfIsNone) {
  const std::string inside = common() + "/tree";
  fs::create_directories(inside);
  write(inside + "/.git", "gitdir: " + own() + "\n");
  write(own() + "/gitdir", inside + "/.git\n");
  const FoundWorktree now = find_worktree(inside, ::geteuid());
  EXPECT_FALSE(now.worktree);
  EXPECT_THAT(now.reason, HasSubstr("the project lies in that repository"));
}

TEST_F(Worktree, OtherRepositoriesAreNoAffairOfIts) {
  write(project() + "/.git", "something\n");
  EXPECT_EQ(found().reason, "");
  write(project() + "/.git", "gitdir: inside\n");
  EXPECT_EQ(found().reason, "") << "it is in the project";
  fs::remove(project() + "/.git");
  EXPECT_EQ(found().reason, "");
  EXPECT_FALSE(found().worktree);
}

TEST_F(Worktree, MountsOfTheUserComeFirst) {
  const auto mount = [](const std::string& source, const std::string& target) {
    return std::vector<GuardedPath>{{source, true, 1, 1, target}};
  };
  for (const std::string& target : {common(), common() + "/objects", directory_.path() + "/main"}) {
    const GitGuards left = guards(mount("/srv/x", target));
    EXPECT_FALSE(left.worktree) << target;
    EXPECT_THAT(left.notices, ElementsAre(HasSubstr("something else is mounted where its repository")))
        << target;
  }
  EXPECT_TRUE(guards(mount("/srv/x", "/mnt/x")).worktree);
  EXPECT_TRUE(guards(mount(directory_.path() + "/main", directory_.path() + "/main")).worktree);
}

TEST_F(Worktree, WhatAnotherSessionCouldReplaceIsNotMounted) {
  for (const std::string& path : {common(), common() + "/hooks", common() + "/worktrees", own(),
                                  own() + "/gitdir", own() + "/commondir", project() + "/.git"}) {
    const GitGuards left = guards({}, [&](const std::string& asked) { return asked == path; });
    EXPECT_FALSE(left.worktree) << path;
    EXPECT_THAT(left.notices, Contains(HasSubstr("git will not work in the session"))) << path;
  }
}

TEST_F(Worktree, SessionsInTwoWorktreesOfOneRepositoryLiveSideBySide) {
  PlanRequest request = test::sample_request();
  request.project = {project(), "tree", "tree-1"};
  request.git = guards();
  const Plan plan = build_plan(request);
  make_session_directory(plan.session, "podman", Owner::self());
  save_plan(plan);
  EXPECT_TRUE(guards({}, contested_by_sessions).worktree) << "another one in the same folder";
  const std::string second = directory_.path() + "/other";
  const std::string part = common() + "/worktrees/other";
  write(second + "/.git", "gitdir: " + part + "\n");
  write(part + "/commondir", "../..\n");
  write(part + "/gitdir", second + "/.git\n");
  GitGuards beside = find_git_guards(second, contested_by_sessions);
  add_worktree(beside, second, ::geteuid(), {}, contested_by_sessions);
  EXPECT_TRUE(beside.worktree) << testing::PrintToString(beside.notices);
  EXPECT_TRUE(contested_by_sessions(common() + "/objects")) << "the control: that one can be replaced";
  EXPECT_TRUE(contested_by_sessions(own() + "/index"));
  EXPECT_FALSE(contested_by_sessions(part + "/index")) << "below a read-only mount";
}

}  // namespace
}  // namespace drydock::core
