// J5-J7, J10, J11, J14, J22: what the wall lets through by DNS, to the host, to other sessions, when the
// sidecar is gone, and from the host's own settings. What arrives is judged by the lab's logs; each probe has
// its control beside it.
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Questions of every type over UDP and TCP to each resolver in sight and to those of argv[2:]; argv[1] is a
// label of each name. Prints how long a look-up by the C library took.
constexpr const char* dns_script = R"(import os, re, socket, struct, sys, threading, time
TYPES = {'A': 1, 'AAAA': 28, 'TXT': 16, 'MX': 15, 'SRV': 33, 'ANY': 255}
servers = ['127.0.0.11', '127.0.0.1', '127.0.0.53', '8.8.8.8', '203.0.113.53'] + sys.argv[2:]
servers += re.findall(r'nameserver (\S+)', open('/etc/resolv.conf').read())
proxy = re.match(r'http://([0-9.]+):', os.environ.get('HTTPS_PROXY', ''))
if proxy:
    net = struct.unpack('!I', socket.inet_aton(proxy[1]))[0] & ~7
    servers += [socket.inet_ntoa(struct.pack('!I', net + i)) for i in range(1, 7)]
def query(kind, way, n):
    name = f'{kind.lower()}-{way}-{n}.{sys.argv[1]}.test'
    labels = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\0'
    return struct.pack('!6H', 7, 0x100, 1, 0, 0, 0) + labels + struct.pack('!2H', TYPES[kind], 1)
answers, waiting = 0, []
def ask(n, server, kind):
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(query(kind, 'udp', n), (server, 53))
        waiting.append(s)
    except OSError:
        pass
    try:
        s = socket.create_connection((server, 53), 1)
        data = query(kind, 'tcp', n)
        s.sendall(struct.pack('!H', len(data)) + data)
        waiting.append(s)
    except OSError:
        pass
threads = [threading.Thread(target=ask, args=(n, server, kind))
           for n, server in enumerate(dict.fromkeys(servers)) for kind in TYPES]
for t in threads: t.start()
for t in threads: t.join()
time.sleep(2)
for s in waiting:
    s.setblocking(False)
    try: answers += len(s.recv(512)) > 0
    except OSError: pass
print('answers', answers)
start = time.monotonic()
try: found = socket.getaddrinfo(f'libc.{sys.argv[1]}.test', 443)[0][4][0]
except OSError: found = 'nothing'
print('lookup', found, round((time.monotonic() - start) * 1000))
)";

// Tries TCP and UDP port 7777 of each of argv[2:], also bound to the interface; argv[1] says whether UDP may
// be bound too.
constexpr const char* host_script = R"(import socket, sys, threading
def probe(address, kind, bound):
    infos = socket.getaddrinfo(address, 7777, 0, kind)
    for family, kind, _, _, target in infos:
        with socket.socket(family, kind) as s:
            s.settimeout(1)
            if bound: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
            if kind == socket.SOCK_STREAM:
                s.connect(target)
            else:
                s.sendto(b'marker', target)
            if b'this is the host' in s.recv(100): return True
    return False
def tell(name, address, kind, bound):
    try: ok = probe(address, kind, bound)
    except OSError: ok = False
    if ok: print('reached', name, address, 'bound' if bound else '')
threads = [threading.Thread(target=tell, args=(name, address, kind, bound))
           for address in sys.argv[2:]
           for kind, name in ((socket.SOCK_STREAM, 'tcp'), (socket.SOCK_DGRAM, 'udp'))
           for bound in (False, True)
           if not (bound and name == 'udp' and sys.argv[1] == 'tcp')]
for t in threads: t.start()
for t in threads: t.join()
print('done')
)";

// Tries each ADDRESS:PORT of argv[1:] over TCP, plainly, bound to the interface, and through the session's
// proxy.
constexpr const char* reach_script = R"(import os, re, socket, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
for target in sys.argv[1:]:
    address, _, number = target.partition(':')
    for bound in (False, True):
        with socket.socket() as s:
            s.settimeout(1)
            try:
                if bound: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
                s.connect((address, int(number)))
                print('reached', target)
            except OSError:
                print('failed', target)
    with socket.create_connection((host, int(port)), 10) as s:
        s.settimeout(10)
        s.sendall(f'CONNECT {target} HTTP/1.1\r\n\r\n'.encode())
        print('proxy', s.recv(4096).split()[1].decode(), target)
)";

class Wall : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (HasFailure()) drydock("stop --all");
    Conformance::TearDown();
  }
  std::string start(const std::string& options, const std::string& command) const {
    const Outcome started = run("-q -d " + options, command);
    EXPECT_EQ(started.status, 0) << started;
    return std::string(trim(started.out));
  }
  std::string container(const std::string& role) const {
    return std::string(trim(engine("ps -q --filter label=io.drydock.role=" + role).out));
  }
  std::vector<std::string> addresses_of(const std::string& name) const {
    const Outcome found =
        engine("inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' " + name);
    return split(trim(found.out), ' ');
  }
  // Waits for a file of the project, which a command in the jail makes.
  bool appears(const std::string& name) const {
    return sh("for i in $(seq 300); do test -e " + quote(project() + "/" + name) +
              " && exit 0; sleep 0.1; done; exit 1")
               .status == 0;
  }
  std::string content(const std::string& name) const {
    return sh("cat " + quote(project() + "/" + name)).out;
  }
};

TEST_P(Wall, J5_NoQuestionReachesAnyResolver) {
  write_project_file("dns.py", dns_script);
  const Log queries("dns");
  const Log packets("packets");
  const Outcome jailed = run("-q --allow allowed.test", "python3 dns.py leak-jailed");
  ASSERT_EQ(jailed.status, 0) << jailed;
  EXPECT_TRUE(queries.lines_with({"leak-jailed"}).empty()) << queries.lines_with({"leak-jailed"}).front();
  EXPECT_TRUE(packets.lines_with({"\"dst\": \"8.8.8.8\""}).empty());
  EXPECT_NE(jailed.out.find("lookup nothing"), std::string::npos) << jailed;
  const std::string took = jailed.out.substr(jailed.out.rfind(' ') + 1);
  RecordProperty("failing_lookup_ms", std::string(trim(took)));
  EXPECT_LT(std::stoi(took), 1500) << "a look-up fails slowly: " << jailed;

  // A busy machine's name server may be too late for one of them.
  Outcome control;
  std::string unseen;
  for (int attempt = 0; attempt < 3; ++attempt) {
    control = unjailed("python3 dns.py leak-control");
    unseen.clear();
    for (const std::string kind : {"a", "aaaa", "txt", "mx", "srv", "any"}) {
      for (const std::string way : {"-udp-", "-tcp-"}) {
        if (queries.lines_with({"\"" + kind + way, "leak-control"}).empty()) unseen += " " + kind + way;
      }
    }
    if (unseen.empty()) break;
  }
  EXPECT_EQ(unseen, "") << "the log would not have shown these: " << control;
  EXPECT_FALSE(queries.lines_with({"libc.leak-control"}).empty()) << control;
}

TEST_P(Wall, J5_ARefusedNameIsNotLookedUp) {
  write_project_file("reach.py", reach_script);
  const Log queries("dns");
  const Outcome asked = run("-q --allow '*.wild.test'",
                            "python3 reach.py secret-label.denied.test:443 granted-label.wild.test:443");
  EXPECT_NE(asked.out.find("proxy 403 secret-label.denied.test:443"), std::string::npos) << asked;
  EXPECT_NE(asked.out.find("proxy 200 granted-label.wild.test:443"), std::string::npos) << asked;
  EXPECT_TRUE(queries.lines_with({"secret-label"}).empty()) << "the sidecar asked for a refused name";
  const Outcome control =
      run("-q --allow '*.wild.test'", "curl -sS https://granted-label.wild.test/ -o /dev/null");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_FALSE(queries.lines_with({"granted-label.wild.test"}).empty()) << "the log would not have shown it";
}

TEST_P(Wall, J6_TheHostIsNotReached) {
  write_project_file("host.py", host_script);
  // Every address that the host has, and the names and addresses by which engines lead to it.
  const std::string find_addresses =
      "ip -o addr show | awk '{sub(\"/.*\", \"\", $4); print $4}' | grep -v '^fe80' | sort -u; "
      "ip -o -6 addr show scope link | awk '{sub(\"/.*\", \"\", $4); print $4 \"%eth0\"}'";
  const std::string names =
      " host.containers.internal host.docker.internal gateway.docker.internal 10.0.2.2 169.254.1.2 "
      "fe80::1%eth0";
  // The bridges of the session's own networks are there only while it lives: their addresses are added from
  // inside.
  write_project_file("host.sh", R"(net=${HTTPS_PROXY#http://}; net=${net%:*}; own=${net%.*}; last=${net##*.}
base=$((last / 8 * 8))
exec python3 host.py "$@" $own.$((base + 1)) $own.$((base + 4)) $own.$((base + 5)) $own.$((base + 6))
)");
  // Not asserted where the engine is root's: a datagram that is bound to the interface. Where the host's
  // rp_filter is 0 it arrives, one way: no answer can come back. The same goes for broadcasts and multicasts
  // (docs/security.md).
  const bool rootless =
      backend() == "podman" && trim(engine("info --format '{{.Host.Security.Rootless}}'").out) == "true";
  const std::string udp = rootless ? "both" : "tcp";
  const std::string targets = join(split(trim(sh(find_addresses).out), '\n'), " ") + names;
  ASSERT_NE(targets.find("203.0.113.2"), std::string::npos) << targets;
  const Log arrivals("host");
  const std::string id = start("--allow allowed.test", "sleep 1000");
  const std::string bridges = join(split(trim(sh(find_addresses).out), '\n'), " ");
  const Outcome jailed = drydock("exec " + id + " -- sh host.sh " + udp + " " + targets + " " + bridges);
  EXPECT_EQ(jailed.out, "done\n") << jailed;
  EXPECT_TRUE(arrivals.lines_with({""}).empty()) << arrivals.lines_with({""}).front();
  EXPECT_EQ(drydock("stop " + id).status, 0);

  const Outcome control = unjailed("python3 host.py both " + targets);
  EXPECT_NE(control.out.find("reached tcp"), std::string::npos) << control;
  EXPECT_FALSE(arrivals.lines_with({"\"proto\": \"tcp\""}).empty()) << "the log would not have shown it";
}

// Gap (k), as docs/security.md names it: what goes one way to a host whose engine is root's, and when it does
// not.
TEST_P(Wall, J6_OneWayDatagramsReachAHostWhoseEngineIsRootsAndGetNoAnswer) {
  write_project_file("send.py", R"(import os, re, socket, struct, sys
address = re.match(r'http://([0-9.]+):', os.environ['HTTPS_PROXY'])[1]
net = struct.unpack('!I', socket.inet_aton(address))[0] & ~7
place = lambda i: socket.inet_ntoa(struct.pack('!I', net + i))
targets = {'subnet': place(7), 'limited': '255.255.255.255', 'multicast': '224.0.0.1', 'place': place(1), 'host': '203.0.113.2'}
waiting = []
for name, target in targets.items():
    for bound in ('', '-bound'):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        waiting.append(s)
        s.settimeout(0.2)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if bound: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
            s.sendto(f'{sys.argv[1]}-{name}{bound}.'.encode(), (target, 7777))
        except OSError: pass
for s in waiting:
    try: print('answered', s.recv(100))
    except OSError: pass
print('done')
)");
  const bool rootless = trim(sh_as_user("id -u").out) != "0" && backend() == "podman";
  // The kernel takes the larger of the value for all and the bridge's own, which a new one has from
  // "default".
  const std::string filter = "net.ipv4.conf.all.rp_filter net.ipv4.conf.default.rp_filter";
  const std::string before = sh("sysctl " + filter + " | tr -d ' '").out;
  const auto send_with = [&](const std::string& value, const std::string& marker) {
    const Log arrivals("host");
    EXPECT_EQ(sh("for name in " + filter + "; do sysctl -qw $name=" + value + "; done").status, 0);
    const Outcome sent = run("-q --allow allowed.test", "python3 send.py " + marker);
    EXPECT_EQ(sent.out, "done\n") << "an answer came back: " << sent;
    std::set<std::string> arrived;
    for (const std::string& line : arrivals.lines_with({"\"" + marker + "-"})) {
      const std::string data = string_or(parse_json(line, "an arrival"), "data");
      arrived.insert(data.substr(marker.size() + 1, data.size() - marker.size() - 2));
    }
    return arrived;
  };
  const std::set<std::string> open = send_with("0", "open");
  const std::set<std::string> strict = send_with("1", "strict");
  const std::set<std::string> loose = send_with("2", "loose");
  EXPECT_EQ(sh("sysctl -qw " + join(split(trim(before), '\n'), " ")).status, 0) << before;
  EXPECT_TRUE(strict.empty()) << *strict.begin();
  EXPECT_TRUE(loose.empty()) << *loose.begin();
  if (!open.empty()) RecordProperty("gap", join(std::vector<std::string>(open.begin(), open.end()), " "));
  // Podman 5 has its bridges at 2 by itself.
  if (rootless || configuration() == "P5") {
    EXPECT_TRUE(open.empty()) << *open.begin();
  } else {
    EXPECT_TRUE(open.contains("limited-bound") && open.contains("multicast-bound"))
        << "the gap is closed: say so";
    for (const char* name : {"host", "place", "place-bound", "subnet", "subnet-bound"})
      EXPECT_FALSE(open.contains(name)) << "a wider gap than is said: " << name;
    const bool by_address = configuration() == "P4" || configuration() == "D26";
    EXPECT_EQ(open.contains("host-bound"), by_address) << "say so";
  }
  const Log arrivals("host");
  bool seen = false;
  for (int attempt = 0; attempt < 30 && !seen; ++attempt) {
    sh("echo -n control > /dev/udp/203.0.113.2/7777; sleep 0.1");
    seen = !arrivals.lines_with({"\"control\""}).empty();
  }
  EXPECT_TRUE(seen) << "the log would not have shown it";
}

TEST_P(Wall, J7_AnotherSessionIsNotReached) {
  write_project_file("reach.py", reach_script);
  write_project_file("serve.py", R"(import socket
s = socket.create_server(('', 8899))
open('serving', 'w').close()
while True:
    _, peer = s.accept()
    print('client', peer[0], file=open('clients', 'a'), flush=True)
)");
  const std::string first = start("--allow allowed.test", "python3 serve.py");
  ASSERT_TRUE(appears("serving"));
  const std::string proxy(trim(drydock("exec " + first + " -- sh -c 'echo ${HTTPS_PROXY#http://}'").out));
  const std::string proxy_port = proxy.substr(proxy.find(':'));
  std::vector<std::string> targets;
  const auto agent = addresses_of(container("agent"));
  const auto sidecar = addresses_of(container("sidecar"));
  ASSERT_EQ(agent.size(), 1U);
  ASSERT_EQ(sidecar.size(), 2U) << "the internal leg and the egress leg";
  for (const std::string& address : agent) targets.push_back(address + ":8899");
  for (const std::string& address : sidecar) {
    for (const std::string& port : {proxy_port, std::string(":443"), std::string(":8899")})
      targets.push_back(address + port);
  }
  const std::string before = content("clients");
  const Outcome second = run("-q --allow allowed.test", "python3 reach.py " + join(targets, " "));
  EXPECT_EQ(second.status, 0) << second;
  EXPECT_EQ(second.out.find("reached"), std::string::npos) << second;
  for (const std::string& target : targets) {
    EXPECT_NE(second.out.find("proxy 403 " + target), std::string::npos) << target << " " << second;
  }
  EXPECT_EQ(content("clients"), before) << "somebody came to the other session's agent";

  const Outcome control =
      drydock("exec " + first + " -- python3 reach.py " + agent.front() + ":8899 " + proxy);
  EXPECT_NE(control.out.find("reached " + agent.front() + ":8899"), std::string::npos) << control;
  EXPECT_NE(control.out.find("reached " + proxy), std::string::npos) << control;
  EXPECT_NE(content("clients"), before) << "the file would not have shown it";
  EXPECT_EQ(drydock("stop " + first).status, 0);
}

TEST_P(Wall, J10_WithoutItsSidecarTheAgentHasNoWayOut) {
  write_project_file("reach.py", reach_script);
  write_project_file("orphan.sh", R"sh(curl -sS https://allowed.test/ > before 2>&1
touch ready
for i in $(seq 300); do test -e killed && break; sleep 0.1; done
for i in 1 2; do
  curl -sS -m 3 https://allowed.test/after-marker &
  curl -sS -m 3 --noproxy '*' https://allowed.test/after-marker &
  curl -sS -m 3 --noproxy '*' http://203.0.113.10:2222/after-marker &
  python3 -c "import socket; socket.create_connection(('203.0.113.10', 4321), 2)" &
  wait
  sleep 0.5
done > after 2> errors
exit 7
)sh");
  const Log packets("packets");
  const Log requests("requests");
  const Outcome started =
      sh_as_user("cd " + quote(project()) + " && ( " + drydock_words() + " run -q --image " + test_image +
                 " --allow allowed.test -- sh orphan.sh > out 2> err < /dev/null; echo $? > status ) "
                 ">/dev/null 2>&1 &");
  ASSERT_EQ(started.status, 0) << started;
  ASSERT_TRUE(appears("ready"));
  EXPECT_NE(content("before").find("hello from allowed.test"), std::string::npos) << content("before");
  const std::string pid(trim(engine("inspect --format '{{.State.Pid}}' " + container("sidecar")).out));
  ASSERT_GT(std::stoi(pid), 1);
  ASSERT_EQ(sh("kill -9 " + pid).status, 0);
  ASSERT_EQ(sh("for i in $(seq 100); do test -e /proc/" + pid + " || break; sleep 0.1; done; touch " +
               quote(project() + "/killed"))
                .status,
            0);
  for (int i = 0; i < 180 && sh("test -s " + quote(project() + "/status")).status != 0; ++i) sh("sleep 0.5");
  EXPECT_EQ(content("after"), "") << "the agent reached something";
  EXPECT_NE(content("errors"), "") << "the agent did not try";
  EXPECT_TRUE(requests.lines_with({"after-marker"}).empty());
  EXPECT_TRUE(packets.lines_with({"\"dport\": 2222,"}).empty());
  EXPECT_TRUE(packets.lines_with({"\"dport\": 4321,"}).empty());
  EXPECT_EQ(trim(content("status")), "7") << content("err");
  EXPECT_NE(content("err").find("its agent reaches no host any more"), std::string::npos) << content("err");
  EXPECT_EQ(leftovers(), "");

  const Outcome control = unjailed("curl -sS http://203.0.113.10:2222/after-marker");
  EXPECT_FALSE(requests.lines_with({"after-marker"}).empty())
      << "the log would not have shown it: " << control;
}

INSTANTIATE_TEST_SUITE_P(Backend, Wall, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
