// What a session's surroundings may do to it: folders that cannot be used, limits, a full disk, an engine
// that is killed. It goes on, or ends with a clear error and status 125, and nothing is left
// (Conformance::TearDown looks).
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class Fault : public Conformance {
 protected:
  // What the shell text PRELUDE leads to; its last word is a prefix of the command ("exec", "HOME=/x").
  Outcome run_after(const std::string& prelude) const {
    sh("rm -f " + quote(project() + "/started"));
    return sh_as_user("cd " + quote(project()) + "; " + prelude + " " + drydock_words() + " -q run --image " +
                      test_image + " -- touch started");
  }
  bool started() const { return sh("test -e " + quote(project() + "/started")).status == 0; }

  // A file system of its own in the project folder, of the user's; undone with unmount().
  std::string mount(const std::string& name, const std::string& options) const {
    const std::string path = project() + "-" + name;
    const Outcome mounted = sh("mkdir -p " + quote(path) + " && mount -t tmpfs -o " + options +
                               ",mode=700,uid=$(stat -c %u $(" + owner_probe() + ")) tmpfs " + quote(path));
    EXPECT_EQ(mounted.status, 0) << mounted;
    return path;
  }
  void unmount(const std::string& path) const {
    const Outcome gone = sh("umount -l " + quote(path) + " && rmdir " + quote(path));
    EXPECT_EQ(gone.status, 0) << gone;
  }

  void expect_works(const Outcome& outcome) const {
    EXPECT_EQ(outcome.status, 0) << outcome;
    EXPECT_TRUE(started()) << outcome;
  }
  // A clear error, with the words in it, and the command never ran.
  void expect_refused(const Outcome& outcome, const std::string& words) const {
    EXPECT_EQ(outcome.status, 125) << outcome;
    EXPECT_NE(outcome.err.find("drydock: error: cannot "), std::string::npos) << outcome;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome;
    EXPECT_FALSE(started()) << "the command ran";
    EXPECT_EQ(leftovers(), "");
  }
  // Either of both, whichever the machine's state leads to; then a collection leaves nothing.
  void expect_works_or_refused(const Outcome& outcome, const std::string& what) const {
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 125) << what << " " << outcome;
    EXPECT_EQ(outcome.status == 0, started()) << what << " " << outcome;
    if (outcome.status != 0) {
      EXPECT_NE(outcome.err.find("drydock: error: cannot "), std::string::npos) << what << " " << outcome;
    }
    const Outcome collected = drydock("gc");
    EXPECT_EQ(collected.status, 0) << what << " " << collected;
    EXPECT_EQ(leftovers(), "") << what;
  }

 private:
  // A shell command that prints a path that the user owns.
  std::string owner_probe() const {
    const Outcome own = sh_as_user("echo $XDG_RUNTIME_DIR");
    return "echo " + std::string(trim(own.out));
  }
};

TEST_P(Fault, ARuntimeFolderThatCannotBeWrittenIsNamed) {
  const std::string path = mount("run", "ro");
  expect_refused(run_after("XDG_RUNTIME_DIR=" + quote(path)), path);
  unmount(path);
}

TEST_P(Fault, WithoutARuntimeFolderTheUsersOwnIsTaken) {
  expect_works(run_after("unset XDG_RUNTIME_DIR;"));
  expect_works(run_after("XDG_RUNTIME_DIR=relative"));
  expect_works(run_after("XDG_RUNTIME_DIR=/does/not/exist"));
}

TEST_P(Fault, ARuntimeFolderThatOthersCanChangeIsNotUsed) {
  // Not in the project, which may not hold folders of drydock's own.
  const std::string open = project() + "-open";
  const std::string theirs = project() + "-theirs";
  const Outcome made = sh_as_user("mkdir " + quote(open) + " && chmod 0777 " + quote(open));
  ASSERT_EQ(made.status, 0) << made;
  expect_works(run_after("XDG_RUNTIME_DIR=" + quote(open)));
  EXPECT_NE(sh("test -e " + quote(open + "/drydock")).status, 0)
      << "drydock's files were where others could replace them";
  sh("mkdir -m 0755 " + quote(theirs) + " && chown 4242 " + quote(theirs));
  expect_works(run_after("XDG_RUNTIME_DIR=" + quote(theirs)));
  // The control: one that is the user's alone is taken, and what drydock keeps there is.
  ASSERT_EQ(sh("chmod 0700 " + quote(open)).status, 0);
  if (GetParam() == "podman") {
    // Its service is started there. No session: Podman would keep the network of its folder in mind.
    sh_as_user("cd " + quote(project()) + " && XDG_RUNTIME_DIR=" + quote(open) + " " + drydock_words() +
               " gc --dry-run");
  } else {
    expect_works(run_after("XDG_RUNTIME_DIR=" + quote(open)));
  }
  EXPECT_EQ(sh("test -e " + quote(open + "/drydock")).status, 0);
  sh("sleep 3; rm -rf " + quote(open) + " " + quote(theirs));
}

TEST_P(Fault, WithoutAHomeItIsThatOfTheUserDatabase) {
  expect_works(run_after("unset HOME;"));
  expect_works(run_after("HOME="));
  expect_works(run_after("HOME=/does/not/exist"));
}

TEST_P(Fault, TooFewDescriptors) {
  bool refused = false;
  for (const std::string limit : {"6", "9", "12", "16", "20"}) {
    const Outcome outcome = run_after("ulimit -n " + limit + ";");
    // The loader itself needs some, and speaks for itself.
    if (outcome.status == 127) continue;
    expect_works_or_refused(outcome, limit + " descriptors");
    refused = refused || outcome.status == 125;
  }
  EXPECT_TRUE(refused) << "the control: no limit was met";
  expect_works(run_after(""));
}

TEST_P(Fault, TooFewProcesses) {
  // Root is above this limit.
  const bool root = sh_as_user("id -u").out == "0\n";
  const Outcome outcome = run_after("exec prlimit --nproc=1");
  expect_works_or_refused(outcome, "one process");
  EXPECT_EQ(outcome.status, root ? 0 : 125) << outcome;
  expect_works(run_after(""));
}

TEST_P(Fault, AFullDiskWhileTheSidecarsImageIsMade) {
  ASSERT_EQ(drydock("build").status, 0);
  const Outcome image = engine("images -q --filter reference=localhost/drydock-egress");
  ASSERT_EQ(engine("rmi -f " + std::string(trim(image.out))).status, 0) << image;
  const std::string path = mount("tmp", "size=64k");
  expect_refused(run_after("TMPDIR=" + quote(path)), "No space left on device");
  EXPECT_EQ(sh("ls -A " + quote(path)).out, "") << "temporary files are left";
  unmount(path);
  expect_works(run_after(""));
}

TEST_P(Fault, AFullDiskWhileASessionIsMade) {
  ASSERT_EQ(drydock("build").status, 0);
  const std::string own = std::string(trim(sh_as_user("echo $XDG_RUNTIME_DIR/drydock").out));
  bool refused = false;
  bool passed = false;
  // How many files and folders fit: with few of them each step on the way has its turn.
  for (const int inodes : {2, 4, 6, 8, 10, 64}) {
    const Outcome mounted =
        sh("mkdir -p " + own + " && mount -t tmpfs -o mode=700,nr_inodes=" + std::to_string(inodes) +
           ",uid=$(stat -c %u " + own + "/..) tmpfs " + own);
    ASSERT_EQ(mounted.status, 0) << mounted;
    const Outcome outcome = run_after("");
    // The service of drydock's own ends when it is idle, and takes the socket of that name along.
    sh("for i in $(seq 100); do pgrep -u dev -f 'podman system service' > /dev/null || break; sleep 0.1; "
       "done");
    ASSERT_EQ(sh("umount -l " + own).status, 0);
    expect_works_or_refused(outcome, std::to_string(inodes) + " inodes");
    refused = refused || outcome.status == 125;
    passed = passed || outcome.status == 0;
  }
  EXPECT_TRUE(refused) << "the control: the disk was never full";
  EXPECT_TRUE(passed) << "the control: the disk was always full";
}

TEST_P(Fault, ASidecarWithoutItsProgram) {
  ASSERT_EQ(drydock("build").status, 0);
  const std::string reference(trim(
      engine("images --format '{{.Repository}}:{{.Tag}}' --filter reference=localhost/drydock-egress").out));
  ASSERT_FALSE(reference.empty());
  const std::string label(trim(
      engine("image inspect --format '{{index .Config.Labels \"io.drydock.content\"}}' " + reference).out));
  const Outcome faked = sh_as_user(
      "cd " + quote(project()) + "; mkdir -p root/etc/drydock root/tmp root/run && tar -C root -c . | " +
      backend() + " import --change 'LABEL io.drydock.content=" + label + "' - " + reference);
  ASSERT_EQ(faked.status, 0) << faked;
  expect_refused(run_after(""), "guard");
  ASSERT_EQ(drydock("build --no-cache").status, 0);
  expect_works(run_after(""));
}

// A shell script that kills the engine's process and starts it again as it was, in its own mount namespace.
std::string restart_engine(const std::string& name, const std::string& socket) {
  return "set -e; pid=$(pgrep -ox " + name +
         "); readarray -d '' -t words < /proc/$pid/cmdline; readarray -d '' -t variables < "
         "/proc/$pid/environ; "
         // Whatever holds the namespace while its first process is dead.
         "exec 9< /proc/$pid/ns/mnt; kill -9 $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; "
         "rm -f /run/docker.pid; "
         "nsenter --mount=/proc/self/fd/9 env -i \"${variables[@]}\" setsid \"${words[@]}\" < /dev/null > "
         "/dev/null 2>&1& "
         "for i in $(seq 300); do curl -sf --unix-socket " +
         socket + " http://d/_ping > /dev/null && exit 0; sleep 0.1; done; exit 1";
}

TEST_P(Fault, AnEngineThatIsKilledAndStartedAgain) {
  const Outcome begun =
      sh_as_user("cd " + quote(project()) + "; (" + drydock_words() + " run --image " + test_image +
                 " -- sh -c 'touch up; for i in $(seq 100); do test -e go && break; sleep 0.1; "
                 "done; exit 5' > out 2> err; echo $? > status) > /dev/null 2>&1 & "
                 "for i in $(seq 300); do test -e up && exit 0; sleep 0.1; done; exit 1");
  ASSERT_EQ(begun.status, 0) << begun << sh("cat " + quote(project() + "/err"));
  const bool as_root = sh_as_user("id -u").out == "0\n";
  Outcome killed;
  if (backend() == "docker") {
    killed = sh(restart_engine("dockerd", "/run/docker.sock"));
  } else if (as_root) {
    killed = sh(restart_engine("podman", "/run/podman/podman.sock"));
  } else {
    killed = sh("kill -9 $(pgrep -u dev -f 'podman system service.*drydock/podman.sock')");
  }
  ASSERT_EQ(killed.status, 0) << killed;
  sh_as_user("touch " + quote(project() + "/go"));
  const Outcome ended = sh("cd " + quote(project()) +
                           "; for i in $(seq 300); do test -s status && break; sleep 0.1; done; cat status; "
                           "cat err >&2");
  // The agent's own status, or a clear error.
  EXPECT_TRUE(ended.out == "5\n" || ended.out == "125\n") << ended;
  if (ended.out != "5\n") {
    EXPECT_NE(ended.err.find("drydock: error: cannot "), std::string::npos) << ended;
  }
  const Outcome collected = drydock("gc");
  EXPECT_EQ(collected.status, 0) << collected;
  EXPECT_EQ(leftovers(), "") << ended << collected;
  expect_works(run_after(""));
}

// What is counted for the whole machine: no other test may run beside it.
class Scarce : public Fault {};

// Rootless, containers count as the user's; otherwise the sidecar's own user is the one that counts.
TEST_P(Scarce, NoInotifyInstanceIsLeft) {
  expect_works(run_after(""));
  write_project_file("hog.py", R"(import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
os.setuid(int(sys.argv[1]))
taken = []
while (fd := libc.inotify_init1(0)) >= 0: taken.append(fd)
print(os.strerror(ctypes.get_errno()), flush=True)
signal.pause()
)");
  const std::string user(trim(sh_as_user("id -u").out));
  const bool as_root = user == "0";
  // Root's are the machine's own.
  const std::string users = as_root ? "65534" : user + " 65534";
  const Outcome hogs = sh("cd " + quote(project()) + "; for user in " + users +
                          "; do setsid python3 hog.py $user > hog.$user 2>&1 < /dev/null & echo $!; done; "
                          "for user in " +
                          users +
                          "; do for i in $(seq 100); do test -s hog.$user && break; sleep 0.1; done; "
                          "grep -q 'Too many open files' hog.$user || exit 1; done");
  ASSERT_EQ(hogs.status, 0) << hogs;
  const Outcome outcome = run_after("");
  expect_works_or_refused(outcome, "no inotify instance");
  const bool refused = outcome.status == 125;
  const std::string err = outcome.err;
  ASSERT_EQ(sh("kill " + join(split(trim(hogs.out), '\n'), " ")).status, 0);
  EXPECT_TRUE(refused) << "the control: the limit was not met";
  EXPECT_NE(err.find("inotify"), std::string::npos) << "it does not say what is missing: " << err;
  expect_works(run_after(""));
}

INSTANTIATE_TEST_SUITE_P(Backend, Scarce, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

INSTANTIATE_TEST_SUITE_P(Backend, Fault, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
