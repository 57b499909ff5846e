// J24: a secret reaches the agent and is nowhere else.
#include <algorithm>
#include <fstream>
#include <iostream>

#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Where a text is on this machine, a line for each place, but for the folder that is shown to the agent.
// Files of the lab's engines, users and logs, and what processes show; "agent" is a line for the environment
// of one of the agent's own, where it may be. A process that is there and cannot be read ends it.
constexpr const char* search = R"(import os, stat, sys
text, project, agents = sys.argv[1].encode(), sys.argv[2], set(sys.argv[3].split())
own = {str(os.getpid()), str(os.getppid())}
# What was written before the value was made does not have it.
born = os.stat('/etc/drydock-test/search.py').st_ctime
places = ['/var/lib', '/run', '/etc', '/dev/shm', '/root', '/home', '/var/log', '/tmp', '/var/tmp', '/var/cache', '/var/crash',
          os.path.dirname(os.environ['TMPDIR'])]
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
        except (FileNotFoundError, ProcessLookupError): return
own |= set(ancestors(str(os.getpid())))
for pid in filter(str.isdigit, os.listdir('/proc')):
    if pid in own: continue
    for file in ('environ', 'cmdline'):
        try: shown = open(f'/proc/{pid}/{file}', 'rb').read()
        except (FileNotFoundError, ProcessLookupError): continue
        if text in shown: print('agent' if file == 'environ' and agents & set(ancestors(pid)) else 'process', pid, file)
)";

bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

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
  // The places where the value is; `pid` is the agent's first process, and `own` gets the agent's own places.
  std::vector<std::string> places(const std::string& pid, std::vector<std::string>* own = nullptr) const {
    const Outcome found =
        sh("python3 /etc/drydock-test/search.py " + value_ + " " + quote(project()) + " '" + pid + "'");
    EXPECT_EQ(found.status, 0) << found;
    std::vector<std::string> lines = split(trim(found.out), '\n');
    if (lines.size() == 1 && lines[0].empty()) lines.clear();
    const auto first = std::stable_partition(
        lines.begin(), lines.end(), [](const std::string& line) { return !starts_with(line, "agent "); });
    if (own != nullptr) own->assign(first, lines.end());
    lines.erase(first, lines.end());
    return lines;
  }
  std::string agent_pid() const {
    return std::string(trim(engine("inspect --format '{{.State.Pid}}' " + agent()).out));
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
  const std::string words = "cd " + quote(project()) + "; TEST_TOKEN=" + value_ + " exec " + drydock_words() +
                            " run -q --image " + test_image;
  const std::string limits = "sh -c 'ulimit -Sc; ulimit -Hc'";
  const Outcome with = sh_as_user(words + " --secret TEST_TOKEN -- " + limits);
  EXPECT_EQ(with.out, "0\n0\n") << with;
  const Outcome control = run("-q", limits);
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_NE(control.out, "0\n0\n") << "the control: without a secret it is the engine's matter " << control;

  // core(5): one setting for the whole kernel, which a test does not change.
  std::ifstream setting("/proc/sys/kernel/core_pattern");
  std::string pattern;
  std::getline(setting, pattern);
  const bool plain = !pattern.empty() && pattern.find_first_of("|/") == std::string::npos;
  RecordProperty("core_pattern", pattern);
  if (!plain) std::cout << "core files go to '" << pattern << "' here: the limit is all that was looked at\n";
  // The first process of a container does not end by a signal of its own.
  write_project_file("crash.sh", "ulimit -c unlimited 2> /dev/null\nsh -c 'kill -SEGV $$; true'\necho $?\n");
  const auto cores = [&] { return sh("cd " + quote(project()) + "; ls -A | grep core; rm -f core*").out; };
  EXPECT_EQ(sh_as_user(words + " --secret TEST_TOKEN -- sh crash.sh").out, "139\n");
  EXPECT_EQ(cores(), "") << "with a secret";
  const std::string login = "~/.local/state/drydock/agents/claude/login/.claude";
  ASSERT_EQ(sh_as_user("mkdir -p " + login + "; echo token > " + login + "/.credentials.json").status, 0);
  const Outcome logged_in = run("-q --agent claude", "sh crash.sh");
  EXPECT_EQ(logged_in.out, "139\n") << logged_in;
  EXPECT_EQ(cores(), "") << "with a login of an earlier session";
  EXPECT_EQ(sh_as_user("rm -r " + login).status, 0);
  const Outcome crashed = run("-q --agent claude", "sh crash.sh");
  EXPECT_EQ(crashed.out, "139\n") << crashed;
  EXPECT_EQ(starts_with(cores(), "core"), plain) << "the control: it crashes in earnest";
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

  const std::string pid = agent_pid();
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
  const std::vector<std::string> found = places("");
  const auto shows = [&](const std::string& word, const std::string& end) {
    return std::any_of(found.begin(), found.end(), [&](const std::string& place) {
      return place.find(word) != std::string::npos && ends_with(place, end);
    });
  };
  EXPECT_TRUE(shows("/docker/containers/", "") || shows("/containers/storage/", ""))
      << "the engine writes it: " << testing::PrintToString(found);
  const std::string pid = agent_pid();
  EXPECT_TRUE(shows("process " + pid + " ", " environ")) << pid << " " << testing::PrintToString(found);
  std::vector<std::string> own;
  places(pid, &own);
  EXPECT_TRUE(has(own, "agent " + pid + " environ")) << "it is the agent's";
  // What is on its command line is told to all, and nobody's own.
  const Outcome word = run("-q -d", "sh -c 'sleep 1000; : " + value_ + "'");
  ASSERT_EQ(word.status, 0) << word;
  const std::string other(trim(word.out));
  const std::string other_pid(trim(
      engine("inspect --format '{{.State.Pid}}' $(" + backend() +
             " ps -q --filter label=io.drydock.role=agent --filter label=io.drydock.session=" + other + ")")
          .out));
  EXPECT_TRUE(has(places(other_pid), "process " + other_pid + " cmdline"));
  EXPECT_EQ(drydock("stop " + other).status, 0);
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

// While drydock itself lives beside the session, and writes down all that it can.
TEST_P(Secret, J24_ALiveDrydockAndItsLogDoNotHaveIt) {
  const std::string home(trim(sh_as_user("echo $HOME").out));
  const std::string log = home + "/drydock-test.log";
  // The value comes by a pipe: no shell that stays has it on its command line.
  const Outcome started = sh_as_user(
      "cd " + quote(project()) +
      "; mkfifo -m 600 value other; (read -r TEST_TOKEN < value; export TEST_TOKEN; exec " + drydock_words() +
      " --log-level trace --log-file " + log + " -vvv run --image " + test_image +
      " --secret TEST_TOKEN -- sh -c 'sha256sum < /run/secrets/TEST_TOKEN > up; sleep 1000') > " + log +
      ".err 2>&1 < /dev/null & echo $!; (read -r OTHER < other; export OTHER; exec sleep 1000) > /dev/null "
      "2>&1 & echo $!");
  ASSERT_EQ(started.status, 0) << started;
  const std::vector<std::string> pids = split(trim(started.out), '\n');
  ASSERT_EQ(pids.size(), 2U) << started;
  for (const char* name : {"/value", "/other"})
    sh("printf '%s\\n' " + value_ + " > " + quote(project() + name));
  sh("for i in $(seq 200); do test -s " + quote(project()) + "/up && break; sleep 0.1; done");
  EXPECT_EQ(sh("cat " + quote(project()) + "/up").out, sh("printf %s " + value_ + " | sha256sum").out);
  std::vector<std::string> found = places(agent_pid());
  const auto control = std::find(found.begin(), found.end(), "process " + pids[1] + " environ");
  EXPECT_NE(control, found.end()) << "the control: " << testing::PrintToString(found);
  if (control != found.end()) found.erase(control);
  const std::string id = live_session();
  ASSERT_EQ(found.size(), 1U) << "the agent's own file: " << testing::PrintToString(found);
  EXPECT_NE(found[0].find("/" + id), std::string::npos) << found[0];
  EXPECT_EQ(sh("test -d /proc/" + pids[0]).status, 0) << "drydock lives";
  EXPECT_NE(sh("cat " + log).out.find(" debug "), std::string::npos) << "there is a log of everything";
  EXPECT_EQ(sh("kill -TERM " + pids[0] + "; kill " + pids[1] + "; for i in $(seq 200); do test -d /proc/" +
               pids[0] + " || exit 0; sleep 0.1; done; exit 1")
                .status,
            0);
  EXPECT_EQ(testing::PrintToString(places("")), "{}") << "its logs are there still";
  EXPECT_EQ(sh("rm " + log + " " + log + ".err").status, 0);
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
  const std::string variable = " sh -c 'printf %s \"$ANTHROPIC_API_KEY\" | sha256sum'";
  EXPECT_EQ(drydock("exec " + id + " --" + variable).out, digest) << "what a further command sees";
  EXPECT_EQ(drydock("exec -e ANTHROPIC_API_KEY= " + id + " --" + variable).out,
            sh("sha256sum < /dev/null").out)
      << "what is given by hand";
  EXPECT_EQ(engine("exec " + agent() + variable).out, sh("sha256sum < /dev/null").out)
      << "the control: the engine has no such variable";
  std::vector<std::string> own;
  found = places(agent_pid(), &own);
  EXPECT_FALSE(own.empty()) << "the control: the agent, behind its first process, has it in its environment";
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
