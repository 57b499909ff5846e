// The guard between a client and tinyproxy: what is put to it, what becomes of its answers, and that nothing
// opens without both.
#include "guard/verdicts.hpp"

#include <gmock/gmock.h>

#include "gate_harness.hpp"

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;
using Does = FakeProxy::Does;

const std::string refusal = "HTTP/1.0 403 Filtered\r\nServer: tinyproxy/1.11.1\r\n\r\n<p>no</p>";
const std::string one_mark = "\r\nx-drydock-tunnel: [0-9a-f]{32}\r\n\r\n";

class VerdictsTest : public GateHarness {
 protected:
  std::string tell(const std::string& request) const {
    const Peer peer = client();
    peer.send(request);
    return peer.receive_all();
  }
  std::string tell_back(const std::string& request) const {
    const Peer peer = Peer::connect(back_port_);
    peer.send(request);
    return peer.receive_all();
  }
  // The mark of the last request that tinyproxy got.
  std::string mark() const {
    const std::string head = proxy_.heads().back();
    return head.substr(head.find(": ") + 2, 32);
  }
  void wait_for_heads(std::size_t count) const {
    for (int i = 0; i < 200 && proxy_.heads().size() < count; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    ASSERT_EQ(proxy_.heads().size(), count);
  }
};

TEST_F(VerdictsTest, TinyproxyHearsTheRequestLineAndAMark) {
  start();
  EXPECT_EQ(tell("CONNECT allowed.test:443 HTTP/1.1\r\nHost: x\r\nX-Drydock-Tunnel: "
                 "00000000000000000000000000000000\r\n"
                 "Connection: x-drydock-tunnel\r\nContent-Length: 99\r\nAuthorization: secret\r\n\r\n")
                .substr(0, 12),
            "HTTP/1.1 200");
  EXPECT_THAT(proxy_.heads(), ElementsAre(MatchesRegex("CONNECT allowed.test:443 HTTP/1.1" + one_mark)));
  const std::string first = mark();
  EXPECT_EQ(ask("allowed.test:443"), "200");
  EXPECT_NE(mark(), first) << "a mark was used twice";
}

TEST_F(VerdictsTest, ItsRefusalOfATunnelIsToldInTheGuardsWords) {
  rules_.session = "0123abcd";
  start();
  proxy_.always(Does::answer, refusal);
  const std::string reply = tell(connect_to("allowed.test:443"));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 403 drydock refused allowed.test: not on the allowlist\r\n"));
  EXPECT_THAT(reply, HasSubstr(": drydock egress allow allowed.test --session 0123abcd\n"));
  // What else it says of a tunnel is passed on.
  const std::string trouble = "HTTP/1.0 503 Busy\r\n\r\n403";
  proxy_.always(Does::answer, trouble);
  EXPECT_EQ(tell(connect_to("allowed.test:443")), trouble);
  proxy_.always(Does::answer, refusal);
  // Of what nobody can allow it is not said that somebody can.
  for (const auto& [request, words] : std::vector<std::pair<std::string, std::string>>{
           {connect_to("allowed.test:80"), "drydock refused allowed.test:80: only port 443 is allowed"},
           {connect_to("10.0.0.1:443"), "drydock refused 10.0.0.1:443: it is an address, not a host name"},
           {connect_to("allowed.test.:443"), "drydock refused allowed.test.:443: it is not a host name"},
           {connect_to("localhost:443"), "drydock refused localhost: not on the allowlist"},
           {connect_to("a-.wild.test:443"), "drydock refused a-.wild.test: not on the allowlist"},
           {"GET http://allowed.test/x HTTP/1.1\r\n\r\n",
            "drydock refused http://allowed.test/x: plain HTTP never passes; use https"}}) {
    const std::string answer = tell(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 " + words + "\r\n")) << request;
    EXPECT_THAT(answer, Not(HasSubstr("egress allow"))) << request;
  }
  EXPECT_TRUE(nobody_called());
  proxy_.always(Does::hand_on);
  EXPECT_EQ(ask("allowed.test:443"), "200");
}

TEST_F(VerdictsTest, OtherRequestsAreItsToRefuseWithoutTheirBodies) {
  start();
  proxy_.always(Does::answer, refusal);
  const std::string post =
      "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 9000000\r\n\r\n";
  const Peer peer = client();
  std::thread body([&] { peer.send(post + std::string(3'000'000, 'b')); });
  EXPECT_THAT(peer.receive_all(),
              StartsWith("HTTP/1.1 403 drydock refused http://allowed.test/: plain HTTP never passes"));
  body.join();
  const std::vector<std::string> requests{"GET / HTTP/1.1\r\nHost: tinyproxy.stats\r\n\r\n",
                                          "connect allowed.test:443 HTTP/1.1\r\n\r\n",
                                          "\x16\x03\x01 garbage\r\n\r\n", "GET http://x/\n\n"};
  for (const std::string& request : requests)
    EXPECT_THAT(tell(request),
                MatchesRegex("HTTP/1.1 403 drydock refused [^ ]*: (it is no request for a tunnel|"
                             "plain HTTP never passes).*"))
        << request;
  std::vector<std::string> expected{post};
  expected.insert(expected.end(), requests.begin(), requests.end());
  EXPECT_EQ(proxy_.heads(), expected);
}

TEST_F(VerdictsTest, WhatIsNoConnectHasNoMarkAndOpensNothing) {
  start();
  // Even if tinyproxy took them for tunnels.
  for (const std::string request : {"GET / HTTP/1.1\r\nx-drydock-tunnel: 0123\r\n\r\n",
                                    "\r\r\nCONNECT allowed.test:443 HTTP/1.1\r\n\r\n"}) {
    proxy_.set_planner([](const std::string& head) {
      return FakeProxy::Plan{Does::hand_on,
                             "CONNECT allowed.test:443 HTTP/1.1\r\n" + head.substr(head.find('\n') + 1)};
    });
    EXPECT_THAT(tell(request), Not(HasSubstr(" 200 "))) << request;
  }
  EXPECT_TRUE(nobody_called());
}

TEST_F(VerdictsTest, ARequestThatIsCutShortIsAnswered) {
  start();
  proxy_.always(Does::answer, "HTTP/1.0 400 Bad Request\r\n\r\n");
  const Peer peer = client();
  peer.send("GET / HTTP/1.1\r\nHos");
  peer.end();
  EXPECT_EQ(peer.receive_all(), "HTTP/1.0 400 Bad Request\r\n\r\n");
  EXPECT_THAT(proxy_.heads(), ElementsAre("GET / HTTP/1.1\r\nHos"));
  proxy_.always(Does::hang_up);
  const Peer other = client();
  other.send("GET");
  other.end();
  EXPECT_THAT(other.receive_all(), StartsWith("HTTP/1.1 400 drydock refused this request"));
}

TEST_F(VerdictsTest, AClientMayStopTalkingBeforeItIsRefused) {
  start();
  proxy_.always(Does::answer, refusal);
  const Peer peer = client();
  peer.send(connect_to("evil.test:443"));
  peer.end();
  EXPECT_THAT(peer.receive_all(), StartsWith("HTTP/1.1 403 drydock refused evil.test"));
}

TEST_F(VerdictsTest, ALongAnswerReachesASlowReader) {
  timing_.head = milliseconds(3000);
  start();
  // Of what tinyproxy does not understand; a refusal is said in the guard's own words.
  const std::string words = "HTTP/1.0 400 Bad Request\r\n\r\n" + std::string(60'000, 'w');
  proxy_.always(Does::answer, words);
  const Peer peer = client();
  peer.send("GET http://evil.test/ HTTP/1.1\r\n\r\n");
  std::string got;
  while (got.size() < 1000) {
    const std::string more = peer.receive(100);
    ASSERT_NE(more, "");
    got += more;
  }
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(got + peer.receive_all(), words);
  proxy_.always(Does::answer, refusal + std::string(1'000'000, 'w'));
  EXPECT_EQ(ask("evil.test:443"), "502");
}

TEST_F(VerdictsTest, ItCannotSayYesByItself) {
  start();
  for (const std::string answer :
       {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 301 x\r\n\r\n", "nonsense", "HTTP/1.1"}) {
    proxy_.always(Does::answer, answer);
    EXPECT_THAT(tell(connect_to("allowed.test:443")),
                StartsWith("HTTP/1.1 502 drydock cannot reach allowed.test: tinyproxy's answer"));
  }
  EXPECT_TRUE(nobody_called());
}

TEST_F(VerdictsTest, NobodyElseCanHandATunnelOn) {
  start();
  proxy_.always(Does::keep);
  const Peer waiting = client();
  waiting.send(connect_to("allowed.test:443"));
  wait_for_heads(1);
  const std::string field = "x-drydock-tunnel: ";
  for (const std::string& mine : std::vector<std::string>{
           std::string{}, field + "\r\n", field + std::string(32, '0') + "\r\n", field + mark() + "0\r\n",
           field + mark().substr(1) + "\r\n", field + mark() + "\r\n" + field + mark() + "\r\n",
           field + mark() + "\r\n folded\r\n"}) {
    const std::string answer = tell_back("CONNECT allowed.test:443 HTTP/1.1\r\n" + mine + "\r\n");
    EXPECT_THAT(answer, MatchesRegex("HTTP/1.1 40[03] drydock refused .*")) << mine;
  }
  EXPECT_THAT(event("denied")["reason"].get<std::string>(), HasSubstr("malformed"));
  EXPECT_EQ(tunnels(), 1U) << "the one that waits";
  // The control: with its mark it is admitted.
  const Peer back = Peer::connect(back_port_);
  back.send("CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test\r\n" + field + mark() + "\r\n\r\n");
  EXPECT_EQ(status(waiting), "200");
  EXPECT_THAT(tell_back("CONNECT allowed.test:443 HTTP/1.1\r\n" + field + mark() + "\r\n\r\n"),
              HasSubstr(" 403 "))
      << "a mark was good twice";
}

TEST_F(VerdictsTest, BothParsersMustUnderstandTheSame) {
  start();
  const auto takes_it_for = [this](const std::string& authority) {
    proxy_.set_planner([authority](const std::string& head) {
      return FakeProxy::Plan{Does::hand_on,
                             "CONNECT " + authority + " HTTP/1.1" + head.substr(head.find("\r\n"))};
    });
  };
  takes_it_for("other.test:443");
  EXPECT_EQ(ask("allowed.test:443"), "400");
  // What only one of them understands, whichever.
  takes_it_for("allowed.test:443");
  for (const std::string line :
       {"CONNECT allowed.test:80 HTTP/1.1", "CONNECT allowed.test:443@x:443 HTTP/1.1",
        "CONNECT  allowed.test:443 HTTP/1.1", "CONNECT allowed.test:443",
        "CONNECT allowed.test:443 HTTP/2.0"}) {
    EXPECT_THAT(tell(line + "\r\nHost: x\r\n\r\n"), MatchesRegex("HTTP/1.1 40[03] .*")) << line;
  }
  EXPECT_THAT(tell("CONNECT allowed.test:443 HTTP/1.1\nHost: x\n\n"), HasSubstr(" 400 "));
  takes_it_for("allowed.test:80");
  EXPECT_EQ(ask("allowed.test:443"), "403");
  takes_it_for("203.0.113.9:443");
  EXPECT_EQ(ask("203.0.113.9:443"), "403");
  EXPECT_TRUE(nobody_called());
  EXPECT_EQ(lookups(), 0);
  takes_it_for("ALLOWED.test:443");
  EXPECT_EQ(ask("allowed.TEST:443"), "200") << "case is no difference";
}

TEST_F(VerdictsTest, OneThatDoesNotAnswerIsNotWaitedForForEver) {
  start();
  proxy_.always(Does::keep);
  EXPECT_THAT(
      tell(connect_to("allowed.test:443")),
      StartsWith("HTTP/1.1 504 drydock cannot reach allowed.test: tinyproxy does not answer in time"));
  in_loop([this](Loop&, Gate&) { verdicts_->set_proxy(0); });
  EXPECT_EQ(ask("allowed.test:443"), "504") << "there is none";
  // Nobody listens there.
  in_loop([this](Loop&, Gate&) { verdicts_->set_proxy(1); });
  EXPECT_EQ(ask("allowed.test:443"), "504");
  EXPECT_TRUE(nobody_called());
}

TEST_F(VerdictsTest, ASilentOneIsReported) {
  timing_.verdict = milliseconds(5000);
  timing_.silence = milliseconds(200);
  FakeProxy second;
  start();
  second.set_back(back_port_);
  std::atomic<int> reports{0};
  in_loop([&](Loop&, Gate&) {
    verdicts_->on_silence([&] {
      ++reports;
      verdicts_->set_proxy(second.port());
    });
  });
  EXPECT_EQ(ask("allowed.test:443"), "200");
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(reports, 0) << "the control: it has answered";
  proxy_.always(Does::keep);
  EXPECT_EQ(ask("allowed.test:443"), "200") << "by the second one";
  EXPECT_EQ(reports, 1);
  stop();
}

TEST_F(VerdictsTest, OneThatEndsIsAskedAgainAndNotForEver) {
  start();
  std::atomic<int> times{0};
  proxy_.set_planner([&](const std::string&) {
    return FakeProxy::Plan{++times < 3 ? Does::hang_up : Does::hand_on, {}};
  });
  EXPECT_EQ(ask("allowed.test:443"), "200");
  EXPECT_EQ(times, 3);
  proxy_.always(Does::hang_up);
  const std::size_t before = proxy_.heads().size();
  EXPECT_EQ(ask("allowed.test:443"), "502");
  EXPECT_EQ(proxy_.heads().size(), before + 3);
}

TEST_F(VerdictsTest, ANewOneIsAskedWhatTheOldOneHasNotAnswered) {
  FakeProxy second;
  start();
  second.set_back(back_port_);
  proxy_.always(Does::keep);
  const Peer first_peer = client();
  first_peer.send(connect_to("allowed.test:443"));
  const Peer second_peer = client();
  second_peer.send(connect_to("other.test:443"));
  wait_for_heads(2);
  const std::string old = mark();
  second.set_planner([](const std::string& head) {
    return head.find("other") != std::string::npos ? FakeProxy::Plan{Does::answer, refusal}
                                                   : FakeProxy::Plan{};
  });
  in_loop([&](Loop&, Gate&) { verdicts_->set_proxy(second.port()); });
  EXPECT_EQ(status(first_peer), "200");
  EXPECT_THAT(second_peer.receive_all(), StartsWith("HTTP/1.1 403 drydock refused other.test"));
  EXPECT_THAT(tell_back("CONNECT other.test:443 HTTP/1.1\r\nx-drydock-tunnel: " + old + "\r\n\r\n"),
              HasSubstr(" 403 "))
      << "the old one's consent came too late";
  stop();
}

TEST_F(VerdictsTest, WhatItAdmitsIsJudgedByTheRulesOfThatMoment) {
  start();
  proxy_.always(Does::keep);
  const Peer peer = client();
  peer.send(connect_to("other.test:443"));
  wait_for_heads(1);
  in_loop([this](Loop&, Gate& gate) {
    Rules fewer = rules_;
    fewer.entries = {};
    EXPECT_EQ(fewer.entries.add({"allowed.test", "hosts:1"}), "");
    gate.set_rules(fewer);
  });
  const Peer back = Peer::connect(back_port_);
  back.send("CONNECT other.test:443 HTTP/1.1\r\nx-drydock-tunnel: " + mark() + "\r\n\r\n");
  EXPECT_EQ(status(peer), "403");
  EXPECT_TRUE(nobody_called());
}

TEST_F(VerdictsTest, OnlySoManyAreInItsHandsAtOnce) {
  limits_.asked = 2;
  timing_.verdict = milliseconds(3000);
  start();
  proxy_.always(Does::keep);
  std::vector<Peer> peers(5);
  for (Peer& peer : peers) {
    peer = client();
    peer.send(connect_to("allowed.test:443"));
  }
  wait_for_heads(2);
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(proxy_.heads().size(), 2U);
  proxy_.always(Does::hand_on);
  // One that hangs up makes room for the next, and that for the others.
  in_loop([this](Loop&, Gate&) { verdicts_->set_proxy(proxy_.port()); });
  for (const Peer& peer : peers) EXPECT_EQ(status(peer), "200");
}

TEST_F(VerdictsTest, StrangersAreNotHeard) {
  clients_ = *IpRange::parse("10.0.0.0/8");
  start();
  EXPECT_EQ(ask("allowed.test:443"), "403");
  const Peer direct = direct_client();
  direct.send(test::hello_for("allowed.test"));
  EXPECT_EQ(direct.receive_all(), std::string("\x15\x03\x03\x00\x02\x02\x31", 7));
  EXPECT_TRUE(proxy_.heads().empty());
  EXPECT_TRUE(nobody_called());
  EXPECT_THAT(event("denied")["reason"].get<std::string>(),
              HasSubstr("does not come from the session's network"));
}

}  // namespace
}  // namespace drydock::guard
