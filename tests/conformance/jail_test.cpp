// J1-J4, J9, J12, J13: what the jailed command can reach and be. Every probe has its control in the same
// test: the same thing succeeds where it should.
#include "lab.hpp"

#include <algorithm>
#include <fstream>

#include "base/json.hpp"
#include "base/text.hpp"

namespace drydock::conformance {
namespace {

class Jail : public Conformance {
 protected:
  // Sends raw bytes to the session's proxy for each request and returns the status codes ("200", "403"), or
  // "closed", or "silent" when nothing came in 5 s.
  std::vector<std::string> ask_proxy(const std::string& allow, const std::vector<std::string>& requests) {
    Json list = Json::array();
    for (const std::string& request : requests) list.push_back(request);
    write_project_file("requests.json", list.dump());
    write_project_file("ask.py", R"(import json, os, re, socket
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
for request in json.load(open('requests.json')):
    with socket.create_connection((host, int(port)), 10) as s:
        s.settimeout(5)
        s.sendall(request.encode('latin-1'))
        reply = b''
        try:
            while b'\r\n' not in reply:
                piece = s.recv(4096)
                if not piece: break
                reply += piece
        except TimeoutError:
            print('silent')
            continue
        print(reply.split()[1].decode() if reply.startswith(b'HTTP/') else 'closed')
)");
    const Outcome outcome = run("-q " + allow, "python3 ask.py");
    EXPECT_EQ(outcome.status, 0) << outcome;
    auto answers = split(trim(outcome.out), '\n');
    EXPECT_EQ(answers.size(), requests.size()) << outcome;
    answers.resize(requests.size());
    return answers;
  }

  static std::string connect(const std::string& authority) {
    return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  }
};

TEST_P(Jail, J1_AllowedHostsAreReachedWithTheirOwnCertificate) {
  const Log requests("requests");
  const Outcome page = run("--allow allowed.test --allow '*.wild.test'",
                           "sh -c 'curl -sS https://allowed.test/ && curl -sS https://a.wild.test/'");
  EXPECT_EQ(page.status, 0) << page;
  EXPECT_NE(page.out.find("hello from allowed.test"), std::string::npos) << page;
  EXPECT_NE(page.out.find("hello from a.wild.test"), std::string::npos) << page;
  EXPECT_FALSE(requests.lines_with({"\"sni\": \"allowed.test\""}).empty()) << "the server did not see it";

  // Verified for real: without the CA the same request fails.
  const Outcome unverified = run("--allow allowed.test", "curl -sS --cacert /dev/null https://allowed.test/");
  EXPECT_NE(unverified.status, 0) << unverified;
}

TEST_P(Jail, J1_TheFirstThingThatTheCommandDoesReachesTheProxy) {
  for (int i = 0; i < 5; ++i) {
    const auto answers = ask_proxy("--allow allowed.test", {connect("allowed.test:443")});
    EXPECT_EQ(answers.front(), "200");
  }
}

TEST_P(Jail, J2_EverythingButAnAllowedAuthorityIsRefused) {
  const Log requests("requests");
  const Log packets("packets");
  const std::vector<std::pair<std::string, std::string>> table{
      {"allowed.test:443", "200"},
      {"ALLOWED.test:443", "200"},
      {"a.b.wild.test:443", "200"},
      {"denied.test:443", "403"},
      {"wild.test:443", "403"},
      {"evilallowed.test:443", "403"},
      {"allowed.test.evil.test:443", "403"},
      {"allowedXtest:443", "403"},
      {"allowed.testx:443", "403"},
      {"x.allowed.test:443", "403"},
      {"allowed.test", "403"},
      {"allowed.test:80", "403"},
      {"allowed.test:0443", "403"},
      {"allowed.test:65979", "403"},
      {"allowed.test:4294967739", "403"},
      {"allowed.test.:443", "403"},
      {"allowed.test:443:443", "403"},
      {"allowed.test@203.0.113.10:443", "403"},
      {"203.0.113.10:443@allowed.test:443", "403"},
      {"203.0.113.10:443/x.wild.test:443", "403"},
      {"203.0.113.10:443#allowed.test:443", "403"},
      {"203.0.113.10:443", "403"},
      {"0xcb.0.113.10:443", "403"},
      {"0313.0.0161.012:443", "403"},
      {"3405803786:443", "403"},
      {"127.0.0.1:443", "403"},
      {"[::1]:443", "403"},
      {"[2001:db8:1::10]:443", "403"},
      {"[::ffff:203.0.113.10]:443", "403"},
      {"tinyproxy.stats:443", "403"},
  };
  std::vector<std::string> asked;
  for (const auto& [authority, unused] : table) asked.push_back(connect(authority));
  const auto answers = ask_proxy("--allow allowed.test --allow '*.wild.test'", asked);
  for (std::size_t i = 0; i < table.size(); ++i) EXPECT_EQ(answers[i], table[i].second) << table[i].first;

  // What is not HTTP at all: never 200, and the next connection works.
  const auto garbage = ask_proxy("--allow allowed.test",
                                 {std::string("CONNECT allowed.test:443\0x:443 HTTP/1.1\r\n\r\n", 43),
                                  "CONNECT \r\n\r\n", "connect allowed.test:443 HTTP/1.1\r\n\r\n", "\r\n\r\n",
                                  "CONNECT :443 HTTP/1.1\r\n\r\n", connect("allowed.test:443")});
  for (std::size_t i = 0; i + 1 < garbage.size(); ++i) EXPECT_NE(garbage[i], "200") << "garbage " << i;
  EXPECT_EQ(garbage.back(), "200");
  EXPECT_TRUE(requests.lines_with({"denied.test"}).empty());
  EXPECT_TRUE(packets.lines_with({"\"dport\": 80,"}).empty());
}

TEST_P(Jail, J3_PlainHttpThroughTheProxyIsRefused) {
  const Log requests("requests");
  const std::vector<std::string> plain{
      "GET http://allowed.test/plain-marker HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
      "GET http://allowed.test:2222/plain-marker HTTP/1.1\r\nHost: allowed.test:2222\r\n\r\n",
      "GET http://allowed.test:443/plain-marker HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n",
      "POST http://allowed.test:2222/plain-marker HTTP/1.1\r\nHost: allowed.test:2222\r\nContent-Length: "
      "1\r\n\r\nx",
      "GET http://denied.test/plain-marker HTTP/1.1\r\nHost: denied.test\r\n\r\n",
      "GET /plain-marker HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
      "GET http://tinyproxy.stats/ HTTP/1.1\r\nHost: tinyproxy.stats\r\n\r\n",
      "GET ftp://allowed.test/plain-marker HTTP/1.1\r\n\r\n",
  };
  const auto answers = ask_proxy("--allow allowed.test", plain);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_TRUE(answers[i] == "403" || answers[i] == "400") << plain[i] << " got " << answers[i];
  }
  EXPECT_TRUE(requests.lines_with({"plain-marker"}).empty()) << "a plain request went out";

  // What no line can allow is not said to be allowed by one.
  const std::vector<std::pair<std::string, std::string>> refusals{
      {"http://allowed.test/plain-marker",
       "drydock refused http://allowed.test/plain-marker: plain HTTP never passes; use https"},
      {"https://203.0.113.10/plain-marker", "drydock refused 203.0.113.10:443: "},
      {"https://allowed.test:2222/plain-marker", "drydock refused allowed.test:2222: "}};
  for (const auto& [url, words] : refusals) {
    const Outcome refused = run("-q --allow allowed.test", "curl -sS -i " + url);
    EXPECT_NE(refused.out.find(words), std::string::npos) << url << " " << refused;
    EXPECT_EQ(refused.out.find("egress allow"), std::string::npos) << url << " " << refused;
  }

  const Outcome control = unjailed("curl -sS http://203.0.113.10:2222/plain-marker");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_FALSE(requests.lines_with({"plain-marker"}).empty()) << "the log would not have shown it";
}

TEST_P(Jail, J4_NoPacketLeavesTheInternalNetwork) {
  write_project_file("direct.py", R"(import socket, sys
def attempt(name, action):
    try:
        action()
        print(name, 'sent')
    except OSError as e:
        print(name, 'failed', e.errno)
port = int(sys.argv[1])
def tcp(address): socket.create_connection((address, port), 3).close()
def udp(address, family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.sendto(b'marker', (address, port))
def bound(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
    s.settimeout(3)
    s.connect((address, port))
attempt('tcp', lambda: tcp('203.0.113.10'))
attempt('tcp6', lambda: tcp('2001:db8:1::10'))
attempt('udp', lambda: udp('203.0.113.10', socket.AF_INET))
attempt('udp6', lambda: udp('2001:db8:1::10', socket.AF_INET6))
attempt('bound', lambda: bound('203.0.113.10'))
def echo(family, protocol, message, address):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try: return socket.socket(family, kind, protocol).sendto(message, (address, 0))
        except OSError as e: last = e
    raise last
attempt('icmp', lambda: echo(socket.AF_INET, socket.IPPROTO_ICMP, b'\x08\0\xf7\xff\0\0\0\0', '203.0.113.10'))
attempt('icmp6', lambda: echo(socket.AF_INET6, socket.IPPROTO_ICMPV6, b'\x80\0\0\0\0\0\0\0', '2001:db8:1::10'))
print(open('/proc/net/route').read())
print(open('/proc/net/ipv6_route').read())
print('inet6', open('/proc/net/if_inet6').read().split())
)");
  const Log packets("packets");
  const Outcome jailed = run("-q --allow allowed.test", "python3 direct.py 4321");
  EXPECT_EQ(jailed.status, 0) << jailed;
  EXPECT_EQ(jailed.out.find("tcp sent"), std::string::npos) << jailed;
  EXPECT_EQ(jailed.out.find("bound sent"), std::string::npos) << jailed;
  EXPECT_NE(jailed.out.find("inet6 []\n"), std::string::npos) << "an IPv6 address " << jailed;
  EXPECT_TRUE(packets.lines_with({"\"dport\": 4321,"}).empty()) << "a packet arrived";
  EXPECT_TRUE(packets.lines_with({"\"proto\": \"icmp\""}).empty());
  EXPECT_TRUE(packets.lines_with({"\"dst\": \"2001:db8:1::10\""}).empty()) << "a packet of IPv6 arrived";
  for (const std::string sent : {"tcp6", "udp6", "icmp6"})
    EXPECT_EQ(jailed.out.find(sent + " sent"), std::string::npos) << jailed;

  const Outcome plain =
      run("-q --allow allowed.test", "curl -sS --noproxy '*' --max-time 5 http://203.0.113.10/");
  EXPECT_NE(plain.status, 0) << plain;
  EXPECT_TRUE(packets.lines_with({"\"dport\": 80,"}).empty());

  const Outcome control = unjailed("python3 direct.py 4321");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_NE(control.out.find("udp sent"), std::string::npos) << control;
  // What Docker leaves of it where a network has none depends on its generation.
  if (backend() == "podman") {
    EXPECT_EQ(control.out.find("inet6 []\n"), std::string::npos) << control;
  }
  EXPECT_FALSE(packets.lines_with({"\"dport\": 4321,"}).empty()) << "the log would not have shown it";
  // Where engines keep IPv6 and echoes from their containers, the lab's host has them.
  const Outcome outside = sh("cd " + quote(project()) + " && python3 direct.py 4321");
  const std::string six = "\"dst\": \"2001:db8:1::10\"";
  for (const std::string proto : {"\"proto\": \"tcp\"", "\"proto\": \"udp\""})
    EXPECT_FALSE(packets.lines_with({six, proto, "\"dport\": 4321,"}).empty()) << proto << outside;
  EXPECT_FALSE(packets.lines_with({six, "\"proto\": \"icmp6\"", "\"type\": 128"}).empty()) << outside;
  EXPECT_FALSE(packets.lines_with({"\"proto\": \"icmp\"", "\"type\": 8"}).empty()) << outside;
}

TEST_P(Jail, J9_WithoutAListeningSidecarTheCommandNeverStarts) {
  ASSERT_EQ(drydock("build").status, 0);
  const Outcome tag =
      engine("images --format '{{.Repository}}:{{.Tag}}' --filter reference=localhost/drydock-egress");
  const std::string reference(trim(tag.out));
  ASSERT_FALSE(reference.empty()) << tag;
  const std::string label = std::string(trim(
      engine("image inspect --format '{{index .Config.Labels \"io.drydock.content\"}}' " + reference).out));
  ASSERT_FALSE(label.empty());

  // The same name and label, and a "guard" that says what the real one says while nothing listens.
  for (const std::string behaviour : {"exit 7", "sleep 1000", "echo '{\"event\":\"ready\"}'; sleep 1000"}) {
    const Outcome faked = sh_as_user(
        "cd " + quote(project()) +
        "; mkdir -p root/usr/bin root/bin root/etc/drydock root/tmp root/run && cp /bin/busybox "
        "root/bin/busybox && "
        "printf '#!/bin/busybox sh\\n%s\\n' " +
        quote(behaviour.substr(0, behaviour.find("sleep")) +
              (behaviour.find("sleep") == std::string::npos ? "" : "exec /bin/busybox sleep 1000")) +
        " > root/usr/bin/drydock-guard && chmod 755 root/usr/bin/drydock-guard && tar -C root -c . | " +
        backend() + " import --change 'LABEL io.drydock.content=" + label + "' - " + reference +
        " >/dev/null");
    ASSERT_EQ(faked.status, 0) << faked;
    // The canary (J23) would find that nobody is there; this has to hold without it.
    const Outcome refused = run("--no-canary", "touch started");
    EXPECT_EQ(refused.status, 125) << behaviour << " " << refused;
    EXPECT_NE(refused.err.find("sidecar"), std::string::npos) << refused;
    EXPECT_NE(sh("test -e " + quote(project() + "/started")).status, 0) << "the command ran";
    EXPECT_EQ(leftovers(), "");
  }
  ASSERT_EQ(drydock("build --no-cache").status, 0);
  const Outcome control = run("", "touch started");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_EQ(sh("test -e " + quote(project() + "/started")).status, 0);
}

TEST_P(Jail, J12_TheAgentHasTheFiveCapabilitiesInItsBoundingSetAndNoMore) {
  const Outcome status = run("-q", "sh -c 'cat /proc/1/status; echo --; cat /proc/self/status; id -u'");
  // CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, SETGID 6, SETUID 7
  EXPECT_NE(status.out.find("CapBnd:\t00000000000000cb"), std::string::npos) << status;
  EXPECT_NE(status.out.find("CapEff:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.out.find("CapAmb:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.out.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_NE(status.out.find("Seccomp:\t2"), std::string::npos) << status;
  EXPECT_TRUE(ends_with(status.out, "\n1000\n")) << status;
  EXPECT_EQ(status.out.find("CapBnd:\t000001ffffffffff"), std::string::npos);
}

TEST_P(Jail, J12_PrivilegedOperationsFail) {
  write_project_file("powers.py", R"(import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, ok):
    print(name, 'yes' if ok else 'no')
def opens(*arguments):
    try:
        socket.socket(*arguments).close()
        return True
    except OSError:
        return False
attempt('raw', opens(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP))
attempt('packet', opens(socket.AF_PACKET, socket.SOCK_RAW))
attempt('mount', libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)
attempt('module', libc.syscall(175, b'', 0, b'') == 0 or ctypes.get_errno() not in (1, 38))
attempt('userns', libc.unshare(0x10000000) == 0)
attempt('chroot', libc.chroot(b'/') == 0)
)");
  const Outcome jailed = run("-q", "python3 powers.py");
  EXPECT_EQ(jailed.status, 0) << jailed;
  EXPECT_EQ(jailed.out, "raw no\npacket no\nmount no\nmodule no\nuserns no\nchroot no\n") << jailed;
  const Outcome control = unjailed("python3 powers.py",
                                   "--cap-add SYS_ADMIN --cap-add NET_RAW --security-opt seccomp=unconfined");
  EXPECT_NE(control.out.find("raw yes"), std::string::npos) << control;
  EXPECT_NE(control.out.find("mount yes"), std::string::npos) << control;
}

TEST_P(Jail, J12_TheSidecarHasNoPowersAtAll) {
  const Outcome started = run("-d", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const Outcome pid = engine("inspect --format '{{.State.Pid}}' $(" + backend() +
                             " ps -q --filter label=io.drydock.role=sidecar)");
  const std::string process = "/proc/" + std::string(trim(pid.out));
  const Outcome status =
      sh("cat " + process + "/status; cat " + process + "/mountinfo; tr '\\0' ' ' < " + process + "/cmdline");
  EXPECT_NE(status.out.find("CapBnd:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.out.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_NE(status.out.find("Seccomp:\t2"), std::string::npos) << status;
  EXPECT_EQ(status.out.find("Uid:\t0\t"), std::string::npos) << status;
  EXPECT_NE(status.out.find("drydock-guard"), std::string::npos) << status;
  const Outcome root = sh("awk '$5==\"/\" {print $6}' " + process + "/mountinfo");
  EXPECT_TRUE(starts_with(root.out, "ro")) << root;
  EXPECT_EQ(drydock("stop --all").status, 0);
}

TEST_P(Jail, J13_OnlyTheProjectIsSeenAndItsFilesAreTheUsers) {
  sh_as_user(
      "echo secret > \"$HOME/secret-marker\"; mkdir -p \"$HOME/.ssh\"; echo key > "
      "\"$HOME/.ssh/secret-marker\"");
  write_project_file("given", "from the host\n");
  const Outcome seen = run("-q",
                           "sh -c 'pwd; cat given; echo made > made; mkdir sub; touch sub/x; find / -xdev "
                           "-name secret-marker 2>/dev/null; "
                           "cat /proc/self/mountinfo'");
  EXPECT_EQ(seen.status, 0) << seen;
  EXPECT_TRUE(starts_with(seen.out, project() + "\nfrom the host\n")) << seen;
  EXPECT_EQ(seen.out.find("secret-marker"), std::string::npos) << seen;
  // Of the host's files, the project is the one thing mounted: anything else on that disk is the engine's
  // own.
  for (const std::string& line : split(seen.out, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 10) continue;
    const std::string& target = fields[4];
    const bool engines_own = target == "/" || starts_with(target, "/proc") || starts_with(target, "/sys") ||
                             starts_with(target, "/dev") || target == "/etc/hosts" ||
                             target == "/etc/resolv.conf" || target == "/etc/hostname" ||
                             target == "/run/.containerenv" || target == "/dev/init" ||
                             target == "/sbin/docker-init" || target == "/run/podman-init" ||
                             target == "/etc/passwd" || target == "/etc/group" || target == "/run/secrets";
    const bool drydocks = target == project() || target == "/tmp" || target == "/home/agent";
    EXPECT_TRUE(engines_own || drydocks) << "unexpected mount: " << line;
  }
  const Outcome owner = sh("stat -c '%u:%g %n' " + quote(project()) + "/made " + quote(project()) + "/sub/x");
  EXPECT_EQ(owner.out, "1000:1000 " + project() + "/made\n1000:1000 " + project() + "/sub/x\n") << owner;
  EXPECT_EQ(sh("cat " + quote(project()) + "/made").out, "made\n");

  const Outcome control = sh_as_user(backend() + " run --rm -v \"$HOME:/look\" " + std::string(test_image) +
                                     " find /look -name secret-marker");
  EXPECT_NE(control.out.find("secret-marker"), std::string::npos)
      << "the probe would not have found it: " << control;
}

TEST_P(Jail, J13_TmpAndHomeAreWritableExecutableAndBounded) {
  const Outcome outcome =
      run("-q --tmpfs-size 4m",
          "sh -c 'cp /bin/busybox /tmp/echo && /tmp/echo runs; echo $HOME; touch $HOME/x && "
          "rm /tmp/echo; head -c 5000000 /dev/zero > /tmp/big; echo $?; rm /tmp/big; head -c 3000000 "
          "/dev/zero > /tmp/fits; echo $?'");
  EXPECT_EQ(outcome.out, "runs\n/home/agent\n1\n0\n") << outcome;
}

INSTANTIATE_TEST_SUITE_P(Backend, Jail, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
