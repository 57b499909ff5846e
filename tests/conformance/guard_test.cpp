// J8, J8b, J18, J19: what an allowed name may turn into, what a tunnel may carry, how the filter follows its
// user, and what is written down. Each refusal stands beside the same thing that succeeds where it should.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// Asks the session's proxy for tunnels, one argument each, and prints "AUTHORITY STATUS REASON".
constexpr const char* ask_script = R"(import os, re, socket, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
for name in sys.argv[1:]:
    with socket.create_connection((host, int(port)), 15) as s:
        s.settimeout(15)
        s.sendall(f'CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n'.encode())
        reply = s.recv(4096).split(b'\r\n')[0].decode()
        print(name, reply.split(' ', 1)[1] if reply.startswith('HTTP/') else 'closed')
)";

// Opens a tunnel to argv[1], sends argv[2] into it, and prints what comes back: "data", "closed" or "silent".
constexpr const char* speak_script = R"(import os, re, socket, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
s = socket.create_connection((host, int(port)), 15)
s.settimeout(5)
s.sendall(f'CONNECT {sys.argv[1]}:443 HTTP/1.1\r\n\r\n'.encode())
head = b''
while not head.endswith(b'\r\n\r\n'): head += s.recv(1) or sys.exit('no answer')
assert b' 200 ' in head, head
s.sendall(sys.argv[2].encode())
try:
    reply = s.recv(4096)
    print('data' if reply and reply[:1] != b'\x15' else 'closed')
except TimeoutError:
    print('silent')
except OSError:
    print('closed')
)";

// Replaces the files of a live session from outside, each at once: argv[1] is the folder, argv[2] the
// generation, the rest are hosts.
constexpr const char* change_script = R"(import json, os, sys
folder, generation, hosts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
def replace(name, text):
    with open(f'{folder}/.new', 'w') as file: file.write(text)
    os.chmod(f'{folder}/.new', 0o644)
    os.rename(f'{folder}/.new', f'{folder}/{name}')
config = json.load(open(f'{folder}/guard.json'))
config['generation'] = generation
config['entries'] = [{'pattern': host, 'source': 'changed'} for host in hosts]
replace('filter', ''.join('^' + h.replace('.', r'\.') + ':443$\n' for h in hosts + [config['canary']]))
replace('guard.json', json.dumps(config))
)";

class Guard : public Conformance {
 protected:
  std::map<std::string, std::string> ask(const std::vector<std::string>& names, const std::string& options) {
    write_project_file("ask.py", ask_script);
    std::string allow = options;
    for (const std::string& name : names) allow += " --allow " + name;
    const Outcome outcome = run("-q " + allow, "python3 ask.py " + join(names, " "));
    EXPECT_EQ(outcome.status, 0) << outcome;
    std::map<std::string, std::string> answers;
    for (const std::string& line : split(trim(outcome.out), '\n')) {
      answers[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
    }
    return answers;
  }

  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (!live_session().empty()) drydock("stop --all");
    Conformance::TearDown();
  }

  std::string container(const std::string& role) {
    return std::string(trim(engine("ps -q --filter label=io.drydock.role=" + role).out));
  }
  std::vector<Json> decisions() {
    std::vector<Json> events;
    const Outcome logs = engine("logs " + container("sidecar") + " 2>&1");
    for (const std::string& line : split(logs.out, '\n')) {
      const Json json = Json::parse(line, nullptr, false);
      if (json.is_object()) events.push_back(json);
    }
    return events;
  }
  bool logged_soon(const std::map<std::string, Json>& members) {
    for (int i = 0; i < 50; ++i) {
      for (const Json& event : decisions()) {
        bool all = true;
        for (const auto& [key, value] : members) all = all && event.contains(key) && event[key] == value;
        if (all) return true;
      }
      sh("sleep 0.1");
    }
    return false;
  }
  void change(const std::string& session, int generation, const std::string& hosts) {
    write_project_file("change.py", change_script);
    const Outcome changed =
        sh_as_user("python3 " + quote(project() + "/change.py") + " \"$XDG_RUNTIME_DIR/drydock/sessions/" +
                   session + "/sidecar\" " + std::to_string(generation) + " " + hosts);
    EXPECT_EQ(changed.status, 0) << changed;
  }
};

TEST_P(Guard, J8_NamesThatLeadToForbiddenAddressesAreRefused) {
  const std::vector<std::string> bad{"rebind.test", "meta.test",  "lan.test",  "private.test", "cgnat.test",
                                     "mapped.test", "nat64.test", "6to4.test", "mixed.test",   "alias.test"};
  const Log packets("packets");
  const Log queries("dns");
  // Somebody listens on the host's port 443.
  const Outcome listener =
      sh("cd /; setsid python3 -c 'import socket\ns = socket.create_server((\"\", 443))\nwhile True: "
         "s.accept()[0].sendall(b\"the host\")' >/dev/null 2>&1 & echo $!");
  std::vector<std::string> names = bad;
  names.insert(names.end(), {"allowed.test", "v4only.test"});
  auto answers = ask(names, "");
  for (const std::string& name : bad) {
    EXPECT_TRUE(starts_with(answers[name], "403 drydock refused " + name))
        << name << " got " << answers[name];
  }
  EXPECT_TRUE(starts_with(answers["allowed.test"], "200")) << answers["allowed.test"];
  EXPECT_TRUE(starts_with(answers["v4only.test"], "200")) << answers["v4only.test"];
  for (const std::string address : {"169.254.169.254", "10.0.0.1", "100.100.100.200"}) {
    EXPECT_TRUE(packets.lines_with({"\"dst\": \"" + std::string(address) + "\""}).empty()) << address;
  }
  // Each name was looked up once: one question for each of the two types.
  EXPECT_EQ(queries.lines_with({"\"name\": \"lan.test\""}).size(), 2U);

  write_project_file(
      "dial.py", "import socket\nprint(socket.create_connection(('lan.test', 443), 5).recv(99).decode())\n");
  // On the host's network: pasta keeps the host's addresses out of reach of others.
  const Outcome control = unjailed("python3 dial.py", "--network host");
  EXPECT_EQ(trim(control.out), "the host") << "the probe would not have reached it: " << control;
  sh("kill " + std::string(trim(listener.out)));
}

TEST_P(Guard, J8_WhyANameIsRefusedIsToldAndWrittenDown) {
  const std::map<std::string, std::string> why{
      {"rebind.test", "127.0.0.1, and it is one of this machine's own addresses"},
      {"meta.test", "169.254.169.254, and it is a cloud's metadata service"},
      {"lan.test", "203.0.113.2, and it is one of this machine's own addresses"},
      {"private.test", "10.0.0.1, and it is a private address"},
      {"6to4.test", "2002:7f00:1::1, and it is one of this machine's own addresses"},
      {"cgnat.test", "100.100.100.200, and it is a cloud's metadata service"}};
  std::string allow = "--allow allowed.test";
  for (const auto& [name, unused] : why) allow += " --allow " + name;
  const std::string session = start_serving(allow);
  write_project_file("whole.py", R"(import os, re, socket, sys
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
with socket.create_connection((host, int(port)), 15) as s:
    s.sendall(f'CONNECT {sys.argv[1]}:443 HTTP/1.1\r\n\r\n'.encode())
    reply = b''
    while piece := s.recv(4096): reply += piece
print(reply.split(b'\r\n\r\n', 1)[1].decode())
)");
  for (const auto& [name, words] : why) {
    const std::string reason = "its name leads to " + words;
    const std::string body = in_agent("python3 whole.py " + name);
    EXPECT_NE(body.find("drydock refused " + name + ": " + reason), std::string::npos) << body;
    EXPECT_TRUE(logged_soon(
        {{"event", "denied"}, {"leg", "proxy"}, {"host", name}, {"reason", reason}, {"verdict", "denied"}}))
        << name;
    const std::string direct = in_agent("curl -sS --noproxy '*' --max-time 10 https://" + name + "/ 2>&1");
    EXPECT_NE(direct.find("alert"), std::string::npos) << name << " " << direct;
    EXPECT_TRUE(
        logged_soon({{"event", "denied"}, {"leg", "transparent"}, {"host", name}, {"reason", reason}}))
        << name;
  }
  for (const std::string way : {"", "--noproxy '*' "})
    EXPECT_NE(in_agent("curl -sS " + way + "https://allowed.test/").find("hello from"), std::string::npos);
  EXPECT_EQ(drydock("stop " + session).status, 0);
}

// A sidecar has no IPv6: such a name is not reached, and the client is told at once instead of waiting.
TEST_P(Guard, J8_ANameOfIPv6AloneIsNotReachedAndSaysSo) {
  const Log packets("packets");
  const Log queries("dns");
  auto answers = ask({"v6only.test", "v4only.test"}, "");
  EXPECT_TRUE(starts_with(answers["v6only.test"], "502 drydock cannot reach v6only.test: "))
      << answers["v6only.test"];
  EXPECT_TRUE(starts_with(answers["v4only.test"], "200")) << answers["v4only.test"];
  const std::string six = "\"dst\": \"2001:db8:1::10\"";
  EXPECT_TRUE(packets.lines_with({six}).empty()) << "a packet of IPv6 arrived";
  EXPECT_FALSE(queries.lines_with({"\"v6only.test\"", "\"AAAA\""}).empty());
  const Outcome control =
      sh("python3 -c \"import socket; print(socket.create_connection(('v6only.test', 443), "
         "5).getpeername()[0])\"");
  EXPECT_EQ(trim(control.out), "2001:db8:1::10") << control;
  EXPECT_FALSE(packets.lines_with({six}).empty()) << "the log would not have shown it";
}

TEST_P(Guard, J8_ASecondAnswerHasNoSay) {
  // flip.test is good at every other look-up. What is dialled is what was checked, so the good one works and
  // the bad one is refused, whichever comes first.
  const auto answers = ask({"flip.test", "allowed.test"}, "");
  write_project_file("ask.py", ask_script);
  const Outcome both = run("-q --allow flip.test", "python3 ask.py flip.test flip.test");
  const bool first_good = both.out.find("flip.test 200") < both.out.find("flip.test 403");
  EXPECT_NE(both.out.find("flip.test 200"), std::string::npos) << both;
  EXPECT_NE(both.out.find("flip.test 403 drydock refused flip.test"), std::string::npos) << both;
  SCOPED_TRACE(first_good ? "good first" : "bad first");
}

TEST_P(Guard, J8_APrivateHostIsReachedOnlyWhenItIsNamed) {
  const auto refused = ask({"private.test"}, "");
  EXPECT_NE(refused.at("private.test").find("403"), std::string::npos);
  // Nobody is at 10.0.0.1: what counts is that it is tried. Metadata stays shut whatever is said.
  const Log packets("packets");
  write_project_file("ask.py", ask_script);
  const Outcome tried = run("-q --allow-private private.test --allow-private meta.test",
                            "timeout 5 python3 -u ask.py meta.test private.test");
  EXPECT_NE(tried.out.find("meta.test 403"), std::string::npos) << tried;
  EXPECT_EQ(tried.out.find("private.test 403"), std::string::npos) << tried;
  EXPECT_FALSE(packets.lines_with({"\"dst\": \"10.0.0.1\"", "\"dport\": 443,"}).empty()) << tried;
}

TEST_P(Guard, J8b_ATunnelCarriesTlsForItsOwnHostAndNothingElse) {
  write_project_file("speak.py", speak_script);
  write_project_file("tls.sh", R"(proxy=${HTTPS_PROXY#http://}
for name in "-servername allowed.test" "-servername denied.test" "-noservername"; do
  echo | timeout 20 openssl s_client -proxy $proxy -connect allowed.test:443 $name 2>/dev/null |
    grep -c '^-----BEGIN CERTIFICATE'
done
echo | timeout 20 openssl s_client -connect allowed.test:443 -servername allowed.test 2>/dev/null | grep -c BEGIN
echo | timeout 20 openssl s_client -connect allowed.test:443 -servername denied.test 2>/dev/null | grep -c BEGIN
)");
  const Log requests("requests");
  const Outcome tls = run("-q --allow allowed.test", "sh tls.sh");
  EXPECT_EQ(tls.out, "1\n0\n0\n1\n0\n")
      << "in turn: own name, other name, no name; direct: own, other. " << tls;
  EXPECT_TRUE(requests.lines_with({"\"sni\": \"denied.test\""}).empty());
  EXPECT_FALSE(requests.lines_with({"\"sni\": \"allowed.test\""}).empty());

  for (const std::string words : {"SSH-2.0-OpenSSH_9.2", "GET / HTTP/1.0"}) {
    const Outcome spoken = run("-q --allow allowed.test", "python3 speak.py allowed.test " + quote(words));
    EXPECT_EQ(spoken.out, "closed\n") << words << " " << spoken;
  }
  // How the server describes the first octets of plain HTTP, and of anything else.
  for (const std::string trace : {"HTTP_REQUEST", "WRONG_VERSION_NUMBER"}) {
    EXPECT_TRUE(requests.lines_with({"tls-failed", trace}).empty()) << "something that is not TLS went out";
  }
  const Outcome plain = unjailed("sh -c \"echo 'GET / HTTP/1.0' | timeout 5 nc 203.0.113.10 443\"");
  EXPECT_FALSE(requests.lines_with({"tls-failed", "HTTP_REQUEST"}).empty())
      << "the log would not have shown it: " << plain;

  const Outcome control = unjailed(
      "sh -c \"echo | openssl s_client -connect 203.0.113.10:443 -servername denied.test 2>/dev/null | grep "
      "-c BEGIN\"");
  EXPECT_EQ(trim(control.out), "1") << control;
  EXPECT_FALSE(requests.lines_with({"\"sni\": \"denied.test\""}).empty())
      << "the log would not have shown it";
}

TEST_P(Guard, J14_ClientsThatIgnoreTheProxyReachAllowedHostsToo) {
  const Outcome direct =
      run("-q --allow allowed.test --allow .wild.test",
          "sh -c \"curl -sS --noproxy '*' https://allowed.test/; curl -sS --noproxy '*' "
          "https://wild.test/; curl -sS --noproxy '*' --max-time 5 https://denied.test/\"");
  EXPECT_NE(direct.out.find("hello from allowed.test"), std::string::npos) << direct;
  EXPECT_NE(direct.out.find("hello from wild.test"), std::string::npos) << direct;
  EXPECT_EQ(direct.out.find("hello from denied.test"), std::string::npos) << direct;
}

TEST_P(Guard, J18_ClientsThatIgnoreTheProxyFollowALiveChangeToo) {
  const std::string session = start_serving("--allow allowed.test");
  const auto fetch = [&](const std::string& host) {
    return in_agent("curl -sS --noproxy '*' --max-time 5 https://" + host + "/ 2>&1");
  };
  const std::string before = fetch("other.test");
  EXPECT_EQ(before.find("hello from"), std::string::npos) << "the control: " << before;
  const Outcome added = drydock("egress allow other.test '*.wild.test' --session " + session);
  ASSERT_EQ(added.status, 0) << added;
  EXPECT_NE(fetch("other.test").find("hello from other.test"), std::string::npos) << fetch("other.test");
  EXPECT_NE(fetch("allowed.test").find("hello from allowed.test"), std::string::npos);
  EXPECT_EQ(fetch("denied.test").find("hello from"), std::string::npos);
  ASSERT_EQ(drydock("egress revoke other.test --session " + session).status, 0);
  EXPECT_EQ(fetch("other.test").find("hello from"), std::string::npos);
  EXPECT_NE(fetch("allowed.test").find("hello from allowed.test"), std::string::npos);

  // The file is drydock's to write and nobody else's: the agent names no host by itself, on this engine's
  // mount.
  const std::string tried = in_agent(
      "for f in /etc/hosts /proc/self/root/etc/hosts; do echo '203.0.113.10 x' >> $f; done; "
      "cp /etc/hosts h; mv h /etc/hosts; rm /etc/hosts; mount --bind /tmp /etc; grep -c . /etc/hosts");
  const std::string lines = in_agent("grep -c . /etc/hosts; grep -c 203.0.113 /etc/hosts");
  EXPECT_NE(lines.find("\n0\n"), std::string::npos) << tried << lines;
  EXPECT_NE(in_agent("echo x > /tmp/hosts && echo written").find("written"), std::string::npos)
      << "the control";
  EXPECT_EQ(drydock("-q stop " + session).status, 0);
}

TEST_P(Guard, J18_ALiveSessionFollowsItsFilter) {
  const std::string session = start_serving("--allow allowed.test");
  write_project_file("ask.py", ask_script);
  // A tunnel that stays open, and says when it ends.
  write_project_file("hold.py", R"(import os, re, socket, ssl, time
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
s = socket.create_connection((host, int(port)))
s.sendall(b'CONNECT allowed.test:443 HTTP/1.1\r\n\r\n')
head = b''
while not head.endswith(b'\r\n\r\n'): head += s.recv(1) or exit('no answer')
assert b' 200 ' in head, head
tls = ssl.create_default_context().wrap_socket(s, server_hostname='allowed.test')
open('held', 'w').close()
tls.settimeout(30)
try:
    tls.recv(1)
except OSError:
    pass
open('cut', 'w').write(str(time.time()))
)");
  in_agent("python3 hold.py > hold.log 2>&1 &");
  const Outcome held = sh("for i in $(seq 100); do test -e " + quote(project()) +
                          "/held && exit 0; sleep 0.1; done; cat " + quote(project()) + "/hold.log; exit 1");
  ASSERT_EQ(held.status, 0) << held;
  EXPECT_NE(in_agent("python3 ask.py other.test").find("403"), std::string::npos);

  change(session, 2, "allowed.test other.test");
  EXPECT_TRUE(logged_soon({{"event", "reload"}, {"generation", 2}}));
  const std::string added = in_agent("curl -sS https://other.test/");
  EXPECT_NE(added.find("hello from other.test"), std::string::npos) << added;
  EXPECT_NE(sh("test -e " + quote(project() + "/cut")).status, 0) << "an allowed tunnel was cut";

  // What cannot be understood changes nothing.
  sh_as_user(
      "cd \"$XDG_RUNTIME_DIR/drydock/sessions/" + session +
      "/sidecar\" && echo '{\"entries\": 1}' > .new && mv .new guard.json.broken && cp guard.json kept && "
      "mv guard.json.broken guard.json");
  EXPECT_TRUE(logged_soon({{"event", "reload"}, {"verdict", "denied"}}));
  EXPECT_NE(in_agent("curl -sS https://other.test/").find("hello from"), std::string::npos);
  sh_as_user("cd \"$XDG_RUNTIME_DIR/drydock/sessions/" + session + "/sidecar\" && mv kept guard.json");

  const Outcome before = sh("date +%s.%N");
  change(session, 3, "other.test");
  EXPECT_TRUE(logged_soon({{"event", "reload"}, {"generation", 3}}));
  const Outcome cut = sh("for i in $(seq 50); do test -s " + quote(project() + "/cut") +
                         " && break; sleep 0.1; done; awk -v b=" + std::string(trim(before.out)) +
                         " '{exit !($1 - b < 1.0)}' " + quote(project() + "/cut"));
  EXPECT_EQ(cut.status, 0) << "the tunnel of a revoked host lives on";
  EXPECT_NE(in_agent("python3 ask.py allowed.test").find("403"), std::string::npos);
  EXPECT_NE(in_agent("curl -sS https://other.test/").find("hello from"), std::string::npos);
  EXPECT_EQ(drydock("stop " + session).status, 0);
}

TEST_P(Guard, J19_EveryDecisionIsWrittenDownOutside) {
  const std::string session = start_serving("--allow allowed.test --allow rebind.test");
  write_project_file("ask.py", ask_script);
  in_agent("curl -sS https://allowed.test/");
  in_agent("curl -sS --noproxy '*' https://allowed.test/");
  in_agent("python3 ask.py denied.test rebind.test");
  in_agent("curl -sS 'http://allowed.test/path?secret-marker'");
  EXPECT_TRUE(logged_soon({{"event", "close"},
                           {"leg", "proxy"},
                           {"host", "allowed.test"},
                           {"sni", "allowed.test"},
                           {"verdict", "allowed"},
                           {"rule", "allowed.test"},
                           {"source", "--allow"},
                           {"port", 443}}));
  EXPECT_TRUE(logged_soon({{"event", "close"}, {"leg", "transparent"}, {"host", "allowed.test"}}));
  EXPECT_TRUE(
      logged_soon({{"event", "denied"}, {"host", "denied.test"}, {"port", 443}, {"verdict", "denied"}}));
  EXPECT_TRUE(logged_soon({{"event", "denied"}, {"host", "rebind.test"}, {"address", "127.0.0.1"}}));
  EXPECT_TRUE(logged_soon(
      {{"event", "denied"}, {"host", "allowed.test"}, {"reason", "not a tunnel: plain HTTP is refused"}}));
  for (const Json& event : decisions()) {
    EXPECT_TRUE(event.contains("time") && event.contains("event")) << event;
    EXPECT_EQ(event.dump().find("secret-marker"), std::string::npos) << event;
    if (event["event"] == "close" && event["leg"] == "proxy") {
      EXPECT_GT(event["sent"], 0) << event;
      EXPECT_GT(event["received"], 0) << event;
      EXPECT_TRUE(event.contains("duration_ms")) << event;
    }
  }
  EXPECT_EQ(drydock("stop " + session).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Backend, Guard, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
