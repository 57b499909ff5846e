// J2, J15, J18, J20 under pressure: thousands of hostile requests, limits that are exceeded, a filter that
// changes under load, sessions side by side.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Ten thousand authorities, no two alike, made from allowed names, from a fixed seed, asked by 16 threads. A
// tunnel that is granted gets a ClientHello for its host, so that the guard opens it for good. Prints the
// number of each answer, where whatever goes wrong is an answer of its own, and each authority that was
// granted.
constexpr const char* hostile_script =
    R"py(import collections, json, os, queue, random, re, socket, struct, threading
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
rng = random.Random(20)
names = ['allowed.test', 'a.wild.test', 'wild.test', 'denied.test', 'api.anthropic.com']
addresses = ['203.0.113.10', '0xcb.0.113.10', '0313.0.0161.012', '3405803786', '127.0.0.1', '[::1]', '[2001:db8:1::10]',
             '[::ffff:203.0.113.10]', '2001:db8:1::10', '127.1', '0', '169.254.169.254', '0x7f000001', '[::ffff:7f00:1%25eth0]']
ports = ['443', '80', '0443', '2222', '444', '65979', '4294967739', '-443', '+443', '443.0', '0x1bb', '', '443:443', '4431', '44']
pieces = ['/', '?', '#', '@', ':', '[', ']', '%2f', '%00', '%', '\t', '\0', '\x0b', '\x7f', '\xa0', '\xe2\x80\x8b', '\xef\xbc\x8e',
          '\xc4\xb1', '\\', '*', '.', '..', '-', '_', '|', '^', '$', '(', ')', '+', '{1}', ';', ',', '&', '=', '"', "'", '`', '~',
          '\x01', '\x1b', '\xff', '//', '://', 'http://', 'https://', '%40', '%3a', 'user@', 'user:x@', ':443@', ':443/', ':443#',
          ':443?', ' ', '  ', '.evil.test', 'evil', 'xn--', '%0d%0a', '\xd0\xb0']
def swapped(c): return c.swapcase() if c.isascii() else c
def authority():
    base = rng.choice(names if rng.random() < 0.7 else addresses)
    text = base + ':' + (rng.choice(ports) if rng.random() < 0.5 else '443')
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        kind, at = rng.randrange(5), rng.randrange(len(text) + 1)
        piece = rng.choice(pieces) if rng.random() < 0.7 else rng.choice(names + addresses)
        if kind < 2: text = text[:at] + piece + text[at:]
        elif kind == 2: text = text[:at] + text[at + 1:]
        elif kind == 3: text = text[:at] + swapped(text[at:at + 1]) + text[at + 1:]
        else: text = piece + rng.choice(['', ':443', '/', '@', '#']) + text if at % 2 else text + piece
    if rng.random() < 0.01: text += 'x' * rng.choice([250, 1000, 5000, 9000])
    return text
def hello(name):
    sni = struct.pack('!HBH', len(name) + 3, 0, len(name)) + name.encode('latin-1')
    extensions = struct.pack('!HH', 0, len(sni)) + sni
    body = b'\3\3' + bytes(32) + b'\0\0\2\x13\1\1\0' + struct.pack('!H', len(extensions)) + extensions
    message = b'\1\0' + struct.pack('!H', len(body)) + body
    return b'\x16\3\1' + struct.pack('!H', len(message)) + message
def ask(text):
    try:
        request = f'CONNECT {text} HTTP/1.1\r\nHost: {text}\r\n\r\n'.encode('latin-1')
        with socket.create_connection((host, int(port)), 30) as s:
            s.settimeout(30)
            s.sendall(request)
            reply = s.recv(4096)
            if not reply.startswith(b'HTTP/'): return 'other' if reply else 'closed'
            answer = reply.split()[1].decode()
            if answer == '200':
                s.sendall(hello(text.strip().split(':')[0].lower()))
                s.recv(1)
            return answer
    except Exception as e: return type(e).__name__
authorities = {}
while len(authorities) < 10000: authorities[authority()] = None
work, answers, granted, strange, lock = queue.SimpleQueue(), collections.Counter(), [], [], threading.Lock()
for text in authorities: work.put(text)
def run():
    while True:
        try: text = work.get_nowait()
        except queue.Empty: return
        answer = ask(text)
        with lock:
            answers[answer] += 1
            if answer == '200': granted.append(text)
            elif answer not in ('400', '403', '431'): strange.append([answer, text])
threads = [threading.Thread(target=run) for _ in range(16)]
for t in threads: t.start()
for t in threads: t.join()
print(json.dumps({'answers': answers, 'granted': granted, 'strange': strange, 'after': ask('allowed.test:443'), 'denied_after': ask('denied.test:443')}))
)py";

// Follows a filter that changes: waits in the file "step" for a number and whether other.test is allowed, and
// answers in "done" with the milliseconds it took to be so. All the while four threads ask for what is always
// allowed and for what never is, and one tunnel is open. The file "end" ends it; it prints what went wrong.
constexpr const char* follow_script = R"(import os, re, socket, ssl, threading, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
faults, ended, counts = [], threading.Event(), [0, 0]
def connect(name):
    s = socket.create_connection((host, int(port)), 10)
    s.settimeout(10)
    s.sendall(f'CONNECT {name}:443 HTTP/1.1\r\n\r\n'.encode())
    head = b''
    while b'\r\n\r\n' not in head:
        piece = s.recv(4096)
        if not piece: break
        head += piece
    return s, head.split()[1].decode() if head.startswith(b'HTTP/') else 'closed'
def ask(name):
    try:
        s, answer = connect(name)
        s.close()
        return answer
    except OSError as e: return repr(e)
def load(name, expected, n):
    while not ended.is_set():
        answer = ask(name)
        counts[n] += 1
        if answer != expected: faults.append(f'{name} got {answer}')
        time.sleep(0.005)
held, answer = connect('allowed.test')
assert answer == '200', answer
held = ssl.create_default_context().wrap_socket(held, server_hostname='allowed.test')
threads = [threading.Thread(target=load, args=a) for a in (('allowed.test', '200', 0), ('denied.test', '403', 1)) * 2]
for t in threads: t.start()
open('following', 'w').close()
last = ''
while not os.path.exists('end'):
    try: step = open('step').read()
    except OSError: step = ''
    if step == last:
        time.sleep(0.002)
        continue
    last, begin = step, time.monotonic()
    expected = step.split()[1]
    while (answer := ask('other.test')) != expected and time.monotonic() < begin + 10: pass
    took = round((time.monotonic() - begin) * 1000)
    if answer != expected: faults.append(f'step {step}: other.test still {answer}')
    for name, wanted in (('denied.test', '403'), ('allowed.test', '200')):
        if (answer := ask(name)) != wanted: faults.append(f'step {step}: {name} got {answer}')
    with open('.done', 'w') as f: f.write(f'{step.split()[0]} {took}')
    os.rename('.done', 'done')
ended.set()
for t in threads: t.join()
held.settimeout(10)
held.sendall(b'GET /still-open HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n')
page = b''
try:
    while piece := held.recv(65536): page += piece
except OSError as e: faults.append(f'the open tunnel: {e!r}')
if b'hello from' not in page and b' 200 ' not in page: faults.append(f'the open tunnel: {page[:80]!r}')
print(f'{len(faults)} faults', *faults[:10], sep='\n')
print('asked', *counts)
)";

// From outside: argv[1] is the session's folder, argv[2] the project, argv[3] how many times to change its
// filter. Prints the slowest step in milliseconds.
constexpr const char* drive_script = R"(import json, os, sys, time
folder, project, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
def replace(path, text):
    with open(path + '.new', 'w') as file: file.write(text)
    os.chmod(path + '.new', 0o644)
    os.rename(path + '.new', path)
config = json.load(open(f'{folder}/guard.json'))
slowest = 0
for n in range(2, times + 2):
    hosts = ['allowed.test'] + ['other.test'] * (n % 2)
    config['generation'] = n
    config['entries'] = [{'pattern': host, 'source': 'changed'} for host in hosts]
    replace(f'{folder}/filter', ''.join('^' + h.replace('.', r'\.') + ':443$\n' for h in hosts + [config['canary']]))
    replace(f'{folder}/guard.json', json.dumps(config))
    replace(f'{project}/step', f'{n} {"200" if n % 2 else "403"}')
    end = time.monotonic() + 30
    while True:
        try: done = open(f'{project}/done').read().split()
        except OSError: done = ['0']
        if done[0] == str(n): break
        if time.monotonic() > end: sys.exit(f'no answer to step {n}')
        time.sleep(0.002)
    slowest = max(slowest, int(done[1]))
open(f'{project}/end', 'w').close()
print(slowest)
)";

class Pressure : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (!live_session().empty()) drydock("stop --all");
    Conformance::TearDown();
  }
  std::string guards() const { return sh("ps -eo pid=,comm= | grep drydock-guard").out; }
  // Of the last session of this project, which has ended.
  std::vector<Json> decisions() const {
    const Outcome listed = drydock("--json egress log --list");
    const Json logs = *find_member(parse_json(listed.out, "the list"), "logs");
    std::vector<Json> lines;
    const auto own = std::find_if(logs.begin(), logs.end(),
                                  [&](const Json& log) { return string_or(log, "project") == project(); });
    if (own == logs.end()) return lines;
    const Outcome text =
        sh_as_user("cat \"$(getent passwd $(id -u) | cut -d: -f6)/.local/state/drydock/decisions/" +
                   require_string(*own, "session") + ".jsonl\"");
    for (const std::string& line : split(trim(text.out), '\n')) lines.push_back(parse_json(line, "a line"));
    return lines;
  }
  static bool is_allowed(const std::string& host) {
    return host == "allowed.test" || host == "api.anthropic.com" ||
           (ends_with(host, ".wild.test") &&
            host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos);
  }
  std::string tinyproxies() const { return std::string(trim(sh("ps -eo comm= | grep -c tinyproxy").out)); }
};

TEST_P(Pressure, J2_TenThousandHostileAuthoritiesFindNoGap) {
  write_project_file("hostile.py", hostile_script);
  const Log packets("packets");
  const Log requests("requests");
  const Log queries("dns");
  const Outcome begin = sh("date +%s");
  const Outcome outcome = run("-q --allow allowed.test --allow '*.wild.test'", "python3 hostile.py");
  ASSERT_EQ(outcome.status, 0) << outcome;
  const Outcome end = sh("date +%s");
  const Json result = parse_json(outcome.out, "the answers");
  RecordProperty("answers", find_member(result, "answers")->dump());
  RecordProperty("seconds", std::stoi(end.out) - std::stoi(begin.out));
  std::size_t asked = 0;
  for (const auto& [answer, count] : find_member(result, "answers")->items())
    asked += count.get<std::size_t>();
  // Below a wildcard a label may begin with '-', which the pattern takes and the name service does not.
  for (const Json& strange : *find_member(result, "strange")) {
    const std::string name = to_lower_ascii(strange[1].get<std::string>());
    EXPECT_TRUE(strange[0] == "502" && starts_with(name, "-") && ends_with(name, ".wild.test:443") &&
                is_allowed(name.substr(0, name.size() - 4)))
        << strange;
  }
  for (const char* answer : {"200", "400", "403"})
    EXPECT_TRUE(find_member(result, "answers")->contains(answer));
  EXPECT_EQ(asked, 10000U) << "some were never asked, or got no answer";

  // What was granted, by host; a blank ends the word and is no part of it.
  std::map<std::string, int> granted;
  int tunnels = 1;  // the control's, after the others
  ++granted["allowed.test"];
  for (const std::string& authority : strings_or_empty(result, "granted")) {
    const std::string name(trim(to_lower_ascii(authority)));
    EXPECT_TRUE(ends_with(name, ":443") && is_allowed(name.substr(0, name.size() - 4)))
        << "granted: " << printable(authority);
    ++granted[name.substr(0, name.find(':'))];
    ++tunnels;
  }
  EXPECT_GT(tunnels, 40) << "the good ones among them were refused too";
  EXPECT_EQ(string_or(result, "after"), "200") << outcome;
  EXPECT_EQ(string_or(result, "denied_after"), "403") << outcome;

  // The guard's own account is the same. A reader that was too slow costs lines, never the count.
  std::map<std::string, int> opened;
  int total = 0;
  bool complete = true;
  for (const Json& line : decisions()) {
    total = static_cast<int>(int_or(line, "opened", total));
    complete = complete && string_or(line, "event") != "dropped";
    if (string_or(line, "event") != "open") continue;
    EXPECT_TRUE(is_allowed(string_or(line, "host"))) << line;
    ++opened[string_or(line, "host")];
  }
  EXPECT_EQ(total, tunnels);
  if (complete) {
    EXPECT_EQ(opened, granted);
  }

  // And so is what arrived: nobody but allowed hosts was dialled or looked up.
  EXPECT_TRUE(requests.lines_with({"\"event\": \"request\""}).empty()) << "nobody asked for a page";
  std::set<std::string> dialled;
  for (const std::string& line : packets.lines_with({"\"flags\": \"S\""})) {
    const Json packet = parse_json(line, "a packet");
    EXPECT_EQ(int_or(packet, "dport", 0), 443) << line;
    const std::string to = string_or(packet, "dst");
    EXPECT_TRUE(to == "203.0.113.10" || to == "2001:db8:1::10") << line;
    dialled.insert(string_or(packet, "src") + " " + std::to_string(int_or(packet, "sport", 0)));
  }
  EXPECT_FALSE(dialled.empty());
  EXPECT_LE(dialled.size(), static_cast<std::size_t>(tunnels));
  std::set<std::string> names;
  for (const std::string& line : queries.lines_with({"\"name\""})) {
    const std::string name = to_lower_ascii(string_or(parse_json(line, "a query"), "name"));
    EXPECT_TRUE(is_allowed(name)) << "looked up: " << line;
    names.insert(name);
  }
  EXPECT_TRUE(names.contains("allowed.test")) << "the log would not have shown it";

  // The control: others would have been seen, in each of the logs.
  const Outcome control = unjailed(
      "python3 -c \"import socket; s = socket.socket(); s.settimeout(2); "
      "s.connect_ex((socket.gethostbyname('hostile.denied.test'), 2222)); s.send(b'GET / "
      "HTTP/1.0\\r\\n\\r\\n')\"");
  EXPECT_FALSE(queries.lines_with({"hostile.denied.test"}).empty()) << control;
  EXPECT_FALSE(packets.lines_with({"\"flags\": \"S\"", "\"dport\": 2222,"}).empty()) << control;
  EXPECT_FALSE(requests.lines_with({"\"event\": \"request\""}).empty()) << control;
}

TEST_P(Pressure, J15_AMemoryLimitHoldsOrIsRefused) {
  write_project_file(
      "fill.py",
      "data = bytearray(200 << 20)\nfor i in range(0, len(data), 4096): data[i] = 1\nprint('filled')\n");
  const Outcome engines_own = unjailed("python3 fill.py", "--memory 64m --memory-swap 64m");
  const bool enforced = engines_own.out.find("filled") == std::string::npos;
  if (!enforced) RecordProperty("not_enforced", "memory limits");
  const Outcome limited = run("-q --memory 64m", "python3 fill.py");
  EXPECT_EQ(limited.out.find("filled"), std::string::npos) << limited;
  if (enforced) {
    EXPECT_EQ(limited.status, 137) << limited;
  } else {
    EXPECT_EQ(limited.status, 125) << limited;
    EXPECT_NE(limited.err.find("--memory"), std::string::npos) << limited;
    EXPECT_NE(limited.err.find("does not enforce"), std::string::npos) << limited;
    const Outcome on = run("--memory 64m --best-effort-limits", "python3 fill.py");
    EXPECT_EQ(on.status, 0) << on;
    EXPECT_NE(on.err.find("memory limit is not in force"), std::string::npos) << on;
  }
  const Outcome control = run("-q", "python3 fill.py");
  EXPECT_EQ(control.out, "filled\n") << control;
}

TEST_P(Pressure, J15_AProcessLimitHoldsOrIsRefused) {
  write_project_file("fork.py", R"(import subprocess
children = []
try:
    for _ in range(100): children.append(subprocess.Popen(['sleep', '60']))
except OSError: pass
print('started', len(children))
for child in children: child.kill()
)");
  const Outcome engines_own = unjailed("python3 fork.py", "--pids-limit 20");
  const bool enforced = engines_own.out != "started 100\n";
  if (!enforced) RecordProperty("not_enforced", "process limits");
  const Outcome limited = run("-q --pids-limit 20", "python3 fork.py");
  EXPECT_NE(limited.out, "started 100\n") << limited;
  if (enforced) {
    ASSERT_TRUE(starts_with(limited.out, "started ")) << limited;
    EXPECT_LT(std::stoi(limited.out.substr(8)), 20) << limited;
  } else {
    EXPECT_EQ(limited.status, 125) << limited;
    EXPECT_NE(limited.err.find("--pids-limit"), std::string::npos) << limited;
    const Outcome on = run("-q --pids-limit 20 --best-effort-limits", "python3 fork.py");
    EXPECT_EQ(on.out, "started 100\n") << on;
  }
  const Outcome control = run("-q", "python3 fork.py");
  EXPECT_EQ(control.out, "started 100\n") << control;
}

// At each of a thousand changes, with requests under way all the time: the allowed is allowed, the denied is
// denied, and what is open stays open.
TEST_P(Pressure, J18_TheFilterFollowsManyChanges) {
  const std::string times = "1000";
  write_project_file("follow.py", follow_script);
  write_project_file("drive.py", drive_script);
  const Outcome started =
      run("-q -d --allow allowed.test", "sh -c 'python3 follow.py > out 2>&1; touch over; sleep 1000'");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const std::string wait = "cd " + quote(project()) + "; for i in $(seq 300); do test -e ";
  const std::string end = " && exit 0; sleep 0.1; done; cat out; exit 1";
  const Outcome ready = sh(wait + "following" + end);
  ASSERT_EQ(ready.status, 0) << ready;
  const std::string before = guards();
  ASSERT_NE(before, "");
  const Outcome begin = sh("date +%s");
  const Outcome driven =
      sh_as_user("python3 " + quote(project() + "/drive.py") + " \"$XDG_RUNTIME_DIR/drydock/sessions/" + id +
                 "/sidecar\" " + quote(project()) + " " + times + " || touch " + quote(project() + "/end"));
  ASSERT_EQ(driven.status, 0) << driven;
  const Outcome over = sh(wait + "over" + end);
  const Outcome told = sh("cat " + quote(project() + "/out"));
  EXPECT_EQ(over.status, 0) << over;
  EXPECT_TRUE(starts_with(told.out, "0 faults\n")) << told;
  EXPECT_NE(told.out.find("asked "), std::string::npos) << told;
  const Outcome finish = sh("date +%s");
  EXPECT_EQ(guards(), before) << "the guard died";
  EXPECT_EQ(tinyproxies(), "1");
  const std::string logs = "logs $(" + backend() + " ps -q --filter label=io.drydock.role=sidecar) 2>&1 | ";
  EXPECT_EQ(trim(engine(logs + "grep -c '\"event\":\"reload\".*\"verdict\":\"allowed\"'").out), times);
  EXPECT_EQ(trim(engine(logs + "grep -c 'is started again'").out), "0") << "a tinyproxy died";
  RecordProperty("seconds", std::stoi(finish.out) - std::stoi(begin.out));
  RecordProperty("slowest_change_ms", std::string(trim(driven.out)));
  RecordProperty("changes", times);
  ASSERT_FALSE(trim(driven.out).empty()) << driven;
  EXPECT_LT(std::stoi(driven.out), 5000) << "a change came late";
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

// DRYDOCK_SESSIONS=50 for as many as the guarantee speaks of (docs/hacking.md has their figures).
TEST_P(Pressure, J20_SessionsSideBySideKeepTheWall) {
  const char* set = std::getenv("DRYDOCK_SESSIONS");
  const int count = set != nullptr ? std::stoi(set) : 5;
  write_project_file("wall.py", R"(import os, re, socket, sys, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
own, count = sys.argv[1], int(sys.argv[2])
open(f'here-{own}', 'w').close()
end = time.monotonic() + 100 + 4 * count
while len([f for f in os.listdir() if f.startswith('here-')]) < count and time.monotonic() < end: time.sleep(0.05)
print('together', len([f for f in os.listdir() if f.startswith('here-')]))
for name in [f'n{i}.test:443' for i in range(count)] + ['203.0.113.10:443', '[::1]:443', f'n{own}.test:80', f'n{own}.test.evil.test:443']:
    with socket.create_connection((host, int(port)), 20) as s:
        s.settimeout(20)
        s.sendall(f'CONNECT {name} HTTP/1.1\r\n\r\n'.encode())
        print(name, s.recv(4096).split()[1].decode())
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        with socket.socket(socket.AF_INET, kind) as s:
            s.settimeout(3)
            s.connect(('203.0.113.10', 4321))
            s.send(b'marker')
            print('sent', kind.name)
    except OSError: print('failed', kind.name)
print('address', host)
)");
  const Log packets("packets");
  const Outcome all = sh_as_user(
      "cd " + quote(project()) + "; for i in $(seq 0 " + std::to_string(count - 1) + "); do " +
      drydock_words() + " run -q --image " + test_image + " --allow n$i.test -- python3 wall.py $i " +
      std::to_string(count) + " > out-$i 2> err-$i < /dev/null & done; wait; cat err-*");
  EXPECT_EQ(all.out, "") << all;
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) {
    const std::string own = std::to_string(i);
    const Outcome out = sh("cat " + quote(project() + "/out-" + own));
    std::string expected = "together " + std::to_string(count) + "\n";
    for (int j = 0; j < count; ++j)
      expected += "n" + std::to_string(j) + ".test:443 " + (i == j ? "200\n" : "403\n");
    expected += "203.0.113.10:443 403\n[::1]:443 403\nn" + own + ".test:80 403\nn" + own +
                ".test.evil.test:443 403\n";
    EXPECT_TRUE(starts_with(out.out, expected)) << "session " << i << " " << out;
    EXPECT_EQ(out.out.find("sent SOCK_STREAM"), std::string::npos) << out;
    addresses.push_back(out.out.substr(out.out.rfind(' ') + 1));
  }
  std::sort(addresses.begin(), addresses.end());
  EXPECT_EQ(std::unique(addresses.begin(), addresses.end()), addresses.end()) << join(addresses, ", ");
  RecordProperty("sessions", count);
  EXPECT_TRUE(packets.lines_with({"\"dport\": 4321,"}).empty()) << "a packet arrived";
  const Outcome control =
      unjailed("python3 -c \"import socket; socket.socket(2, 2).sendto(b'x', ('203.0.113.10', 4321))\"");
  EXPECT_FALSE(packets.lines_with({"\"dport\": 4321,"}).empty())
      << "the log would not have shown it: " << control;
}

INSTANTIATE_TEST_SUITE_P(Backend, Pressure, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
