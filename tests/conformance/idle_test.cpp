// J1 and J20 where nothing happens: tunnels that are silent for long, and thousands of them.
#include <cstdlib>

#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Opens argv[1] tunnels, each as far as the first octet of the TLS server, says so in the file "held", and
// holds them until the file "release" is there. Prints how many are still open then.
constexpr const char* hold_script = R"(import os, re, resource, select, socket, ssl, sys, threading, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
count = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
try: ssl.create_default_context().wrap_bio(into, out, server_hostname='allowed.test').do_handshake()
except ssl.SSLWantReadError: pass
hello, held, failed = out.read(), [], []
def open_some(share):
    for _ in range(share):
        try:
            s = socket.create_connection((host, int(port)), 30)
            s.settimeout(30)
            s.sendall(b'CONNECT allowed.test:443 HTTP/1.1\r\n\r\n')
            head = b''
            while b'\r\n\r\n' not in head: head += s.recv(1024) or b'\r\n\r\n'
            if b' 200 ' not in head: raise OSError(head)
            s.sendall(hello)
            if not s.recv(1): raise OSError('closed')
            held.append(s)
        except OSError as e: failed.append(repr(e))
threads = [threading.Thread(target=open_some, args=(count // 8,)) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
with open('.held', 'w') as f: f.write(f'{len(held)} {failed[:3]}')
os.rename('.held', 'held')
end = time.monotonic() + 120
while not os.path.exists('release') and time.monotonic() < end: time.sleep(0.05)
def lives(s):
    s.setblocking(False)
    try:
        while s.recv(65536): pass
        return False
    except BlockingIOError: return True
    except OSError: return False
print('alive', sum(lives(s) for s in held))
)";

// Asks argv[1] times for an allowed and for a refused host. Prints the answers, and the medians of the times
// to each in microseconds: the first has the far end's name server and web server in it.
constexpr const char* ask_script = R"(import collections, os, re, socket, statistics, sys, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
answers, times = collections.Counter(), {'allowed.test': [], 'denied.test': []}
for _ in range(int(sys.argv[1])):
    for name in ('allowed.test', 'denied.test'):
        begin = time.monotonic()
        with socket.create_connection((host, int(port)), 10) as s:
            s.settimeout(10)
            s.sendall(f'CONNECT {name}:443 HTTP/1.1\r\n\r\n'.encode())
            answers[name + ' ' + s.recv(4096).split()[1].decode()] += 1
        times[name].append(time.monotonic() - begin)
print(sorted(answers.items()), *(f'{name}={round(statistics.median(t) * 1e6)}' for name, t in times.items()))
)";

class Idle : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one; one that passed has left nothing.
    if (HasFailure()) drydock("stop --all");
    Conformance::TearDown();
  }
  Outcome await(const std::string& file) const {
    return sh("cd " + quote(project()) + "; for i in $(seq 600); do test -e " + file + " && exec cat " +
              file + "; sleep 0.1; done; exit 1");
  }
};

// A model that thinks for long: the server says nothing for so many seconds, then answers, and the same
// tunnel carries one more question. DRYDOCK_IDLE_SECONDS=1200 for the real thing (docs/hacking.md has its
// figures); the lab runs it without ctest and its time limit.
TEST_P(Idle, J1_ASilentTunnelLives) {
  const char* set = std::getenv("DRYDOCK_IDLE_SECONDS");
  const std::string seconds = set != nullptr ? set : "12";
  const Log requests("requests");
  const Outcome silent = run("-q --allow allowed.test",
                             "curl -sS -w '%{time_total} %{num_connects}\\n' https://allowed.test/delay/" +
                                 seconds + " https://allowed.test/afterwards");
  EXPECT_EQ(silent.status, 0) << silent;
  const auto lines = split(trim(silent.out), '\n');
  ASSERT_EQ(lines.size(), 4U) << silent;
  for (const std::size_t page : {0U, 2U})
    EXPECT_NE(lines[page].find("hello from allowed.test"), std::string::npos) << silent;
  EXPECT_GE(std::atof(lines[1].c_str()), std::atof(seconds.c_str())) << silent;
  EXPECT_TRUE(ends_with(lines[1], " 1")) << silent;
  EXPECT_TRUE(ends_with(lines[3], " 0")) << "the tunnel was not used again: " << silent;
  EXPECT_EQ(requests.lines_with({"\"event\": \"tls\"", "\"sni\": \"allowed.test\""}).size(), 1U);
  EXPECT_EQ(requests.lines_with({"/afterwards"}).size(), 1U);
  RecordProperty("silent_s", lines[1].substr(0, lines[1].find(' ')));
}

TEST_P(Idle, J20_ThousandsOfIdleTunnelsDisturbNobodyElse) {
  write_project_file("hold.py", hold_script);
  write_project_file("ask.py", ask_script);
  const std::string quiet_answers = "[('allowed.test 200', 100), ('denied.test 403', 100)] ";
  const Outcome before = run("-q --allow allowed.test", "python3 ask.py 100");
  ASSERT_TRUE(starts_with(before.out, quiet_answers)) << before;
  const Outcome started =
      run("-q -d --allow allowed.test", "sh -c 'python3 hold.py 2000 > out 2>&1; touch over; sleep 1000'");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const Outcome held = await("held");
  ASSERT_TRUE(starts_with(held.out, "2000 ")) << held << await("out");
  const std::string sidecar(trim(
      engine("ps -q --filter label=io.drydock.role=sidecar --filter label=io.drydock.session=" + id).out));
  const std::string pid(trim(engine("inspect --format '{{.State.Pid}}' " + sidecar).out));
  const Outcome resident =
      sh("awk '/^VmRSS:/ { print $2 }' /proc/" + pid + "/status; cat /proc/" + pid + "/comm");
  EXPECT_TRUE(ends_with(resident.out, "drydock-guard\n")) << resident;
  EXPECT_LT(std::atoi(resident.out.c_str()), 20 * 1024) << "the guard needs more than 20 MB";
  const Outcome beside = run("-q --allow allowed.test", "python3 ask.py 100");
  EXPECT_TRUE(starts_with(beside.out, quiet_answers)) << beside;
  // The session itself still gets an answer too.
  const Outcome own = drydock("exec " + id + " -- python3 ask.py 1");
  EXPECT_TRUE(starts_with(own.out, "[('allowed.test 200', 1), ('denied.test 403', 1)] ")) << own;
  sh_as_user("touch " + quote(project() + "/release"));
  const Outcome over = await("over");
  EXPECT_EQ(over.status, 0) << over;
  EXPECT_EQ(sh("cat " + quote(project() + "/out")).out, "alive 2000\n");
  RecordProperty("guard_kib", resident.out.substr(0, resident.out.find('\n')));
  RecordProperty("us_before", std::string(trim(before.out.substr(quiet_answers.size()))));
  RecordProperty("us_beside", std::string(trim(beside.out.substr(quiet_answers.size()))));
  EXPECT_EQ(drydock("stop --time 0 " + id).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Idle, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
