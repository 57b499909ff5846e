// drydock smoke: it holds where the jail does, turns red where it has a hole, and nothing of it leaves the
// machine or stays.
#include "base/json.hpp"
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

// The real guard, which takes its time: whoever changes the network meanwhile is in time.
constexpr const char* slow_guard =
    "import os, sys, time\n"
    "if sys.argv[1] != '--probe': time.sleep(5)\n"
    "os.execv('/usr/bin/real-guard', sys.argv)\n";

// Answers every question that comes to argv[1].
constexpr const char* name_server = R"(import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
server.settimeout(15)
try:
    while True:
        query, client = server.recvfrom(512)
        server.sendto(query[:2] + b'\x81\x80' + query[4:], client)
except OSError: pass
)";

// Answers on two more ports of the proxy's address, whatever it is asked.
constexpr const char* other_ports = R"(import json, socket, threading
def serve(port):
    server = socket.create_server((json.load(open('/etc/drydock/guard.json'))['proxy']['address'], port))
    while True:
        with server.accept()[0] as client:
            client.recv(99)
            client.sendall(b'open')
for port in (443, 4242): threading.Thread(target=serve, args=(port,), daemon=True).start()
)";

class Smoke : public Conformance {
 protected:
  void TearDown() override {
    if (faked_) {
      EXPECT_EQ(drydock("build --no-cache").status, 0);
    }
    Conformance::TearDown();
  }
  void fake(const std::string& script) {
    faked_ = true;
    const Outcome faked = replace_guard(script);
    ASSERT_EQ(faked.status, 0) << faked;
  }
  // Starts a check that writes to files of the project; ended() waits for it.
  void begin() const {
    const Outcome begun = sh_as_user("cd " + quote(project()) + "; (" + drydock_words() +
                                     " smoke > out 2> err < /dev/null & echo $! > pid; wait $!; "
                                     "echo $? > status) > /dev/null 2>&1 &");
    ASSERT_EQ(begun.status, 0) << begun;
  }
  Outcome ended() const {
    Outcome outcome =
        sh("cd " + quote(project()) +
           "; for i in $(seq 600); do test -s status && break; sleep 0.1; done; cat out; cat err "
           ">&2; s=$(cat status); rm -f status; exit $s");
    return outcome;
  }
  // The internal network of the only check, once it is there.
  Json internal_network() const {
    for (int i = 0; i < 100; ++i) {
      const std::string name(trim(engine("network ls -q --filter label=io.drydock.role=internal").out));
      const Outcome found = name.empty() ? Outcome{1, "", ""} : engine("network inspect " + name);
      if (found.status == 0) return parse_json(found.out, "a network").at(0);
      sh("sleep 0.05");
    }
    return nullptr;
  }
  // A shell script, as root where the engine's bridges are.
  Outcome sh_at_bridges(const std::string& script) const {
    const bool rootless = backend() == "podman" && sh_as_user("id -u").out != "0\n";
    return rootless ? sh_as_user("podman unshare --rootless-netns sh -c " + quote(script)) : sh(script);
  }

 private:
  bool faked_ = false;
};

TEST_P(Smoke, HoldsAndNothingLeavesTheMachine) {
  ASSERT_EQ(drydock("build").status, 0);
  const Log packets("packets");
  const Log queries("dns");
  const Log requests("requests");
  // In no project: this folder would be refused as one.
  const Outcome checked = sh_as_user("cd / && " + drydock_words() + " smoke");
  EXPECT_EQ(checked.status, 0) << checked;
  EXPECT_EQ(checked.err, "");
  const auto lines = split(trim(checked.out), '\n');
  ASSERT_EQ(lines.size(), 22U) << checked;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) EXPECT_TRUE(ends_with(lines[i], "  ok")) << lines[i];
  const std::string version(trim(engine("version --format '{{.Client.Version}}'").out));
  const bool rootful = backend() == "docker" || sh_as_user("id -u").out == "0\n";
  EXPECT_EQ(lines.back(),
            "20 of 20 checks hold on " + backend() + " " + version + (rootful ? ", rootful" : ", rootless"));
  EXPECT_EQ(leftovers(), "");
  for (const char* protocol : {"tcp", "udp", "icmp"}) {
    for (const std::string& packet : packets.lines_with({std::string("\"proto\": \"") + protocol + "\""})) {
      EXPECT_NE(packet.find("\"dport\": 9,"), std::string::npos) << "not the log's own mark: " << packet;
    }
  }
  EXPECT_TRUE(queries.lines_with({"\"name\""}).empty());
  EXPECT_TRUE(requests.lines_with({"\"event\""}).empty());

  const Outcome control = unjailed(
      "python3 -c \"import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('1.1.1.1', 443)); "
      "socket.getaddrinfo('one.one.one.one', 443)\"");
  EXPECT_FALSE(packets.lines_with({"\"dst\": \"1.1.1.1\""}).empty())
      << "the log would have shown it " << control;
  EXPECT_FALSE(queries.lines_with({"one.one.one.one"}).empty()) << control;
}

TEST_P(Smoke, AProxyWithAHoleIsRed) {
  fake(std::string(
           "import os, sys\nif sys.argv[1] == '--probe': os.execv('/usr/bin/real-guard', sys.argv)\n") +
       other_ports + proxy_script("200"));
  const Outcome open = drydock("smoke");
  EXPECT_EQ(open.status, 1) << open;
  for (const char* name : {"unlisted", "literal", "plain", "port", "look-alike", "spelling", "ambiguous",
                           "direct", "nameless", "no-tls", "ports"}) {
    const auto at = open.out.find(std::string("\n") + name + " ");
    ASSERT_NE(at, std::string::npos) << name << " " << open;
    EXPECT_TRUE(ends_with(split(open.out.substr(at + 1), '\n').front(), "  FAILED")) << name << " " << open;
  }
  EXPECT_NE(open.out.find("\n9 of 20 checks hold on "), std::string::npos) << open;
  const Json json = parse_json(drydock("--json smoke").out, "a result");
  EXPECT_EQ(json["holds"], false);

  fake("import os, sys\nif sys.argv[1] == '--probe': sys.exit(0)\n" + proxy_script("403"));
  const Outcome silent = drydock("smoke");
  EXPECT_EQ(silent.status, 125) << silent;
  EXPECT_EQ(silent.out, "") << "no answer is not an answer";
  EXPECT_NE(silent.err.find("drydock: error: cannot trust the jail: its canary did not report"),
            std::string::npos)
      << silent;
  EXPECT_EQ(leftovers(), "");
}

TEST_P(Smoke, AHostOnTheNetworkIsRed) {
  fake(slow_guard);
  write_project_file("dns.py", name_server);
  begin();
  const Json network = internal_network();
  ASSERT_TRUE(network.is_object());
  const bool docker = backend() == "docker";
  const std::string bridge = docker ? "br-" + network.at("Id").get<std::string>().substr(0, 12)
                                    : network.at("network_interface").get<std::string>();
  const std::string subnet = (docker ? network.at("IPAM").at("Config") : network.at("subnets"))
                                 .at(0)
                                 .at(docker ? "Subnet" : "subnet");
  // NET.BASE/29: the host's place is the first after the base.
  const auto dot = subnet.rfind('.');
  const std::string host = subnet.substr(0, dot + 1) + std::to_string(std::stoi(subnet.substr(dot + 1)) + 1);
  const Outcome holed = sh_at_bridges("for i in $(seq 80); do ip link show " + bridge +
                                      " > /dev/null 2>&1 && break; sleep 0.05; done; "
                                      "ip address add " +
                                      host + "/29 dev " + bridge + " && cd " + quote(project()) +
                                      " && { /usr/bin/python3 dns.py " + host + " > /dev/null 2>&1 & }");
  EXPECT_EQ(holed.status, 0) << holed;
  const Outcome red = ended();
  EXPECT_EQ(red.status, 1) << red;
  for (const char* name : {"host", "dns"}) {
    const auto at = red.out.find(std::string("\n") + name + " ");
    ASSERT_NE(at, std::string::npos) << name << " " << red;
    EXPECT_TRUE(ends_with(split(red.out.substr(at + 1), '\n').front(), "  FAILED")) << name << " " << red;
  }
  EXPECT_EQ(leftovers(), "");

  const Outcome control = drydock("smoke");
  EXPECT_EQ(control.status, 0) << "the control: the slow sidecar alone is no hole " << control;
}

TEST_P(Smoke, EndedOrFailedItLeavesNothing) {
  fake(slow_guard);
  begin();
  ASSERT_TRUE(internal_network().is_object()) << "the control: there was something to remove";
  ASSERT_EQ(sh("kill -TERM $(cat " + quote(project() + "/pid") + ")").status, 0);
  const Outcome stopped = ended();
  EXPECT_EQ(stopped.status, 143) << stopped;
  EXPECT_EQ(stopped.out, "");
  EXPECT_EQ(leftovers(), "");

  const Outcome failed = sh_as_user("cd / && DRYDOCK_FAULT=fail:5 " + std::string(DRYDOCK_FAULTY_PROGRAM) +
                                    " --runtime " + backend() + " smoke");
  EXPECT_EQ(failed.status, 125) << failed;
  EXPECT_NE(failed.err.find("a fault was asked for"), std::string::npos) << failed;
  EXPECT_EQ(leftovers(), "");
  const Outcome unreachable = drydock("--engine unix:///nowhere.sock smoke");
  EXPECT_EQ(unreachable.status, 125) << unreachable;
}

INSTANTIATE_TEST_SUITE_P(Backend, Smoke, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
