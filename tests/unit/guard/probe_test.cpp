#include "guard/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/canary.hpp"
#include "gate_harness.hpp"
#include "guard/probe_jail.hpp"

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
        if (!client) return;
        std::array<char, 1024> request{};
        if (::recv(client.get(), request.data(), request.size(), 0) > 0)
          ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~Answers() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
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

TEST(Probe, LooksBeforeTheWordAndAfterIt) {
  const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size);
  ProbeSettings settings = at_port(1, {"dial"});
  settings.outside = {Ip::v4(INADDR_LOOPBACK), ntohs(address.sin_port)};
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(300)); };
  EXPECT_EQ(probe(settings, pause).front().got, "refused") << "the control: nobody listens";
  const auto opened = probe(settings, [&] {
    pause();
    EXPECT_EQ(::listen(server.get(), 16), 0);
  });
  EXPECT_EQ(opened.front().got, "connected") << "a way that came up after the first look";
  const auto closed = probe(settings, [&] {
    pause();
    ::shutdown(server.get(), SHUT_RDWR);
  });
  EXPECT_EQ(closed.front().got, "connected") << "a way that was there at the first look";
  EXPECT_FALSE(closed.front().ok);
}

// All that can be seen of the proxy, against a gate whose tinyproxy admits everything.
class ProbeAtGate : public GateHarness {
 protected:
  ProbeSettings settings(std::vector<std::string> checks) const {
    ProbeSettings result;
    result.proxy = {Ip::v4(INADDR_LOOPBACK), proxy_port_};
    result.direct_port = transparent_port_;
    result.host = *Ip::parse("127.0.0.2");
    result.canary = "canary-1.drydock.invalid";
    result.checks = std::move(checks);
    return result;
  }
};

TEST_F(ProbeAtGate, TheGateHolds) {
  start();
  for (const ProbeCheck& check : probe(settings({"allowed", "unlisted", "literal", "port", "look-alike",
                                                 "spelling", "ambiguous", "direct", "nameless", "no-tls"}))) {
    EXPECT_TRUE(check.ok) << check.name << " " << check.got;
  }
  EXPECT_EQ(lookups(), 0);
}

TEST_F(ProbeAtGate, AndHolesAreSeen) {
  const Answers grants("HTTP/1.1 200 OK\r\n\r\n", 1000);
  ProbeSettings open =
      settings({"look-alike", "spelling", "ambiguous", "direct", "nameless", "no-tls", "ports"});
  open.proxy.port = open.direct_port = grants.port;
  for (const ProbeCheck& check : probe(open)) EXPECT_FALSE(check.ok) << check.name << " " << check.got;
  open.checks = {"direct", "no-tls"};
  open.direct_port = 1;
  for (const ProbeCheck& check : probe(open)) EXPECT_EQ(check.got, "refused") << "nobody listens";
}

TEST(Probe, ReadsItsPowers) {
  const auto powers = [](const std::string& text) {
    const std::string path = testing::TempDir() + "status." + std::to_string(::getpid());
    std::ofstream(path) << text;
    const std::string found = find_powers(path);
    ::unlink(path.c_str());
    return found;
  };
  const std::string zero = "0000000000000000";
  const std::string powerless = "Uid:\t65534\t65534\nCapInh:\t" + zero + "\nCapPrm:\t" + zero +
                                "\nCapEff:\t" + zero + "\nCapBnd:\t" + zero + "\nCapAmb:\t" + zero +
                                "\nNoNewPrivs:\t1\nSeccomp:\t2\n";
  EXPECT_EQ(powers(powerless), "none");
  for (const auto& [line, other, got] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"Uid:\t65534", "Uid:\t0", "Uid: 0"},
           {"CapBnd:\t0", "CapBnd:\t8", "CapBnd: 8"},
           {"CapAmb:\t0", "CapAmb:\t1", "CapAmb: 1"},
           {"NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs: 0"},
           {"Seccomp:\t2", "Seccomp:\t0", "Seccomp: 0"},
           {"Seccomp:\t2\n", "", "unknown"}}) {
    std::string text = powerless;
    text.replace(text.find(line), line.size(), other);
    EXPECT_THAT(powers(text), testing::StartsWith(got)) << line;
  }
  EXPECT_EQ(find_powers("/nonexistent"), "unknown");
}

TEST(Probe, FindsSocketsAndOtherVariables) {
  const std::string folder = testing::TempDir() + "sockets." + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  EXPECT_EQ(find_sockets(folder), "none");
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder + "/docker.sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(find_sockets(folder), path);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());

  const ProbeSettings settings = at_port(8888, {"variables"});
  const std::string proxy = "http://127.0.0.1:8888";
  for (const char* name :
       {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"})
    ::setenv(name, proxy.c_str(), 1);
  for (const char* name : {"NO_PROXY", "no_proxy"}) ::setenv(name, "localhost,127.0.0.1,::1", 1);
  EXPECT_EQ(compare_proxy_variables(settings), "as planned");
  ::setenv("no_proxy", "*", 1);
  EXPECT_EQ(compare_proxy_variables(settings), "no_proxy=*");
  ::unsetenv("HTTPS_PROXY");
  EXPECT_EQ(compare_proxy_variables(settings), "HTTPS_PROXY=");
  for (const char* name :
       {"https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"})
    ::unsetenv(name);
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
