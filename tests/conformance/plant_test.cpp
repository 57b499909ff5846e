// J21: what the agent leaves in the project for the host to run: git's hooks cannot be planted, and what else
// was changed is told. Git itself works.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Every way to get a program of one's own to where the host's git looks for a hook. Says which worked.
constexpr const char* plant_script = R"(mark() { "$@" 2>/dev/null && echo "$WAY worked"; }
plant() { printf '#!/bin/sh\ntouch %s/planted\n' "$PWD" > "$1" && chmod 755 "$1"; }
for hooks in "$@"; do
  repository=${hooks%/hooks}
  WAY="write in $hooks" mark plant $hooks/post-checkout
  WAY="write by another name in $hooks" mark plant $repository/../$(basename $repository)/hooks/post-checkout
  WAY="rename onto $hooks" mark sh -c "plant() { echo x > \$1; }; plant mine && mv mine $hooks/post-checkout"
  WAY="hard link into $hooks" mark ln .git/HEAD $hooks/post-checkout
  WAY="replace $hooks" mark mv $hooks $hooks.old
  WAY="remove $hooks" mark rmdir $hooks
  WAY="a link for $hooks" mark ln -sfn /tmp $hooks
  WAY="mode of $hooks" mark chmod 700 $hooks
  WAY="unmount $hooks" mark umount $hooks
  WAY="remount $hooks" mark mount -o remount,rw $hooks
  while test "$repository" != . -a "$repository" != "$PWD"; do
    WAY="replace $repository" mark mv $repository $repository.old
    repository=$(dirname $repository)
  done
done
echo done
)";

class Plant : public Conformance {
 protected:
  // Git on the host, as the user, in the project.
  Outcome git(const std::string& script) const {
    return sh_as_dev(
        "cd " + quote(project()) +
        " && export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a.test GIT_COMMITTER_NAME=a "
        "GIT_COMMITTER_EMAIL=a@a.test; git config --global protocol.file.allow always; git config "
        "--global safe.directory '*'; set -e; " +
        script);
  }
  // The paths of the plant script that worked.
  void expect_nothing_planted(const Outcome& outcome, const std::string& left = {}) const {
    EXPECT_EQ(outcome.status, 0) << outcome;
    EXPECT_EQ(outcome.out, left + "done\n") << outcome;
  }
  std::string host_hooks(const std::string& folder) const {
    return sh("cd " + quote(project()) + " && find " + folder + " -type f ! -name '*.sample' -o -type l").out;
  }
  bool host_ran_it() const {
    // Whatever a planted hook makes of its status: what counts is whether it ran.
    git("git checkout -q -f HEAD || true");
    return sh("test -e " + quote(project() + "/planted")).status == 0;
  }
};

TEST_P(Plant, J21_NoHookIsPlanted) {
  const Outcome made = git(
      "git init -q; echo one > file; git add file; git commit -qm one; git init -q ../sub-$(basename $PWD); "
      "cd ../sub-$(basename " +
      project() + "); echo x > x; git add x; git commit -qm x; cd " + quote(project()) +
      "; git submodule --quiet add $(realpath ../sub-$(basename $PWD)) deep/sub; git commit -qm sub; "
      "test -d .git/modules/deep/sub/hooks");
  ASSERT_EQ(made.status, 0) << made;
  write_project_file("plant.sh", plant_script);
  const std::string hooks = " .git/hooks .git/modules/deep/sub/hooks";
  const Outcome jailed = run("-q", "sh plant.sh" + hooks);
  expect_nothing_planted(jailed);
  EXPECT_EQ(host_hooks(".git/hooks .git/modules/deep/sub/hooks"), "");
  EXPECT_FALSE(host_ran_it());

  const Outcome beside = run("-q", "sh -c 'echo y > .git/beside && echo y > hooks && cat .git/beside'");
  EXPECT_EQ(beside.out, "y\n") << "the control: only the hooks are shut " << beside;
  const Outcome control = unjailed("sh plant.sh .git/modules/deep/sub/hooks");
  for (const char* way :
       {"write in .git/modules/deep/sub/hooks", "write by another name in .git/modules/deep/sub/hooks",
        "rename onto .git/modules/deep/sub/hooks", "replace .git/modules/deep/sub/hooks",
        "mode of .git/modules/deep/sub/hooks", "replace .git/modules/deep", "replace .git"}) {
    EXPECT_NE(control.out.find(std::string(way) + " worked\n"), std::string::npos)
        << "the control: it works where nothing is guarded: " << way << " " << control;
  }
  sh("rm -rf " + quote(project()) + "/../sub-$(basename " + quote(project()) + ")");
}

TEST_P(Plant, J21_TheHostRunsNoHookOfTheAgents) {
  ASSERT_EQ(git("git init -q; echo one > file; git add file; git commit -qm one").status, 0);
  write_project_file("plant.sh", plant_script);
  const std::string plant =
      "sh -c 'printf \"#!/bin/sh\\ntouch $PWD/planted\\n\" > .git/hooks/post-checkout && "
      "chmod 755 .git/hooks/post-checkout'";
  const Outcome jailed = run("-q", plant);
  EXPECT_NE(jailed.status, 0) << jailed;
  EXPECT_FALSE(host_ran_it());
  const Outcome control = unjailed(plant);
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_TRUE(host_ran_it()) << "the control: the host's git runs what is there";
}

TEST_P(Plant, J21_GitWorksInsideWithWorktreesToo) {
  ASSERT_EQ(
      git("git init -q; git config user.name a; git config user.email a@a.test; echo one > file; "
          "git add file; git commit -qm one; printf '#!/bin/sh\\ntouch hook-ran\\n' > .git/hooks/pre-commit; "
          "chmod 755 .git/hooks/pre-commit")
          .status,
      0);
  const Outcome worked = run(
      "-q",
      "sh -ec 'echo two > file; git commit -qam two; test -e hook-ran; git worktree add -q tree -b other; "
      "cd tree; echo three > file; git commit -qam three; cd ..; git merge -q other; git gc -q; git stash "
      "list; git config user.name b; git fsck; "
      "git log --format=%s'");
  EXPECT_EQ(worked.status, 0) << worked;
  EXPECT_NE(worked.out.find("three\ntwo\none\n"), std::string::npos) << worked;
  const Outcome host = git("git log --format=%s -1; git -C tree status --porcelain");
  EXPECT_EQ(host.out, "three\n?? hook-ran\n") << host;
}

TEST_P(Plant, J21_WhatElseTheHostMayRunIsTold) {
  ASSERT_EQ(
      git("git init -q; mkdir -p .github/workflows; echo a > .github/workflows/ci.yml; echo a > Makefile; "
          "echo a > .envrc; echo '{}' > package.json")
          .status,
      0);
  const std::string change =
      "sh -c 'git config core.hooksPath /tmp; mkdir .vscode; echo {} > .vscode/tasks.json; echo b > "
      "Makefile; "
      "rm .envrc; echo a > .github/workflows/ci.yml; echo b > source.c; "
      "echo \"{\\\"scripts\\\": {\\\"test\\\": \\\"evil\\\"}}\" > package.json; git init -q nested'";
  const Outcome loud = run("", change);
  EXPECT_EQ(loud.status, 0) << loud;
  EXPECT_EQ(loud.out, "");
  for (const char* line : {"changed: .git/config", "new: .vscode/tasks.json", "changed: Makefile",
                           "gone: .envrc", "changed: package.json", "new: nested/.git/config"}) {
    EXPECT_NE(loud.err.find(std::string("drydock:   ") + line + "\n"), std::string::npos)
        << line << " " << loud;
  }
  EXPECT_EQ(loud.err.find("ci.yml"), std::string::npos) << "its content is the same " << loud;
  EXPECT_EQ(loud.err.find("source.c"), std::string::npos) << loud;

  const Outcome quiet = run("-q", "sh -c 'echo c > Makefile'");
  EXPECT_EQ(quiet.err, "") << quiet;
  const Outcome nothing = run("", "true");
  EXPECT_EQ(nothing.err.find("changed"), std::string::npos) << nothing;

  const Outcome detached = run("-q -d", "sh -c 'echo d > Makefile; touch up; sleep 1000'");
  ASSERT_EQ(detached.status, 0) << detached;
  sh("for i in $(seq 100); do test -e " + quote(project() + "/up") + " && break; sleep 0.1; done");
  const Outcome stopped = drydock("stop --time 0 --all");
  EXPECT_NE(stopped.err.find("drydock:   changed: Makefile\n"), std::string::npos) << stopped;
}

TEST_P(Plant, J21_WhatIsReachedThroughLinksIsToldAndNotMounted) {
  // Where a link of the agent's leads must never be what the next session mounts.
  ASSERT_EQ(git("git init -q --separate-git-dir=real; test -f .git; mkdir secret ../outside-$(basename $PWD)")
                .status,
            0);
  const Outcome pointed =
      run("-q", "sh -c 'echo gitdir: nowhere > .git; echo x > real/hooks/post-checkout; true'");
  EXPECT_EQ(pointed.status, 0) << pointed;
  EXPECT_EQ(sh("cat " + quote(project() + "/.git")).out, "gitdir: " + project() + "/real\n");
  EXPECT_EQ(host_hooks("real/hooks"), "");

  ASSERT_EQ(
      git("rm .git; ln -s real .git; rm -rf real/hooks; ln -s ../../outside-$(basename $PWD) real/hooks")
          .status,
      0);
  const Outcome linked =
      run("", "sh -c 'ls real/hooks/ .git/hooks/; rm real/hooks; ln -s /tmp real/hooks; ls -di .git'");
  EXPECT_EQ(linked.out.find("outside"), std::string::npos) << linked;
  EXPECT_NE(linked.err.find("changed: real/hooks"), std::string::npos) << linked;
  sh("rm -rf " + quote(project()) + "/../outside-$(basename " + quote(project()) + ")");
}

TEST_P(Plant, J21_AFolderSwappedForALinkAfterTheLookEndsTheSession) {
  const std::string secret = project() + "-secret";
  ASSERT_EQ(git("git init -q; mkdir decoy " + quote(secret) + "; echo secret | tee decoy/key > " +
                quote(secret + "/key"))
                .status,
            0);
  const std::string steal = "sh -c 'sleep 20; cat .git/hooks/key > stolen; echo ran > ran'";
  for (const std::string& target : {secret, std::string("../decoy")}) {
    // After its third change of the engine it stands still: networks are there, the agent is not.
    const Outcome raced = sh_as_user(
        "cd " + quote(project()) + "; DRYDOCK_FAULT=stop:3 setsid " + DRYDOCK_FAULTY_PROGRAM + " --runtime " +
        backend() + " -q run --image " + test_image + " -- " + steal + " < /dev/null & run=$!; " +
        "for i in $(seq 600); do grep -q '^State:.T' /proc/$run/status && break; sleep 0.1; done; "
        "grep '^State:.T' /proc/$run/status && mv .git/hooks .git/away && ln -s " +
        quote(target) + " .git/hooks; kill -CONT $run; wait $run");
    EXPECT_NE(raced.out, "") << "the control: it stood still";
    EXPECT_EQ(raced.status, 125) << raced;
    // crun refuses by itself where the link leads nowhere in the container.
    const bool told = raced.err.find("/.git/hooks' is not what was looked at") != std::string::npos ||
                      (target == secret && raced.err.find("crun: ") != std::string::npos);
    EXPECT_TRUE(told) << raced;
    EXPECT_NE(sh("test -e " + quote(project() + "/ran")).status, 0) << "it went on";
    EXPECT_NE(sh("test -e " + quote(project() + "/stolen")).status, 0);
    EXPECT_EQ(leftovers(), "");
    ASSERT_EQ(sh_as_user("cd " + quote(project()) + " && rm .git/hooks && mv .git/away .git/hooks").status,
              0);
  }
  const Outcome control = run("-q", steal);
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_EQ(sh("test -e " + quote(project() + "/ran")).status, 0) << "the control: without the link it runs";
  EXPECT_EQ(sh("cat " + quote(project() + "/stolen")).out, "");
  sh("rm -rf " + quote(secret));
}

INSTANTIATE_TEST_SUITE_P(Backend, Plant, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
