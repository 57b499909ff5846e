// J24: a secret reaches the agent and is nowhere else.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Where a text is on this machine, a line for each place, but for the folder that is shown to the agent and
// the agent's own processes. Files of the lab's engines, users and logs, and what other processes show.
constexpr const char* search = R"(import os, stat, sys
text, project, agents = sys.argv[1].encode(), sys.argv[2], set(sys.argv[3].split())
own = {str(os.getpid()), str(os.getppid())}
# What was written before the value was made does not have it.
born = os.stat('/etc/drydock-test/search.py').st_ctime
places = ['/var/lib', '/run', '/etc', '/dev/shm', '/root', '/home', '/var/log', os.path.dirname(os.environ['TMPDIR'])]
seen = set()
for place in places:
    for folder, folders, files in os.walk(place):
        folders[:] = [d for d in folders if os.path.join(folder, d) != project]
        for file in files:
            path = os.path.join(folder, file)
            try:
                status = os.lstat(path)
                if status.st_ctime < born or not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in seen: continue
                seen.add((status.st_dev, status.st_ino))
                with open(path, 'rb') as f:
                    before = b''
                    while piece := f.read(1 << 20):
                        if text in before + piece: print('file', path); break
                        before = piece[-len(text):]
            except OSError: continue
def ancestors(pid):
    while pid != '0':
        yield pid
        try: pid = open(f'/proc/{pid}/stat').read().rsplit(')')[-1].split()[1]
        except OSError: return
own |= set(ancestors(str(os.getpid())))
for pid in filter(str.isdigit, os.listdir('/proc')):
    if pid in own: continue
    for file in ('environ', 'cmdline'):
        try: shown = open(f'/proc/{pid}/{file}', 'rb').read()
        except OSError: continue
        if text in shown and not agents & set(ancestors(pid)): print('process', pid, file)
)";

class Secret : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    // Outside the project, which the search leaves out.
    ASSERT_EQ(sh("mkdir -p /etc/drydock-test; cat > /etc/drydock-test/search.py << 'END'\n" +
                 std::string(search) + "END\n")
                  .status,
              0);
    value_ = std::string(trim(sh("head -c 24 /dev/urandom | base64 | tr -d '+/='").out));
    ASSERT_GE(value_.size(), 20U);
  }
  void TearDown() override {
    if (!live_session().empty()) drydock("stop --all");
    drydock("-q revoke-token claude");
    Conformance::TearDown();
  }
  // The places where the value is; `pid` is the agent's first process.
  std::vector<std::string> places(const std::string& pid) const {
    const Outcome found =
        sh("python3 /etc/drydock-test/search.py " + value_ + " " + quote(project()) + " '" + pid + "'");
    EXPECT_EQ(found.status, 0) << found;
    std::vector<std::string> lines = split(trim(found.out), '\n');
    if (lines.size() == 1 && lines[0].empty()) lines.clear();
    return lines;
  }
  std::string agent() const {
    return std::string(
        trim(engine("ps -q --filter label=io.drydock.role=agent --filter label=io.drydock.session").out));
  }
  // All that drydock and the engine tell of the session.
  std::string told(const std::string& id) const {
    std::string text;
    for (const std::string words : {"--json inspect ", "--json logs ", "logs --egress ", "egress log "})
      text += drydock(words + id).out;
    text +=
        drydock("--json list --all").out + engine("inspect " + agent()).out + engine("ps -a --no-trunc").out;
    text += engine("logs " + agent()).out;
    if (backend() == "podman") {
      // The specification that the OCI runtime reads, with labels and annotations.
      text +=
          sh("cat " + std::string(trim(engine("inspect --format '{{.OCIConfigPath}}' " + agent()).out))).out;
    }
    return text;
  }

  std::string value_;
};

TEST_P(Secret, J24_NoCoreFileHasIt) {
  const std::string limits = "sh -c 'ulimit -Sc; ulimit -Hc'";
  const Outcome with =
      sh_as_user("cd " + quote(project()) + "; TEST_TOKEN=" + value_ + " exec " + drydock_words() +
                 " run -q --image " + test_image + " --secret TEST_TOKEN -- " + limits);
  EXPECT_EQ(with.out, "0\n0\n") << with;
  const Outcome control = run("-q", limits);
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_NE(control.out, "0\n0\n") << "the control: without a secret it is the engine's matter " << control;
}

TEST_P(Secret, J24_ASecretReachesTheAgentAndIsNowhereElse) {
  const Outcome home = sh_as_dev("printf 'of a file' > \"$HOME/key\"; chmod 600 \"$HOME/key\"; echo $HOME");
  ASSERT_EQ(home.status, 0) << home;
  write_project_file(
      "look.sh",
      "sha256sum < /run/secrets/TEST_TOKEN; cat /run/secrets/key; echo; stat -c '%a %u' /run/secrets/*; "
      "id -u; env | grep -c TEST_TOKEN; for at in /run/secrets/TEST_TOKEN /run/secrets/new; do "
      "(echo x > $at) 2> /dev/null && echo wrote $at; done; rm -f /run/secrets/key 2> /dev/null; "
      "ls /run/secrets | wc -l; sleep 1000\n");
  const std::string options = " run -v -d --image " + std::string(test_image) +
                              " --secret TEST_TOKEN --secret key=" + std::string(trim(home.out)) +
                              "/key -- sh look.sh";
  const Outcome started =
      sh_as_user("cd " + quote(project()) + "; TEST_TOKEN=" + value_ + " exec " + drydock_words() + options);
  // exec: the shell that was given the variable is drydock's process, which has taken it.
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const std::string digest(trim(sh("printf %s " + value_ + " | sha256sum").out));
  std::string said;
  for (int i = 0; i < 50 && said.find("\n2\n") == std::string::npos; ++i) {
    said = drydock("logs " + id).out;
    sh("sleep 0.1");
  }
  EXPECT_EQ(said, digest + "\nof a file\n400 1000\n400 1000\n1000\n0\n2\n") << "what the agent sees";

  const std::string pid(trim(engine("inspect --format '{{.State.Pid}}' " + agent()).out));
  ASSERT_GT(std::stoi(pid), 1);
  const std::vector<std::string> found = places(pid);
  ASSERT_EQ(found.size(), 1U) << "the file that the agent reads, which shows that the search finds: "
                              << testing::PrintToString(found);
  EXPECT_NE(found[0].find(id), std::string::npos) << found[0];
  const std::string file = found[0].substr(found[0].find('/'));
  EXPECT_EQ(trim(sh("stat -f -c %T " + quote(file)).out), "tmpfs");
  EXPECT_EQ(trim(sh("stat -c %a " + quote(file)).out), "400");
  EXPECT_EQ(told(id).find(value_), std::string::npos);
  EXPECT_EQ(started.err.find(value_), std::string::npos);
  EXPECT_NE(told(id).find("TEST_TOKEN"), std::string::npos) << "its name is no secret";

  EXPECT_EQ(drydock("stop " + id).status, 0);
  EXPECT_EQ(testing::PrintToString(places("")), "{}") << "afterwards";
}

// The control of the search: what -e does is what a secret does not.
TEST_P(Secret, J24_AVariableIsSeenByTheSameSearch) {
  const Outcome started = run("-q -d -e TEST_TOKEN=" + value_, "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  EXPECT_NE(told(id).find(value_), std::string::npos) << "the engine tells";
  bool on_disk = false;
  for (const std::string& place : places(""))
    on_disk = on_disk || place.find("/docker/containers/") != std::string::npos ||
              place.find("/containers/storage/") != std::string::npos;
  EXPECT_TRUE(on_disk) << "the engine writes it: " << testing::PrintToString(places(""));
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(Secret, J24_ADryRunAndARefusalDoNotTellIt) {
  const std::string words = "cd " + quote(project()) + "; TEST_TOKEN=" + value_ + " " + drydock_words();
  const std::string options = " -vvv --json run --image " + std::string(test_image);
  const Outcome dry = sh_as_user(words + options + " --dry-run --secret TEST_TOKEN -- true");
  EXPECT_EQ(dry.status, 0) << dry;
  EXPECT_NE(dry.out.find("TEST_TOKEN"), std::string::npos);
  EXPECT_EQ((dry.out + dry.err).find(value_), std::string::npos);
  const Outcome both = sh_as_user(words + options + " --secret TEST_TOKEN -e TEST_TOKEN -- true");
  EXPECT_EQ(both.status, 2) << both;
  EXPECT_EQ((both.out + both.err).find(value_), std::string::npos);
  const Outcome ended =
      sh_as_user(words + " -vvv run --image " + test_image +
                 " --keep --name kept --secret TEST_TOKEN -- sha256sum /run/secrets/TEST_TOKEN");
  EXPECT_EQ(ended.status, 0) << ended;
  EXPECT_EQ(ended.err.find(value_), std::string::npos) << "the log of a run";
  EXPECT_EQ(testing::PrintToString(places("")), "{}") << "a session that is kept has no secrets any more";
  EXPECT_EQ(drydock("stop kept").status, 0);
}

// What setup-token keeps: a session of the agent gets it as --secret would hand it over, and otherwise it is
// in its file alone, until it is revoked.
TEST_P(Secret, J24_AKeptTokenReachesTheAgentAndIsInItsFileAlone) {
  const Outcome kept = sh_as_user("printf '%s\\n' " + value_ + " | " + drydock_words() +
                                  " -v setup-token claude --name ANTHROPIC_API_KEY");
  ASSERT_EQ(kept.status, 0) << kept;
  EXPECT_EQ((kept.out + kept.err).find(value_), std::string::npos);
  std::vector<std::string> found = places("");
  ASSERT_EQ(found.size(), 1U) << testing::PrintToString(found);
  const std::string file = found[0].substr(found[0].find('/'));
  EXPECT_TRUE(ends_with(file, "/drydock/agents/claude/tokens/ANTHROPIC_API_KEY")) << file;
  const std::string user(trim(sh_as_user("id -un").out));
  EXPECT_EQ(sh("stat -c '%a %U' " + quote(file) + " " + quote(file.substr(0, file.rfind('/')))).out,
            "600 " + user + "\n700 " + user + "\n");

  write_project_file(
      "look.sh",
      "sha256sum < /run/secrets/ANTHROPIC_API_KEY; printf %s \"$ANTHROPIC_API_KEY\" | sha256sum; "
      "stat -c '%a %u' /run/secrets/*; find / -xdev -name tokens 2> /dev/null | wc -l; touch up; sleep "
      "1000\n");
  const std::string image = " --image " + std::string(test_image);
  const Outcome started = drydock("-v run -d --agent claude" + image + " -- sh look.sh");
  ASSERT_EQ(started.status, 0) << started;
  EXPECT_EQ(started.err.find(value_), std::string::npos);
  EXPECT_NE(started.err.find("the token 'ANTHROPIC_API_KEY' that is kept for claude"), std::string::npos)
      << started;
  const std::string id(trim(started.out));
  sh("for i in $(seq 100); do test -e " + quote(project()) + "/up && break; sleep 0.1; done");
  const std::string digest = sh("printf %s " + value_ + " | sha256sum").out;
  EXPECT_EQ(drydock("logs " + id).out, digest + digest + "400 1000\n0\n") << "what the agent sees";
  found = places(std::string(trim(engine("inspect --format '{{.State.Pid}}' " + agent()).out)));
  ASSERT_EQ(found.size(), 2U) << "its file, and what the agent reads: " << testing::PrintToString(found);
  for (const std::string& place : found)
    EXPECT_TRUE(place.find(id) != std::string::npos || ends_with(place, file)) << place;
  EXPECT_EQ(told(id).find(value_), std::string::npos);
  const Outcome doctor = drydock("-v doctor");
  EXPECT_EQ(doctor.out.find(value_), std::string::npos);
  EXPECT_NE(doctor.out.find("claude (ANTHROPIC_API_KEY)"), std::string::npos) << doctor;
  EXPECT_EQ(drydock("stop " + id).status, 0);

  // What is given by hand comes before it; a command that is not the agent's does not get it.
  const std::string look = " -- sh -c 'cat /run/secrets/* 2> /dev/null; true'";
  const std::string run = drydock_words() + " -q run" + image;
  EXPECT_EQ(sh_as_user("cd " + quote(project()) + "; ANTHROPIC_API_KEY=mine exec " + run +
                       " --agent claude --secret ANTHROPIC_API_KEY" + look)
                .out,
            "mine");
  EXPECT_EQ(drydock("-q run" + image + look).out, "");

  const Outcome revoked = drydock("revoke-token claude");
  EXPECT_EQ(revoked.status, 0) << revoked;
  EXPECT_NE(revoked.err.find("until it is revoked there: https://"), std::string::npos) << revoked;
  EXPECT_EQ(testing::PrintToString(places("")), "{}");
  EXPECT_EQ(drydock("-q run --agent claude" + image + look).out, "");
}

// What kill -9 leaves goes with the next collection.
TEST_P(Secret, J24_ACrashLeavesNoSecret) {
  sh_as_user("cd " + quote(project()) + "; TEST_TOKEN=" + value_ + " " + drydock_words() +
             " -q run --image " + test_image +
             " --secret TEST_TOKEN -- sh -c 'touch up; sleep 1000' & for i in $(seq 100); do "
             "test -e up && break; sleep 0.1; done; kill -9 $!; wait");
  EXPECT_EQ(places("").size(), 1U) << "the control: it is there until it is collected";
  EXPECT_EQ(drydock("gc").status, 0);
  EXPECT_EQ(testing::PrintToString(places("")), "{}");
}

INSTANTIATE_TEST_SUITE_P(Backend, Secret, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
