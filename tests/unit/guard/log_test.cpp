// The decision log and the reading of tinyproxy's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/unique_fd.hpp"
#include "guard/connect_head.hpp"
#include "guard/event_log.hpp"
#include "guard/proxy_log.hpp"
#include "guard/reply.hpp"

namespace drydock::guard {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe");
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }
  std::string read_all() const {
    std::string text;
    std::array<char, 65536> block{};
    for (ssize_t n = ::read(reader.get(), block.data(), block.size()); n > 0;
         n = ::read(reader.get(), block.data(), block.size())) {
      text.append(block.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  UniqueFd reader;
  UniqueFd writer;
};

TEST(EventLogTest, WritesOneObjectALine) {
  Event event;
  event.event = "denied";
  event.leg = Leg::proxy;
  event.host = "example.com";
  event.port = 443;
  event.allowed = false;
  event.reason = "not on the allowlist";
  const std::string line = format(event, "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(line,
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"denied\",\"leg\":\"proxy\",\"host\":"
            "\"example.com\","
            "\"port\":443,\"verdict\":\"denied\",\"reason\":\"not on the allowlist\"}");
}

TEST(EventLogTest, TextFromOutsideCannotMakeALineOrGrow) {
  Event event;
  event.event = "denied";
  event.host = std::string("a\n{\"event\":\"ready\"}\r\x1b[31m\xff\0z", 27) + std::string(100000, 'x');
  const std::string line = format(event, now());
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 0);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_LT(line.size(), 2000U);
  EXPECT_EQ(Json::parse(line)["event"], "denied");
}

TEST(EventLogTest, NumbersAndChainsItsLines) {
  Pipe pipe;
  EventLog log(pipe.writer.get());
  std::string before = policy::chain_start;
  for (std::uint64_t i = 0; i < 3; ++i) {
    Event event;
    event.event = "denied";
    event.host = "\"seq\":7,\"chain\":\"x\"";
    log.write(event);
    std::string line = pipe.read_all();
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const auto parts = policy::read_chained(line);
    ASSERT_TRUE(parts) << line;
    EXPECT_EQ(parts->seq, i);
    EXPECT_EQ(parts->chain, policy::chain_hash(before, parts->body));
    before = parts->chain;
  }
}

TEST(EventLogTest, CountsTunnelsAndRefusalsButNotTheCanarys) {
  Pipe pipe;
  EventLog log(pipe.writer.get());
  const auto said = [&](std::string_view name, const std::string& host) {
    Event event;
    event.event = name;
    event.host = host;
    log.write(event);
    const Json line = Json::parse(pipe.read_all());
    return std::pair(line.at("opened").get<int>(), line.at("refused").get<int>());
  };
  EXPECT_EQ(said("ready", ""), std::pair(0, 0));
  EXPECT_EQ(said("canary", "canary-1.drydock.invalid"), std::pair(0, 0));
  EXPECT_EQ(said("denied", "not-canary-1.drydock.invalid"), std::pair(0, 0));
  EXPECT_EQ(said("open", "example.org"), std::pair(1, 0));
  EXPECT_EQ(said("denied", "example.net"), std::pair(1, 1));
  EXPECT_EQ(said("close", "example.org"), std::pair(1, 1));
}

TEST(EventLogTest, AReaderThatDoesNotReadCostsABoundedAmountAndLearnsWhatItMissed) {
  const Pipe pipe;
  EventLog log(pipe.writer.get());
  Event event;
  event.event = "denied";
  event.reason = std::string(200, 'r');
  constexpr std::uint64_t lines = 20000;
  for (std::uint64_t i = 0; i < lines; ++i) log.write(event);
  EXPECT_TRUE(log.pending());
  std::string text;
  while (log.pending()) {
    text += pipe.read_all();
    log.flush();
  }
  text += pipe.read_all();
  log.write(event);
  text += pipe.read_all();
  EXPECT_LT(text.size(), EventLog::limit + (std::size_t{256} << 10));
  std::uint64_t seen = 0;
  std::uint64_t dropped = 0;
  std::string_view rest = text;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const Json json = Json::parse(rest.substr(0, end));
    if (json["event"] == "dropped") {
      dropped += json["count"].get<std::uint64_t>();
    } else {
      ++seen;
    }
    rest.remove_prefix(end + 1);
  }
  EXPECT_GT(dropped, 0U);
  EXPECT_EQ(seen + dropped, lines + 1);
}

TEST(EventLogTest, AYesTakesARefusalOutOfTheCount) {
  const Pipe pipe;
  EventLog log(pipe.writer.get());
  Event refusal;
  refusal.event = "denied";
  refusal.host = "a.example";
  log.write(refusal);
  log.write(refusal);
  Event answer;
  answer.event = "answer";
  answer.host = "a.example";
  answer.withdraws = 1;
  log.write(answer);
  Event exit;
  exit.event = "exit";
  log.write(exit);
  const std::string text = pipe.read_all();
  EXPECT_THAT(
      text,
      HasSubstr("\"event\":\"answer\",\"host\":\"a.example\",\"withdraws\":1,\"opened\":0,\"refused\":1"));
  EXPECT_THAT(text, HasSubstr("\"event\":\"exit\",\"opened\":0,\"refused\":1"));
}

TEST(EventLogTest, RefusalsBeyondTheLimitAreCountedAndDriveNothingOut) {
  const Pipe pipe;
  EventLog log(pipe.writer.get(), 1000);
  Event refusal;
  refusal.event = "denied";
  refusal.host = "a.example";
  for (int i = 0; i < 25000; ++i) log.write(refusal);
  Event open;
  open.event = "open";
  open.host = "b.example";
  log.write(open);
  const std::string text = pipe.read_all();
  std::size_t written = 0;
  std::uint64_t told = 0;
  std::istringstream lines(text);
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    events.push_back(json["event"]);
    if (json["event"] == "denied") ++written;
    if (json["event"] == "dropped") told += json["count"].get<std::uint64_t>();
  }
  EXPECT_THAT(text, HasSubstr("\"event\":\"open\",\"host\":\"b.example\",\"opened\":1,\"refused\":25000"));
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, 20U);
  EXPECT_EQ(written + told, 25000U);
  EXPECT_EQ(events.size(), written + 4) << "two notes of 10000, the rest, and what came then";
  EXPECT_EQ(events.back(), "open");
}

TEST(EventLogTest, ProgressHasALimitOfItsOwnAndNothingIsMissingForIt) {
  const Pipe pipe;
  EventLog log(pipe.writer.get(), EventLog::most_refusals, 1000);
  Event progress;
  progress.event = "progress";
  progress.host = "a.example";
  for (int i = 0; i < 1000; ++i) log.write(progress);
  for (const char* name : {"open", "close", "denied"}) {
    Event event;
    event.event = name;
    event.host = "a.example";
    log.write(event);
  }
  std::istringstream lines(pipe.read_all());
  std::vector<std::string> events;
  std::uint64_t seq = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    EXPECT_EQ(json["seq"], seq++);
    EXPECT_EQ(json["refused"], json["event"] == "denied" ? 1 : 0);
    events.push_back(json["event"]);
  }
  EXPECT_GT(events.size(), 5U);
  EXPECT_LT(events.size(), 20U);
  events.erase(events.begin(), events.end() - 4);
  EXPECT_THAT(events, testing::ElementsAre("progress", "open", "close", "denied"));
}

TEST(EventLogTest, AClosedReaderIsNoError) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  EventLog log(pipe.writer.get());
  pipe.reader.reset();
  Event event;
  event.event = "ready";
  log.write(event);
  EXPECT_FALSE(log.pending());
}

TEST(ProxyLogTest, TellsRefusals) {
  const std::string head = "NOTICE    Nov 26 13:47:44.486 [10626]: ";
  const auto tunnel = parse_proxy_line(head + "Proxying refused on filtered url \"y.test:443\"");
  ASSERT_TRUE(tunnel.event);
  EXPECT_EQ(tunnel.event->event, "denied");
  EXPECT_EQ(tunnel.event->host, "y.test");
  EXPECT_EQ(tunnel.event->port, 443U);
  EXPECT_EQ(tunnel.event->reason, "not on the allowlist");
  const auto plain =
      parse_proxy_line(head + "Proxying refused on filtered url \"http://x.test/p?token=secret\"");
  ASSERT_TRUE(plain.event);
  EXPECT_EQ(plain.event->host, "x.test");
  EXPECT_FALSE(plain.event->port);
  EXPECT_THAT(plain.event->reason, HasSubstr("plain HTTP"));
  EXPECT_EQ(format(*plain.event, now()).find("secret"), std::string::npos);
  const auto port = parse_proxy_line(
      "CONNECT   Nov 26 13:47:44.499 [10626]: Request (file descriptor 4): CONNECT x.test:80 HTTP/1.1");
  ASSERT_TRUE(port.event);
  EXPECT_EQ(port.event->host, "x.test");
  EXPECT_EQ(port.event->port, 80U);
}

// Each refusal as its client is told it, whichever check of tinyproxy's it was.
TEST(ProxyLogTest, HasTheReasonThatTheClientHears) {
  const std::string head = "NOTICE    Nov 26 13:47:44.486 [10626]: ";
  const std::string an_address = "it is an address, not a host name";
  const std::string no_name = "it is not a host name";
  const std::string other_port = "only port 443 is allowed";
  const std::string long_name = std::string(400, 'a') + ".test";
  struct Row {
    std::string target;
    std::string host;
    std::optional<std::uint32_t> port;
    std::string reason;
  };
  const std::vector<Row> of_the_filter{
      {"10.0.0.1:443", "10.0.0.1", 443, an_address},
      {"[::1]:443", "[::1]", 443, an_address},
      {"2130706433:443", "2130706433", 443, an_address},
      {"0x7f.1:443", "0x7f.1", 443, an_address},
      {"allowed.test.:443", "allowed.test.", 443, no_name},
      {"u@allowed.test:443", "u@allowed.test", 443, no_name},
      {"a_b.wild.test:443", "a_b.wild.test", 443, no_name},
      {long_name + ":443", long_name, 443, no_name},
      {"allowed.test", "allowed.test", {}, "it names no port"},
      {"allowed.test:0443", "allowed.test:0443", {}, other_port},
      {"allowed.test:443:443", "allowed.test:443:443", {}, other_port},
      {"allowed.test:https", "allowed.test:https", {}, other_port},
      {"https://allowed.test:443/x", "allowed.test", 443, "it is a URL, not a host"},
      {"localhost:443", "localhost", 443, "not on the allowlist"}};
  const std::vector<Row> of_the_port{{"allowed.test:80", "allowed.test", 80, other_port},
                                     {"allowed.test:80x", "allowed.test:80x", {}, other_port},
                                     {"allowed.test:-1", "allowed.test:-1", {}, other_port},
                                     {"u@allowed.test:80", "u@allowed.test", 80, no_name},
                                     {"10.0.0.1:80", "10.0.0.1", 80, an_address},
                                     {"[::1]:80", "[::1]", 80, an_address},
                                     {"fe80::1", "fe80::1", {}, an_address}};
  const auto check = [](const Row& row, const ProxyLine& told) {
    ASSERT_TRUE(told.event) << row.target;
    EXPECT_EQ(told.event->host, row.host);
    EXPECT_EQ(told.event->port, row.port) << row.target;
    EXPECT_EQ(told.event->reason, row.reason) << row.target;
    ConnectHead client;
    client.feed("CONNECT " + row.target + " HTTP/1.1\r\n\r\n");
    EXPECT_EQ(client.state() == ConnectHead::State::failed ? client.reason() : policy::not_listed, row.reason)
        << row.target;
  };
  const auto request = [](const std::string& target) {
    return parse_proxy_line("CONNECT   Nov 26 13:47:44.499 [10626]: Request (file descriptor 4): CONNECT " +
                            target + " HTTP/1.1");
  };
  for (const Row& row : of_the_filter) {
    check(row, parse_proxy_line(head + "Proxying refused on filtered url \"" + row.target + "\""));
    EXPECT_FALSE(request(row.target).event) << row.target << " is told twice";
  }
  for (const Row& row : of_the_port) check(row, request(row.target));
  // tinyproxy cuts its lines.
  const auto cut = parse_proxy_line(head + "Proxying refused on filtered url \"" + std::string(700, 'a'));
  ASSERT_TRUE(cut.event);
  EXPECT_EQ(cut.event->reason, no_name);
}

TEST(ProxyLogTest, IsSilentOnWhatTheGuardTellsItself) {
  for (const std::string line :
       {"CONNECT   Nov 26 13:47:40.770 [1]: Request (file descriptor 4): CONNECT x.test:443 HTTP/1.1",
        "CONNECT   Nov 26 13:47:40.770 [1]: Connect (file descriptor 4): 127.0.0.1",
        "CONNECT   Nov 26 13:47:40.770 [1]: Established connection to upstream proxy \"127.0.0.1\" using "
        "file "
        "descriptor 5.",
        "DEBUG     Nov 26 13:47:40.770 [1]: done sending stored logs",
        "ERROR     Nov 26 13:47:40.770 [1]: read_request_line: Client (file descriptor: 4) closed socket "
        "before read.",
        "", "]: "}) {
    EXPECT_FALSE(parse_proxy_line(line).event) << line;
  }
  EXPECT_TRUE(parse_proxy_line("NOTICE    Nov 26 13:47:40.786 [1]: Reloading config file finished").started);
  EXPECT_TRUE(parse_proxy_line("ERROR     Nov 26 13:47:44.626 [1]: Bad regex in filter").event);
}

TEST(ProxyLogTest, CutsLinesAndBoundsThem) {
  LineSplitter splitter;
  splitter.feed("one\ntw");
  EXPECT_EQ(splitter.next(), "one");
  EXPECT_FALSE(splitter.next());
  splitter.feed("o\n");
  EXPECT_EQ(splitter.next(), "two");
  splitter.feed(std::string(100000, 'x') + "\nafter\n");
  EXPECT_EQ(splitter.next()->size(), LineSplitter::limit);
  EXPECT_EQ(splitter.next(), "after");
}

TEST(ReplyTest, SaysItInTheReasonPhraseAndInTheBody) {
  const std::string reply = refusal_reply(403, "example.com", "it is a private address", "Allow it so");
  EXPECT_THAT(reply,
              testing::StartsWith("HTTP/1.1 403 drydock refused example.com: it is a private address\r\n"));
  const std::string body = reply.substr(reply.find("\r\n\r\n") + 4);
  EXPECT_THAT(body, HasSubstr("drydock refused example.com"));
  EXPECT_THAT(body, HasSubstr("Allow it so"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: " + std::to_string(body.size())));
  EXPECT_THAT(refusal_reply(400, "a\r\nX: y", "b\r\nc", ""), testing::Not(HasSubstr("\r\nX: y")));
}

// A shorter name would be another one, and without the session the line is for another place.
TEST(ReplyTest, TheLineToTypeIsWholeForTheLongestName) {
  const std::string label(61, 'a');
  const std::string host = label + "." + label + "." + label + "." + label + ".test";
  ASSERT_EQ(host.size(), 252U);
  const std::string longest = "b" + host;
  for (const std::string& session : {std::string("0123abcd"), std::string(64, 'a')}) {
    const std::string reply = refusal_reply(403, longest, policy::not_listed, allow_hint(longest, session));
    EXPECT_THAT(reply, HasSubstr(": drydock egress allow " + longest + " --session " + session + "\n"));
  }
  const std::string hint =
      "If this host is meant to be a private one: drydock run --allow-private " + longest;
  EXPECT_THAT(refusal_reply(403, longest, "it is private", hint), testing::EndsWith("\n" + hint + "\n"));
  // What was asked for, and why not, may be of any length.
  const std::string much(100'000, 'x');
  EXPECT_LT(refusal_reply(403, much, much, much).size(), 3000U);
  EXPECT_EQ(refusal_reply(403, "a", "b", "c\nd\x1b").find("c\nd"), std::string::npos);
}

}  // namespace
}  // namespace drydock::guard
