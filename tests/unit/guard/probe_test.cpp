#include "guard/probe.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/canary.hpp"
#include "gate_harness.hpp"

namespace drydock::guard {
namespace {

TEST(Probe, EveryCheckIsOneThatDrydockKnows) { EXPECT_EQ(probe_names(), core::all_wall_checks()); }

constexpr const char* sound =
    R"({"proxy":{"address":"10.0.0.2","port":8888},"host":"10.0.0.1","canary":"c.invalid","checks":["dns"]})";

TEST(ProbeSettings, IsStrict) {
  const ProbeSettings settings = parse_probe(sound);
  EXPECT_EQ(settings.proxy.port, 8888);
  EXPECT_EQ(settings.host.to_string(), "10.0.0.1");
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"proxy", "1"},
                                                        {"proxy", R"({"address":"x","port":1})"},
                                                        {"host", R"("x")"},
                                                        {"checks", "[]"},
                                                        {"checks", R"(["other"])"},
                                                        {"silence_ms", R"("1")"},
                                                        {"unknown", "1"}}) {
    auto json = nlohmann::json::parse(sound);
    json[key] = nlohmann::json::parse(value);
    EXPECT_THROW(parse_probe(json.dump()), ConfigError) << key << " " << value;
  }
  for (const char* key : {"proxy", "host", "canary", "checks"}) {
    auto json = nlohmann::json::parse(sound);
    json.erase(key);
    EXPECT_THROW(parse_probe(json.dump()), ConfigError) << key;
  }
  EXPECT_THROW(parse_probe("nonsense"), ConfigError);
}

// A listener that answers every connection with the text, `count` times.
class Answers {
 public:
  Answers(std::string text, int count) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, text = std::move(text), count] {
      for (int i = 0; i < count; ++i) {
        const UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, 1024> request{};
        if (::recv(client.get(), request.data(), request.size(), 0) > 0)
          ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~Answers() { thread_.join(); }
  std::uint16_t port = 0;

 private:
  UniqueFd fd_;
  std::thread thread_;
};

ProbeSettings at_port(std::uint16_t port, std::vector<std::string> checks) {
  ProbeSettings settings;
  settings.proxy = {Ip::v4(INADDR_LOOPBACK), port};
  settings.host = Ip::v4(INADDR_LOOPBACK);
  settings.canary = "canary.invalid";
  settings.checks = std::move(checks);
  return settings;
}

TEST(Probe, HoldsAgainstWhatTheProxySays) {
  for (const auto& [answer, allowed, unlisted] :
       {std::tuple{"HTTP/1.1 200 OK\r\n\r\n", true, false},
        std::tuple{"HTTP/1.0 403 no\r\n\r\n", false, true}, std::tuple{"SSH-2.0 200 \r\n", false, false},
        std::tuple{"", false, false}}) {
    const Answers proxy(answer, 2);
    const auto checks = probe(at_port(proxy.port, {"allowed", "unlisted"}));
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_EQ(checks[0].ok, allowed) << answer << " " << checks[0].got;
    EXPECT_EQ(checks[1].ok, unlisted) << answer << " " << checks[1].got;
  }
}

TEST(Probe, SeesThatADialGoesThroughAndThatSomebodyIsThere) {
  Answers outside("x", 0);
  ProbeSettings settings = at_port(1, {"dial", "host"});
  settings.outside = {Ip::v4(INADDR_LOOPBACK), outside.port};
  auto checks = probe(settings);
  EXPECT_FALSE(checks[0].ok);
  EXPECT_EQ(checks[0].got, "connected");
  EXPECT_FALSE(checks[1].ok) << "a refusal is a word, too: " << checks[1].got;
  // RFC 5735: no host has this address, and the kernel knows.
  settings.checks = {"dial"};
  settings.outside = {*Ip::parse("255.255.255.255"), 443};
  checks = probe(settings);
  EXPECT_EQ(checks[0].ok, checks[0].got == "unreachable" || checks[0].got == "refused") << checks[0].got;
  EXPECT_NE(checks[0].got, "connected");
}

TEST(Probe, ReportsOnOneLine) {
  const std::string line = to_line({{"dns", "none", "an answer", false}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["event"], "probe");
  EXPECT_EQ(json["checks"][0]["got"], "an answer");
  EXPECT_EQ(json["checks"][0]["ok"], false);
}

}  // namespace
}  // namespace drydock::guard
