#include "core/capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/allowlist.hpp"
#include "policy/judge.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;

std::string tunnel(const std::string& host, const std::string& rule, const std::string& source) {
  return R"({"event":"open","host":")" + host + R"(","rule":")" + rule + R"(","source":")" + source + "\"}";
}

TEST(CaptureTest, ItsLinesAreWhatAnAllowlistTakes) {
  Capture capture;
  capture.add(tunnel("b.test", "*", capture_source));
  capture.add(R"({"event":"close","host":"b.test","rule":"*","source":"capture","sent":5,"received":7})");
  capture.add(tunnel("a.much.longer.test", "*", capture_source));
  capture.add(R"({"event":"close","host":"gone.test","rule":"*","source":"capture","reason":"refused"})");
  capture.add(tunnel("known.test", "known.test", "hosts:3"));
  capture.add(R"({"event":"denied","host":"10.0.0.1","reason":")" + std::string(policy::is_an_address) +
              "\"}");
  capture.add(R"({"event":"denied","host":"x\n# y","reason":"\u001b[31m"})");
  Capture with;
  with.add(tunnel("b.test", "*", capture_source));
  with.add(tunnel("metrics.test", "*", capture_source));
  const std::string lines = candidate_lines(capture, &with);
  EXPECT_THAT(lines, HasSubstr("b.test              # 1 tunnel, 5 B out, 7 B in\n"));
  EXPECT_THAT(lines, HasSubstr("# allowed already: known.test, by known.test (hosts:3); 1 tunnel"));
  EXPECT_THAT(lines, HasSubstr("# only with telemetry: metrics.test"));
  EXPECT_THAT(lines,
              HasSubstr("# refused all the same: 10.0.0.1, 1 time: it is an address, not a host name\n"));
  EXPECT_EQ(lines.find('\x1b'), std::string::npos);
  std::vector<std::string> entries;
  for (const Entry& entry : parse_allowlist_text(lines, "lines"))
    entries.push_back(entry.pattern.to_string());
  EXPECT_THAT(entries, testing::ElementsAre("a.much.longer.test", "b.test", "gone.test"));
  EXPECT_EQ(candidate_lines(capture, nullptr).find("telemetry"), std::string::npos);
}

TEST(CaptureTest, ANameThatAnAllowlistRefusesIsAComment) {
  Capture capture;
  for (const std::string host : {"a-.example.com", "xn--zz.test", "b.test"})
    capture.add(tunnel(host, "*", capture_source));
  const std::string lines = candidate_lines(capture, nullptr);
  EXPECT_THAT(lines,
              HasSubstr("# no line can be: a-.example.com, for a label begins or ends with '-'; 1 tun"));
  EXPECT_THAT(lines, HasSubstr("# no line can be: xn--zz.test, for "));
  EXPECT_THAT(lines, testing::StartsWith("b.test  # 1 tunnel"));
  const auto entries = parse_allowlist_text(lines, "lines");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries.front().pattern.to_string(), "b.test");
}

TEST(CaptureTest, ATunnelThatIsStillOpenCountsAndOneThatWasToldOfBeforeOnce) {
  const auto traffic = [](const std::string& event, const std::string& tunnel, const std::string& octets) {
    return R"({"event":")" + event + R"(","host":"b.test","rule":"*","source":"capture","tunnel":)" + tunnel +
           R"(,"sent":)" + octets + R"(,"received":)" + octets + "}";
  };
  Capture capture;
  capture.add(tunnel("b.test", "*", capture_source));
  capture.add(tunnel("b.test", "*", capture_source));
  capture.add(traffic("progress", "1", "70000"));
  capture.add(traffic("progress", "2", "80000"));
  capture.add(traffic("close", "1", "70001"));
  EXPECT_THAT(candidate_lines(capture, nullptr), HasSubstr("2 tunnels, 150001 B out, 150001 B in"));
}

TEST(CaptureTest, PassesOverWhatIsNoTunnel) {
  Capture capture;
  for (const char* line :
       {"", "text", "[]", R"({"event":"ready"})", R"({"event":"open"})", R"({"event":7,"host":"a"})",
        R"({"event":"open","host":"canary-1.drydock.invalid","rule":"*","source":"capture"})"}) {
    capture.add(line);
  }
  EXPECT_TRUE(capture.hosts().empty());
  EXPECT_EQ(candidate_lines(capture, nullptr), "");
}

TEST(CaptureTest, ARunThatFailedOrWasInterruptedIsNotMadeAgain) {
  EXPECT_EQ(why_not_again(0), "");
  EXPECT_EQ(why_not_again(1), "failed (exit status 1)");
  EXPECT_EQ(why_not_again(124), "failed (exit status 124)");
  EXPECT_EQ(why_not_again(130), "was interrupted (exit status 130)");
  EXPECT_EQ(why_not_again(255), "failed (exit status 255)");
}

TEST(CaptureTest, IsTheSameInJson) {
  Capture capture;
  capture.add(tunnel("b.test", "*", capture_source));
  Capture with;
  with.add(tunnel("metrics.test", "*", capture_source));
  const Json json = to_json(capture, &with);
  EXPECT_EQ(json["twice"], true);
  EXPECT_EQ(json["hosts"][0]["needed"], true);
  EXPECT_EQ(json["hosts"][1]["host"], "metrics.test");
  EXPECT_EQ(json["hosts"][1]["needed"], false);
}

}  // namespace
}  // namespace drydock::core
