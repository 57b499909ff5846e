// run --ask: what is not on the list waits for a yes, and everything else is as it is without.
#include <gmock/gmock.h>

#include "gate_harness.hpp"

namespace drydock::guard {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* forbidden = "HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n";

class AskTest : public GateHarness {
 protected:
  AskTest() {
    timing_.ask_look = milliseconds(10);
    rules_.ask = std::chrono::seconds(30);
    watched_ = true;
    // As tinyproxy's filter does, by the names that were allowed at the time.
    proxy_.set_planner([this](const std::string& head) {
      const bool unlisted = head.find("evil.test") != std::string::npos && !proxy_allows_;
      return unlisted ? FakeProxy::Plan{FakeProxy::Does::answer, forbidden} : FakeProxy::Plan{};
    });
  }
  // Its CONNECT waits.
  Peer waiting_client() {
    Peer peer = client();
    peer.send(connect_to("evil.test:443"));
    EXPECT_TRUE(comes("ask"));
    return peer;
  }
  bool comes(const std::string& name) {
    for (int i = 0; i < 300; ++i) {
      if (last_ = event(name); !last_.empty()) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }
  void allow(const std::string& host, bool proxy_too = true) {
    proxy_allows_ = proxy_too;
    Rules more = rules_;
    EXPECT_EQ(more.entries.add({host, "live"}), "");
    in_loop([&](Loop&, Gate& gate) { gate.set_rules(more); });
  }
  std::atomic<bool> proxy_allows_{false};
  nlohmann::json last_;
};

TEST_F(AskTest, AYesOpensTheTunnelThatWaited) {
  start();
  const Peer peer = waiting_client();
  EXPECT_EQ(last_["host"], "evil.test");
  EXPECT_EQ(lookups(), 0);
  EXPECT_TRUE(nobody_called()) << "something left before the yes";
  allow("evil.test");
  EXPECT_EQ(status(peer), "200");
  const std::string hello = test::hello_for("evil.test");
  peer.send(hello);
  const Peer server = accept();
  EXPECT_EQ(server.receive_exactly(hello.size()), hello);
}

TEST_F(AskTest, AYesToAnotherHostIsNone) {
  start();
  const Peer peer = waiting_client();
  for (const std::string host : {"other2.test", "a.evil.test", "xevil.test"}) allow(host, false);
  EXPECT_EQ(tunnels(), 1U);
  EXPECT_EQ(lookups(), 0);
  watched_ = false;
  EXPECT_EQ(status(peer), "403");
}

TEST_F(AskTest, BothMustAdmitItAfterTheYes) {
  start();
  const Peer peer = waiting_client();
  allow("evil.test", false);
  EXPECT_EQ(status(peer), "403") << "tinyproxy still says no, and nobody is asked twice";
  EXPECT_EQ(lookups(), 0);
  EXPECT_TRUE(nobody_called());
}

TEST_F(AskTest, ANameThatLeadsAstrayIsRefusedAfterTheYes) {
  set_answers("evil.test", {{"10.0.0.1"}});
  start();
  const Peer peer = waiting_client();
  allow("evil.test");
  EXPECT_EQ(status(peer), "403");
  EXPECT_TRUE(nobody_called());
}

TEST_F(AskTest, NobodyLooksOn) {
  watched_ = false;
  start();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ask("evil.test:443"), "403");
  EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(1000));
  EXPECT_TRUE(event("ask").empty());
}

TEST_F(AskTest, WhoeverLookedOnHasGone) {
  start();
  const Peer peer = waiting_client();
  watched_ = false;
  const std::string reply = peer.receive_all();
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 403 drydock refused evil.test: not on the allowlist"));
  EXPECT_EQ(event("answer")["verdict"], "denied");
  EXPECT_TRUE(is_empty_soon());
}

TEST_F(AskTest, NobodySaysYesInTime) {
  rules_.ask = std::chrono::seconds(1);
  start();
  const Peer peer = waiting_client();
  EXPECT_EQ(status(peer), "403");
  EXPECT_THAT(event("answer")["reason"].get<std::string>(), HasSubstr("in time"));
}

TEST_F(AskTest, WhatNoLineCanAllowIsNotAskedAbout) {
  start();
  proxy_.always(FakeProxy::Does::answer, forbidden);
  for (const std::string authority :
       {"127.0.0.1:443", "[::1]:443", "0x7f.1:443", "evil.test:80", "evil.test.:443", "u@evil.test:443",
        "2130706433:443", "localhost:443", "a-.evil.test:443", "-a.evil.test:443"}) {
    EXPECT_EQ(ask(authority), "403") << authority;
  }
  // Where the guard's own list says no.
  proxy_.always(FakeProxy::Does::hand_on);
  EXPECT_EQ(ask("localhost:443"), "403");
  proxy_.always(FakeProxy::Does::answer, forbidden);
  const Peer plain = client();
  plain.send("GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n");
  EXPECT_EQ(status(plain), "403");
  EXPECT_TRUE(event("ask").empty());
  // The control.
  waiting_client();
}

TEST_F(AskTest, WithoutAskNothingWaits) {
  rules_.ask = std::chrono::seconds(0);
  start();
  EXPECT_EQ(ask("evil.test:443"), "403");
  EXPECT_TRUE(event("ask").empty());
}

TEST_F(AskTest, OnlySoManyWait) {
  limits_.asking = 2;
  start();
  Peer first = waiting_client();
  const Peer second = waiting_client();
  EXPECT_EQ(ask("evil.test:443"), "403");
  // One that goes away makes room.
  first.reset();
  EXPECT_TRUE(comes("answer"));
  const Peer third = waiting_client();
  EXPECT_EQ(tunnels(), 2U);
}

TEST_F(AskTest, TheTransparentLegAsksToo) {
  start();
  const Peer peer = direct_client();
  const std::string hello = test::hello_for("evil.test");
  peer.send(hello);
  ASSERT_TRUE(comes("ask"));
  EXPECT_EQ(last_["leg"], "transparent");
  allow("evil.test");
  const Peer server = accept();
  EXPECT_EQ(server.receive_exactly(hello.size()), hello);
  const Peer another = direct_client();
  another.send(test::hello_for("evil2.test"));
  ASSERT_TRUE(comes("ask"));
  watched_ = false;
  EXPECT_EQ(another.receive_all().size(), 7U) << "no alert";
  EXPECT_EQ(event("denied")["host"], "evil2.test");
}

TEST_F(AskTest, ATunnelThatWaitsWhenTheGuardEndsDoesNoHarm) {
  start();
  const Peer peer = waiting_client();
  stop();
}

}  // namespace
}  // namespace drydock::guard
