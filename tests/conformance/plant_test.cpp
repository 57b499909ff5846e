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

// The same from a worktree, in the repository at $1 that it belongs to, which has another one, `other`. The
// last ways leave nothing of it.
constexpr const char* worktree_script = R"(mark() { "$@" 2>/dev/null && echo "$WAY worked"; }
git=$1
own=$git/worktrees/$(basename "$PWD")
other=$git/worktrees/other
plant() { printf '#!/bin/sh\ntouch %s/planted\n' "$PWD" > "$1" && chmod 755 "$1"; }
WAY="write a hook" mark plant $git/hooks/post-checkout
WAY="hard link a hook" mark ln $git/HEAD $git/hooks/post-merge
WAY="mode of the hooks" mark chmod 700 $git/hooks
WAY="another repository for this one" mark sh -c "echo $PWD/evil > $own/commondir"
WAY="another folder for this one" mark sh -c "echo $PWD/evil/.git > $own/gitdir"
WAY="another repository for the other" mark sh -c "echo $PWD/evil > $other/commondir"
WAY="settings of the other" mark sh -c "echo x > $other/config.worktree"
WAY="one more worktree" mark mkdir $git/worktrees/more
WAY="another .git" mark sh -c 'echo gitdir: evil > .git'
WAY="replace .git" mark mv .git .git.old
WAY="replace the way" mark mv $own/commondir $own/old
WAY="replace this one" mark mv $own $own.old
WAY="replace the other" mark mv $other $other.old
WAY="replace the hooks" mark mv $git/hooks $git/old
WAY="replace the worktrees" mark mv $git/worktrees $git/old.worktrees
WAY="replace the repository" mark mv $git $git.old
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

TEST_P(Plant, J21_GitWorksInAWorktreeWhoseRepositoryIsElsewhere) {
  const std::string main = project() + "-main";
  const std::string identity = "git config user.name a; git config user.email a@a.test; ";
  const Outcome made =
      git("git init -q -b main " + quote(main) + "; cd " + quote(main) + "; " + identity +
          "echo one > file; git add file; git commit -qm one; git worktree add -q " + quote(project()) +
          " -b side; git worktree add -q other; cat " + quote(project() + "/.git"));
  ASSERT_EQ(made.status, 0) << made;
  ASSERT_EQ(made.out.find("gitdir: " + main + "/.git/worktrees/"), 0U) << made;

  const std::string work =
      "sh -ec 'git status --porcelain; git log --format=%s; echo two > file; git add file; git commit -qm "
      "two; "
      "git branch third; git stash list; test 0 = $(git config gc.auto); git fsck; git worktree list | wc "
      "-l; cat " +
      main + "/file'";
  const Outcome worked = run("", work);
  EXPECT_NE(worked.status, 0) << "of the other checkout nothing is there but .git " << worked;
  EXPECT_EQ(worked.out, "one\n3\n") << worked;
  EXPECT_NE(worked.err.find("the project is a git worktree: its repository '" + main + "/.git' is mounted"),
            std::string::npos)
      << worked;
  const Outcome host =
      git("git status --porcelain; git log --format=%s -1; cd " + quote(main) +
          "; git log --format=%s -1 side; git rev-parse --verify -q third; git log --format=%s -1");
  EXPECT_EQ(host.status, 0) << host;
  EXPECT_EQ(host.out.find("two\ntwo\n"), 0U) << "what was committed inside is there " << host;
  EXPECT_TRUE(ends_with(host.out, "\none\n")) << "the main checkout is where it was " << host;

  write_project_file("plant.sh", worktree_script);
  const std::string words = "sh plant.sh " + quote(main + "/.git");
  expect_nothing_planted(run("-q", words));
  EXPECT_EQ(sh("ls " + quote(main + "/.git/hooks") + " | grep -v sample").out, "");
  const Outcome beside = run("", "sh -c 'echo y > " + main + "/.git/beside && cat " + main +
                                     "/.git/beside; git config core.pager evil'");
  EXPECT_EQ(beside.out, "y\n") << "the control: the rest of it can be written to " << beside;
  EXPECT_NE(beside.err.find("drydock:   changed: " + main +
                            "/.git/config (git runs what it names: core.pager = evil)\n"),
            std::string::npos)
      << beside;

  const Outcome read_only =
      run("-q --project-ro", "sh -c 'git log --format=%s -1; echo x > " + main + "/.git/x'");
  EXPECT_EQ(read_only.out, "two\n") << read_only;
  EXPECT_NE(read_only.status, 0) << read_only;

  // What is not told by both sides is not mounted: this folder's file leads to the other worktree's part.
  ASSERT_EQ(git("cp .git kept; echo gitdir: " + quote(main + "/.git/worktrees/other") + " > .git").status, 0);
  const Outcome forged = run("", "sh -c 'ls -d " + main + " || git log'");
  EXPECT_NE(forged.status, 0) << forged;
  EXPECT_EQ(forged.out, "") << forged;
  EXPECT_NE(forged.err.find("git will not work in the session: .git leads to '" + main +
                            "/.git/worktrees/other', which does not lead back to this folder"),
            std::string::npos)
      << forged;
  ASSERT_EQ(git("cat kept > .git").status, 0);

  const Outcome control = unjailed(words, "-v " + quote(main) + ":" + quote(main));
  EXPECT_EQ(split(control.out, '\n').size(), 18U)
      << "the control: all of it works where nothing is guarded " << control;
  sh("rm -rf " + quote(main));
}

TEST_P(Plant, J21_AHooksFolderThatIsMissingIsNoWayIn) {
  ASSERT_EQ(
      git("git init -q --template=; test ! -e .git/hooks; echo one > file; git add file; git commit -qm one")
          .status,
      0);
  write_project_file("plant.sh", plant_script);
  const Outcome looked = drydock("run --image " + std::string(test_image) + " --dry-run -- true");
  EXPECT_NE(looked.out.find(project() + "/.git/hooks (read-only)"), std::string::npos) << looked;
  EXPECT_NE(sh("test -e " + quote(project() + "/.git/hooks")).status, 0) << "a dry run makes nothing";
  const Outcome control = unjailed(
      "sh -c 'mkdir .git/hooks && echo x > .git/hooks/post-checkout && rm -r .git/hooks && echo done'");
  EXPECT_EQ(control.out, "done\n") << "the control: it works where nothing is guarded " << control;
  expect_nothing_planted(run("-q", "sh plant.sh .git/hooks"));
  EXPECT_EQ(host_hooks(".git/hooks"), "");
  EXPECT_FALSE(host_ran_it());
  EXPECT_EQ(sh("cd " + quote(project()) + " && stat -c %u:%g .git/hooks .git | sort -u | wc -l").out, "1\n");
}

// The four that are known from the field, by one agent in one session.
constexpr const char* four_plants =
    R"(told() { if "$@" 2> /dev/null; then echo "$WAY worked"; else echo "$WAY failed"; fi; }
hook() { printf '#!/bin/sh\ntouch hook-ran\n' > .git/hooks/pre-commit && chmod 755 .git/hooks/pre-commit; }
monitor() { printf '#!/bin/sh\ntouch monitor-ran\n' > watch.sh && chmod 755 watch.sh && git config core.fsmonitor ./watch.sh; }
envrc() { echo 'touch envrc-ran' > .envrc; }
tasks() { mkdir -p .vscode && echo '{"tasks": [{"label": "x", "command": "touch task-ran"}]}' > .vscode/tasks.json; }
harmless() { echo written > notes.txt; }
for each in hook monitor envrc tasks harmless; do WAY=$each told $each; done
)";

TEST_P(Plant, J21_OfFourPlantsInOneSessionOneFailsAndThreeAreTold) {
  ASSERT_EQ(git("git init -q; echo one > file; git add file; git commit -qm one").status, 0);
  write_project_file("plants.sh", four_plants);
  const Outcome jailed = run("", "sh plants.sh");
  EXPECT_EQ(jailed.out, "hook failed\nmonitor worked\nenvrc worked\ntasks worked\nharmless worked\n")
      << jailed;
  EXPECT_EQ(host_hooks(".git/hooks"), "");
  for (const char* told :
       {"changed: .git/config (git runs what it names: core.fsmonitor = ./watch.sh)",
        "new: .envrc (direnv runs it)", "new: .vscode/tasks.json (VS Code runs its tasks: touch task-ran)"}) {
    EXPECT_NE(jailed.err.find(std::string("drydock:   ") + told + "\n"), std::string::npos)
        << told << " " << jailed;
  }
  for (const char* silent : {"pre-commit", "notes.txt", "watch.sh\n"})
    EXPECT_EQ(jailed.err.find(silent), std::string::npos) << silent << " " << jailed;
  EXPECT_EQ(sh("cat " + quote(project() + "/notes.txt")).out, "written\n");

  // ls fails when one of them is not there, which is as it should be: what it names is what counts.
  const std::string commit =
      "rm -f hook-ran monitor-ran; git commit -q --allow-empty -m two; ls hook-ran monitor-ran 2> /dev/null "
      "|| true";
  EXPECT_EQ(git(commit).out, "monitor-ran\n") << "what is told is what the host's git runs, and no hook is";
  const Outcome control = unjailed("sh plants.sh");
  EXPECT_EQ(control.out.find("hook worked\n"), 0U)
      << "the control: it works where nothing is guarded " << control;
  EXPECT_EQ(git(commit).out, "hook-ran\nmonitor-ran\n") << "and the host's git runs it";
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
    EXPECT_NE(loud.err.find(std::string("drydock:   ") + line), std::string::npos) << line << " " << loud;
  }
  EXPECT_EQ(loud.err.find("ci.yml"), std::string::npos) << "its content is the same " << loud;
  EXPECT_EQ(loud.err.find("source.c"), std::string::npos) << loud;

  // And what agents run that the user starts on the host.
  const Outcome agents =
      run("",
          "sh -c 'mkdir -p .claude/hooks .opencode/plugin; echo x > .claude/hooks/x.sh; echo x > "
          ".claude/CLAUDE.md; "
          "echo x > .opencode/plugin/x.js; echo \"{\\\"mcpServers\\\": {\\\"a\\\": {\\\"command\\\": "
          "\\\"evil\\\"}}}\" > .mcp.json; echo \"{\\\"hooks\\\": {\\\"Stop\\\": [{\\\"command\\\": "
          "\\\"curl x\\\"}]}}\" > .claude/settings.local.json'");
  EXPECT_EQ(agents.status, 0) << agents;
  for (const char* line : {"new: .claude/hooks/x.sh (Claude Code runs it, where its settings say so)\n",
                           "new: .claude/settings.local.json (Claude Code runs what it names: curl x)\n",
                           "new: .mcp.json (Claude Code runs what it names: evil)\n",
                           "new: .opencode/plugin/x.js (OpenCode runs it)\n"}) {
    EXPECT_NE(agents.err.find(std::string("drydock:   ") + line), std::string::npos) << line << " " << agents;
  }
  EXPECT_EQ(agents.err.find("CLAUDE.md"), std::string::npos) << "the control: it names no program " << agents;
  const Outcome told_once = run("", "true");
  EXPECT_EQ(told_once.err.find(".claude"), std::string::npos) << "the control: nothing changed " << told_once;

  // So it is beside the project, in whatever the session may write to, and by the host's path.
  const std::string beside = project() + "-beside";
  ASSERT_EQ(
      sh_as_dev("mkdir -p " + quote(beside) + "/rw/.git " + quote(beside) + "/ro && cd " + quote(beside) +
                " && echo a > rw/.envrc && echo a > ro/.envrc && echo a > one && echo a > two")
          .status,
      0);
  const std::string mounts = "--mount " + quote(beside + "/ro") + ":/mnt/ro --mount " +
                             quote(beside + "/rw") + ":/mnt/rw:rw --mount " + quote(beside + "/one") +
                             ":/mnt/one:rw --mount " + quote(beside + "/two") + ":/mnt/two:rw ";
  const Outcome mounted =
      run(mounts,
          "sh -c 'cd /mnt/rw; echo b > .envrc; echo b > .git/config; echo b > source.c; echo b "
          "> /mnt/one; mkdir .vscode; echo {} > .vscode/tasks.json; echo b > /mnt/ro/.envrc'");
  EXPECT_NE(mounted.status, 0) << "what is read-only stays as it is " << mounted;
  for (const char* line : {"changed: BESIDE/rw/.envrc", "new: BESIDE/rw/.git/config", "changed: BESIDE/one",
                           "new: BESIDE/rw/.vscode/tasks.json"}) {
    const std::string told = std::string(line).replace(std::string(line).find("BESIDE"), 6, beside);
    EXPECT_NE(mounted.err.find("drydock:   " + told), std::string::npos) << told << " " << mounted;
  }
  for (const char* silent : {"/ro/", "source.c", "/two"})
    EXPECT_EQ(mounted.err.find(beside + silent), std::string::npos) << silent << " " << mounted;
  ASSERT_EQ(drydock("link --rw " + quote(beside + "/rw")).status, 0);
  const Outcome linked = run("", "sh -c 'echo c > " + beside + "/rw/.envrc'");
  EXPECT_NE(linked.err.find("drydock:   changed: " + beside + "/rw/.envrc (direnv runs it)\n"),
            std::string::npos)
      << linked;
  EXPECT_EQ(drydock("unlink " + quote(beside + "/rw")).status, 0);
  sh("rm -rf " + quote(beside));

  const Outcome quiet = run("-q", "sh -c 'echo c > Makefile'");
  EXPECT_EQ(quiet.err, "") << quiet;
  const Outcome nothing = run("", "true");
  EXPECT_EQ(nothing.err.find("changed"), std::string::npos) << nothing;

  const Outcome detached = run("-q -d", "sh -c 'echo d > Makefile; touch up; sleep 1000'");
  ASSERT_EQ(detached.status, 0) << detached;
  sh("for i in $(seq 100); do test -e " + quote(project() + "/up") + " && break; sleep 0.1; done");
  const Outcome stopped = drydock("stop --time 0 --all");
  EXPECT_NE(stopped.err.find("drydock:   changed: Makefile (make runs it)\n"), std::string::npos) << stopped;
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

// INV-3: of an agent whose image drydock did not make.
TEST_P(Plant, J21_AnAgentsPolicyHoldsInAnImageOfTheUsers) {
  const std::string settings = "/etc/claude-code/managed-settings.json";
  const std::string rail = "/opt/drydock/policy/guard-rail";
  write_project_file("change.sh", "mark() { \"$@\" 2>/dev/null && echo \"$* worked\"; }\nfor file in " +
                                      settings + " " + rail +
                                      "; do\n  mark sh -c \"echo x > $file\"\n  mark rm -f $file\n"
                                      "  mark chmod 777 $file\n  mark mv $file /tmp/x\n"
                                      "  mark mv $(dirname $file) /tmp/y\ndone\necho done\n");
  const Outcome read =
      run("--agent claude", "sh -c 'cat " + settings + "; test -x " + rail + " && echo executable'");
  EXPECT_EQ(read.status, 0) << read;
  EXPECT_NE(read.out.find("\"Bash(git reset --hard:*)\""), std::string::npos) << read;
  EXPECT_TRUE(ends_with(read.out, "executable\n")) << read;
  EXPECT_NE(read.err.find("was not made with the policy of agent 'claude': its files are mounted"),
            std::string::npos)
      << read;
  const Outcome changed = run("-q --agent claude", "sh change.sh");
  EXPECT_EQ(changed.out, "done\n") << changed;
  const Outcome none = run("-q", "sh -c 'ls " + settings + "'");
  EXPECT_NE(none.status, 0) << "the control: the image has none, and a session of another command gets none "
                            << none;
  const Outcome control = unjailed("sh -c 'mkdir -p " + settings.substr(0, settings.rfind('/')) + " " +
                                   rail.substr(0, rail.rfind('/')) + "; echo x > " + settings +
                                   "; echo x > " + rail + "; sh change.sh'");
  EXPECT_NE(control.out.find("rm -f " + rail + " worked\n"), std::string::npos)
      << "the control: it works where they are not mounted " << control;

  const std::string own = project() + "-own.json";
  ASSERT_EQ(sh_as_user("echo '{\"own\": 1}' > " + quote(own)).status, 0);
  const Outcome replaced = run("-q --agent claude --mount " + quote(own) + ":" + settings,
                               "sh -c 'cat " + settings + "; test -x " + rail + "'");
  EXPECT_EQ(replaced.out, "{\"own\": 1}\n") << replaced;
  EXPECT_EQ(replaced.status, 0) << replaced;
  sh("rm -f " + quote(own));
}

INSTANTIATE_TEST_SUITE_P(Backend, Plant, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
