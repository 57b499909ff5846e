// J8, J8b and J18 over real sockets: what a tunnel may become, each refusal with a tunnel that works beside
// it.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "gate_harness.hpp"
#include "special_addresses.hpp"

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const std::string alert("\x15\x03\x03\x00\x02\x02\x31", 7);

class GateTest : public GateHarness {};

// proc(5), /proc/net/tcp: whether the kernel has a keepalive timer (2) on a connection to this port.
bool has_keepalive(std::uint16_t port) {
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer;
    fields >> number >> local >> remote >> state >> queues >> timer;
    const bool there = std::stoul(remote.substr(remote.find(':') + 1), nullptr, 16) == port;
    if (there && state == "01" && timer.compare(0, 3, "02:") == 0) return true;
  }
  return false;
}

TEST_F(GateTest, CarriesAnAllowedTunnelBothWays) {
  start();
  Peer server;
  const Peer peer = open_tunnel(server);
  peer.send("to the server");
  EXPECT_EQ(server.receive_exactly(13), "to the server");
  server.send("to the client");
  EXPECT_EQ(peer.receive_exactly(13), "to the client");

  const auto open = event("open");
  EXPECT_EQ(open["host"], "allowed.test");
  EXPECT_EQ(open["sni"], "allowed.test");
  EXPECT_EQ(open["address"], "127.0.0.1");
  EXPECT_EQ(open["verdict"], "allowed");
  EXPECT_EQ(open["rule"], "allowed.test");
  EXPECT_EQ(open["source"], "hosts:1");
  EXPECT_EQ(open["leg"], "proxy");
}

TEST_F(GateTest, PassesEachEndOnForItself) {
  start();
  Peer server;
  const Peer peer = open_tunnel(server);
  peer.send("question");
  peer.end();
  EXPECT_EQ(server.receive_all(), "question");
  server.send("answer");
  EXPECT_EQ(peer.receive_exactly(6), "answer");
  server.end();
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(is_empty_soon());
  const auto close = event("close");
  EXPECT_EQ(close["sent"], test::hello_for("allowed.test").size() + 8);
  EXPECT_EQ(close["received"], 6);
  EXPECT_FALSE(close.contains("reason"));
}

TEST_F(GateTest, TakesAClientHelloThatCameWithTheConnect) {
  start();
  const Peer peer = client();
  const std::string hello = test::hello_for("a.wild.test") + "early data";
  peer.send(connect_to("a.wild.test:443") + hello);
  EXPECT_EQ(status(peer), "200");
  const Peer server = accept();
  EXPECT_EQ(server.receive_exactly(hello.size()), hello);
}

TEST_F(GateTest, RefusesHostsThatAreNotListed) {
  start();
  const Peer peer = client();
  peer.send(connect_to("evil.test:443"));
  const std::string reply = peer.receive_all();
  EXPECT_THAT(reply, testing::StartsWith("HTTP/1.1 403 drydock refused evil.test: not on the allowlist\r\n"));
  EXPECT_THAT(reply, HasSubstr("drydock egress allow evil.test"));
  // No line can be this one.
  const Peer other = client();
  other.send(connect_to("localhost:443"));
  const std::string words = other.receive_all();
  EXPECT_THAT(words, testing::StartsWith("HTTP/1.1 403 drydock refused localhost: not on the allowlist\r\n"));
  EXPECT_THAT(words, testing::Not(HasSubstr("egress allow")));
  for (const std::string authority :
       {"allowed.test:80", "wild.test:443", "127.0.0.1:443", "xallowed.test:443"}) {
    EXPECT_EQ(ask(authority), "403") << authority;
  }
  EXPECT_EQ(lookups(), 0) << "a refused name was looked up";
  EXPECT_TRUE(nobody_called());
  EXPECT_EQ(event("denied")["verdict"], "denied");
  EXPECT_EQ(ask("allowed.test:443"), "200");
}

TEST_F(GateTest, RefusesNamesThatLeadToForbiddenAddresses) {
  rules_.floor.open = {*IpRange::parse("127.0.0.1/32")};
  rules_.floor.own = {*Ip::parse("8.8.4.4"), *Ip::parse("2a00::5")};
  rules_.floor.own_ranges = {*IpRange::parse("9.231.4.0/29")};
  std::vector<test::SpecialAddress> all = test::special_addresses();
  for (const char* own :
       {"8.8.4.4", "2a00::5", "9.231.4.1", "::ffff:8.8.4.4", "64:ff9b::8.8.4.4", "2002:808:404::1"})
    all.push_back({own, "it is one of this machine's own addresses"});
  start();
  for (const auto& [address, reason] : all) {
    SCOPED_TRACE(address);
    const std::string words = "its name leads to " + Ip::parse(address)->to_string() + ", and " + reason;
    set_answers("bad.test", {{address}});
    const Peer peer = client();
    peer.send(connect_to("bad.test:443"));
    const std::string reply = peer.receive_all();
    const auto body = reply.find("\r\n\r\n");
    EXPECT_THAT(reply, testing::StartsWith("HTTP/1.1 403 drydock refused bad.test: "));
    ASSERT_NE(body, std::string::npos);
    EXPECT_THAT(reply.substr(body), HasSubstr(words));
    auto denied = event("denied");
    EXPECT_THAT(denied["reason"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(denied["address"], Ip::parse(address)->to_string());
    EXPECT_EQ(denied["leg"], "proxy");

    const Peer direct = direct_client();
    direct.send(test::hello_for("bad.test"));
    EXPECT_EQ(direct.receive_all(), alert);
    denied = event("denied");
    EXPECT_THAT(denied["reason"].get<std::string>(), HasSubstr(words));
    EXPECT_EQ(denied["leg"], "transparent");

    // One bad answer among good ones, wherever it stands.
    set_answers("bad.test", {{"127.0.0.1", address}});
    EXPECT_EQ(ask("bad.test:443"), "403");
    set_answers("bad.test", {{address, "127.0.0.1"}});
    EXPECT_EQ(ask("bad.test:443"), "403");
  }
  EXPECT_TRUE(nobody_called());
  set_answers("bad.test", {{"127.0.0.1"}});
  EXPECT_EQ(ask("bad.test:443"), "200");
}

TEST_F(GateTest, LooksUpOnceAndDialsWhatItChecked) {
  start();
  set_answers("other.test", {{"127.0.0.1"}, {"10.0.0.1"}});
  EXPECT_EQ(ask("other.test:443"), "200");
  EXPECT_EQ(lookups(), 1);
  EXPECT_EQ(ask("other.test:443"), "403") << "the second answer is bad";
  EXPECT_EQ(lookups(), 2);
}

TEST_F(GateTest, AHostThatIsNamedPrivateMayBePrivateAndNothingElse) {
  rules_.floor.open = {};
  rules_.floor.own = {*Ip::parse("10.0.0.9")};
  rules_.allow_private = {"bad.test"};
  timing_.dial = milliseconds(50);
  start();
  // Nobody is there, but it is tried: the policy let it pass.
  set_answers("bad.test", {{"10.0.0.1"}});
  const std::string tried = ask("bad.test:443");
  EXPECT_TRUE(tried == "502" || tried == "504") << tried;
  for (const std::string address : {"127.0.0.1", "169.254.169.254", "10.0.0.9"}) {
    set_answers("bad.test", {{address}});
    EXPECT_EQ(ask("bad.test:443"), "403") << address;
  }
  set_answers("other.test", {{"10.0.0.1"}});
  EXPECT_EQ(ask("other.test:443"), "403");
}

TEST_F(GateTest, TriesTheAnswersInOrder) {
  start();
  // Only 127.0.0.1 listens.
  set_answers("other.test", {{"127.0.0.2", "127.0.0.3", "127.0.0.1"}});
  EXPECT_EQ(ask("other.test:443"), "200");
  set_answers("other.test", {{"127.0.0.2", "127.0.0.3"}});
  const Peer peer = client();
  peer.send(connect_to("other.test:443"));
  EXPECT_THAT(head(peer),
              testing::StartsWith("HTTP/1.1 502 drydock cannot reach other.test: Connection refused"));
  const auto close = event("close");
  EXPECT_EQ(close["verdict"], "allowed");
  EXPECT_EQ(close["reason"], "Connection refused");
}

TEST_F(GateTest, TellsTroubleWithNames) {
  limits_.threads = 1;
  limits_.lookups = 1;
  timing_.resolve = milliseconds(200);
  start();
  set_answers("other.test", {{}});
  EXPECT_EQ(ask("other.test:443"), "502");
  lookup_delay_ms_ = 600;
  const Peer first = client();
  first.send(connect_to("allowed.test:443"));
  std::this_thread::sleep_for(milliseconds(50));
  const Peer second = client();
  second.send(connect_to("allowed.test:443"));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(ask("allowed.test:443"), "503") << "one is looked up, one waits, this one is too many";
  EXPECT_EQ(status(first), "504");
  EXPECT_EQ(status(second), "504");
  lookup_delay_ms_ = 0;
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(ask("allowed.test:443"), "200");
}

TEST_F(GateTest, CutsATunnelWhoseServerNameIsAnother) {
  start();
  for (const std::string name : {"evil.test", "other.test", "sub.allowed.test", "allowed.tes"}) {
    const Peer peer = client();
    peer.send(connect_to("allowed.test:443"));
    ASSERT_EQ(status(peer), "200");
    const Peer server = accept();
    peer.send(test::hello_for(name));
    EXPECT_EQ(peer.receive_all(), alert) << name;
    EXPECT_EQ(server.receive_all(), "") << "something of it went out";
    const auto denied = event("denied");
    EXPECT_EQ(denied["sni"], name);
    EXPECT_EQ(denied["host"], "allowed.test");
  }
}

TEST_F(GateTest, CutsATunnelThatIsNotTls) {
  start();
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n"}) {
    const Peer peer = client();
    peer.send(connect_to("allowed.test:443"));
    ASSERT_EQ(status(peer), "200");
    const Peer server = accept();
    peer.send(bytes);
    EXPECT_EQ(peer.receive_all(), "");
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_THAT(event("denied")["reason"].get<std::string>(), HasSubstr("not TLS"));
  }
  const Peer empty = client();
  empty.send(connect_to("allowed.test:443"));
  ASSERT_EQ(status(empty), "200");
  const Peer server = accept();
  empty.end();
  EXPECT_EQ(empty.receive_all(), "");
  EXPECT_EQ(server.receive_all(), "");
  EXPECT_TRUE(is_empty_soon());
}

TEST_F(GateTest, WaitsForSlowClientsAndNotForEver) {
  start();
  const Peer slow = client();
  for (const char c : connect_to("allowed.test:443")) {
    slow.send({&c, 1});
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(status(slow), "200");
  const Peer served = accept();
  const std::string hello = test::hello_for("allowed.test");
  for (const char c : hello) {
    slow.send({&c, 1});
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(served.receive_exactly(hello.size()), hello);

  const Peer silent = client();
  silent.send("CONNECT allowed.te");
  EXPECT_EQ(status(silent), "408");
  const Peer mute = client();
  mute.send(connect_to("allowed.test:443"));
  EXPECT_EQ(status(mute), "200");
  const Peer server = accept();
  mute.send(hello.substr(0, hello.size() - 1));
  EXPECT_EQ(mute.receive_all(), alert);
  EXPECT_EQ(server.receive_all(), "");
}

TEST_F(GateTest, BoundsWhatItReadsBeforeATunnelIsOpen) {
  start();
  const Peer peer = client();
  peer.send("CONNECT allowed.test:443 HTTP/1.1\r\nA: " + std::string(200'000, 'x'));
  EXPECT_EQ(status(peer), "431");
  const Peer big = client();
  big.send(connect_to("allowed.test:443"));
  EXPECT_EQ(status(big), "200");
  const Peer server = accept();
  test::Hello hello;
  hello.extensions = test::extension(35, std::string(40'000, 't')) + test::sni("allowed.test");
  big.send(test::records(hello.message()));
  EXPECT_EQ(big.receive_all(), alert);
  EXPECT_EQ(server.receive_all(), "");
}

// Twenty minutes of a silent model, with every timer of the guard's as many times as fast. The real thing is
// Idle.J1_ASilentTunnelLives with DRYDOCK_IDLE_SECONDS=1200.
TEST_F(GateTest, TwentyMinutesOfSilenceEndNoTunnel) {
  constexpr int times = 200;
  timing_ = faster(Timing{}, times);
  ASSERT_EQ(timing_.hello, milliseconds(100));
  start();
  Peer peer;
  Peer server;
  const std::string hello = test::hello_for("allowed.test");
  // So fast, a busy machine may miss a limit on the way to a tunnel.
  bool open = false;
  for (int i = 0; i < 100 && !open; ++i) {
    while (!nobody_called()) {
    }
    peer = client();
    peer.send(connect_to("allowed.test:443") + hello);
    if (status(peer) != "200") continue;
    server = accept();
    open = server.receive_exactly(hello.size()) == hello;
  }
  ASSERT_TRUE(open);
  std::this_thread::sleep_for(milliseconds(1'200'000 / times));
  EXPECT_TRUE(has_keepalive(server_port_)) << "a dead peer would never be found";
  server.send("still here");
  EXPECT_EQ(peer.receive_exactly(10), "still here");
  peer.send("so am I");
  EXPECT_EQ(server.receive_exactly(7), "so am I");
  EXPECT_EQ(tunnels(), 1U);
}

TEST_F(GateTest, AResetEndsBothSides) {
  start();
  Peer server;
  Peer peer = open_tunnel(server);
  peer.reset();
  const std::string seen = server.receive();
  EXPECT_TRUE(seen.empty() || seen == "!") << seen;
  EXPECT_TRUE(is_empty_soon());
  EXPECT_THAT(event("close")["reason"].get<std::string>(), HasSubstr("reset"));
  Peer second_server;
  const Peer second = open_tunnel(second_server);
  second_server.reset();
  const std::string end = second.receive();
  EXPECT_TRUE(end.empty() || end == "!") << end;
  EXPECT_TRUE(is_empty_soon());
}

TEST_F(GateTest, AClientThatHangsUpIsForgotten) {
  start();
  lookup_delay_ms_ = 200;
  Peer peer = client();
  peer.send(connect_to("allowed.test:443"));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(tunnels(), 1U);
  peer.close();
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(tunnels(), 0U);
  Peer nothing = client();
  nothing.close();
  EXPECT_TRUE(is_empty_soon());
}

TEST_F(GateTest, LosesNothingWhenBothSidesSendMuchAndReadLate) {
  start();
  Peer server;
  const Peer peer = open_tunnel(server);
  std::string much(8 << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 2654435761U >> 13);
  std::thread up([&] {
    peer.send(much);
    peer.end();
  });
  std::thread down([&] {
    server.send(much);
    server.end();
  });
  std::this_thread::sleep_for(milliseconds(100));
  std::string at_server;
  std::thread reader([&] { at_server = server.receive_all(); });
  const std::string at_client = peer.receive_all();
  reader.join();
  up.join();
  down.join();
  EXPECT_TRUE(at_client == much);
  EXPECT_TRUE(at_server == much);
  EXPECT_TRUE(is_empty_soon());
}

// What was on its way in a tunnel that ends must not come out of the next one.
TEST_F(GateTest, ATunnelThatIsCutLeavesNothingBehind) {
  start();
  for (int i = 0; i < 12; ++i) {
    Peer server;
    Peer peer = open_tunnel(server);
    const Peer& from = i % 2 == 0 ? server : peer;
    std::thread sender([&] { from.send(std::string(32 << 20, 'x')); });
    std::this_thread::sleep_for(milliseconds(20));
    (i % 2 == 0 ? peer : server).reset();
    sender.join();
    EXPECT_TRUE(is_empty_soon());
  }
  Peer server;
  const Peer peer = open_tunnel(server);
  const std::string much(4 << 20, 'y');
  std::thread up([&] { peer.send(much); });
  std::thread down([&] { server.send(much); });
  EXPECT_TRUE(server.receive_exactly(much.size()) == much);
  EXPECT_TRUE(peer.receive_exactly(much.size()) == much);
  up.join();
  down.join();
}

TEST_F(GateTest, AnswersTheCanaryItself) {
  start();
  const Peer peer = client();
  peer.send(connect_to("canary-1.drydock.invalid:443"));
  EXPECT_EQ(status(peer), "200");
  EXPECT_EQ(peer.receive(), "");
  EXPECT_EQ(lookups(), 0);
  EXPECT_EQ(ask("canary-2.drydock.invalid:443"), "403");
}

TEST_F(GateTest, TheTransparentLegTakesTheHostFromTheServerName) {
  start();
  for (const std::string host : {"allowed.test", "a.b.wild.test"}) {
    const Peer peer = direct_client();
    const std::string hello = test::hello_for(host);
    peer.send(hello);
    const Peer server = accept();
    EXPECT_EQ(server.receive_exactly(hello.size()), hello);
    server.send("hello");
    EXPECT_EQ(peer.receive_exactly(5), "hello");
    EXPECT_EQ(event("open")["leg"], "transparent");
  }
  set_answers("bad.test", {{"10.0.0.1"}});
  for (const std::string host : {"evil.test", "wild.test", "bad.test", "canary-1.drydock.invalid"}) {
    const Peer peer = direct_client();
    peer.send(test::hello_for(host));
    EXPECT_EQ(peer.receive_all(), alert) << host;
  }
  const Peer plain = direct_client();
  plain.send("GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n");
  EXPECT_EQ(plain.receive_all(), "");
  EXPECT_TRUE(nobody_called());
}

TEST_F(GateTest, NewRulesCutWhatTheyDoNotAdmit) {
  start();
  Peer allowed_server;
  const Peer allowed = open_tunnel(allowed_server);
  Peer other_server;
  const Peer other = open_tunnel(other_server, "other.test");
  const Peer early = client();
  early.send(connect_to("other.test:443"));
  EXPECT_EQ(status(early), "200");
  const Peer early_server = accept();

  in_loop([this](Loop&, Gate& gate) {
    Rules fewer = rules_;
    fewer.entries = {};
    EXPECT_EQ(fewer.entries.add({"allowed.test", "hosts:1"}), "");
    EXPECT_EQ(fewer.entries.add({"new.test", "hosts:2"}), "");
    gate.set_rules(fewer);
  });
  const std::string end = other.receive();
  EXPECT_TRUE(end.empty() || end == "!") << end;
  EXPECT_EQ(other_server.receive_all(), "");
  EXPECT_EQ(early_server.receive_all(), "");
  EXPECT_EQ(ask("other.test:443"), "403");
  EXPECT_EQ(ask("new.test:443"), "200");
  allowed.send("on");
  EXPECT_EQ(allowed_server.receive_exactly(2), "on");
}

TEST_F(GateTest, TooManyTunnelsAreTold) {
  limits_.tunnels = 2;
  limits_.overflow = 1;
  start();
  Peer first_server;
  Peer second_server;
  Peer first = open_tunnel(first_server);
  const Peer second = open_tunnel(second_server);
  EXPECT_EQ(ask("allowed.test:443"), "503");
  first.close();
  first_server.close();
  for (int i = 0; i < 100 && tunnels() > 1; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(ask("allowed.test:443"), "200");
}

}  // namespace
}  // namespace drydock::guard
