// A change of a live session's filter, with a guard that is the test: what it is told, and what is made of
// its answer.
#include "core/live_egress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "core/guard_config.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class LiveEgressTest : public testing::Test {
 protected:
  LiveEgressTest() {
    std::filesystem::permissions(directory.path(), std::filesystem::perms::owner_all);
    environment.set("XDG_RUNTIME_DIR", directory.path());
    environment.set("XDG_STATE_HOME", directory.path() + "/state");
    record.id = "0123abcd";
    record.mode = "contained";
    record.sidecars = {"sidecar"};
    engine.container_map["sidecar"].state = runtime::ContainerState::running;
    GuardSettings settings;
    settings.session = record.id;
    settings.address = runtime::Cidr::parse("10.231.0.0/29")->at(2);
    settings.clients = *runtime::Cidr::parse("10.231.0.0/29");
    for (const Entry& entry : parse_allowlist_entry("first.example", "--allow"))
      settings.allowlist.add(entry);
    settings.canary = canary_name(record.id);
    std::filesystem::create_directories(folder());
    const std::string json = make_guard_config(settings);
    write("guard.json", json);
    write("filter", LiveFilter(json).filter_text());
    engine.log_of = [this](const std::string&) { return answer(); };
  }

  std::string folder() const { return session_directory(record.id) + "/sidecar"; }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder() + "/" + name) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder() + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::uint64_t generation() const { return LiveFilter(read("guard.json")).generation(); }
  std::vector<EntryChange> allow(const std::string& host, std::int64_t expires = 0) {
    return change_live_filter(
        engine, record,
        [&](LiveFilter& filter) { return filter.allow(parse_allowlist_entry(host, "HOST"), expires); },
        200ms);
  }
  Error error_of(const std::string& host) {
    try {
      allow(host);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was refused";
    return {ErrorKind::internal, ""};
  }
  static std::string taken(std::uint64_t number) {
    return R"({"time":"T","event":"reload","verdict":"allowed","generation":)" + std::to_string(number) +
           "}\n";
  }

  TempDir directory;
  test::Environment environment;
  test::FakeEngine engine;
  SessionRecord record;
  // What the guard has in its log when it is looked at.
  std::function<std::string()> answer = [this] { return taken(generation()); };
};

TEST_F(LiveEgressTest, WritesBothFilesAndWaitsForTheGuard) {
  int looks = 0;
  answer = [&] { return ++looks < 3 ? std::string() : "noise\n" + taken(2) + R"({"event":"open"})" + "\n"; };
  EXPECT_EQ(allow("second.example").front().what, EntryChange::What::added);
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(generation(), 2U);
  EXPECT_THAT(read("filter"), HasSubstr("^second\\.example:443$\n"));
  EXPECT_EQ(read("filter"), LiveFilter(read("guard.json")).filter_text());
  for (const std::string name : {"filter", "guard.json"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder() + "/" + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0644U) << "the sidecar's user reads it";
  }
  const auto files = std::filesystem::directory_iterator(folder());
  EXPECT_EQ(std::distance(begin(files), end(files)), 2) << "nothing else is left";
}

TEST_F(LiveEgressTest, TheAgentsHostsFileFollowsOnceTheGuardHasTakenIt) {
  const std::string hosts = session_directory(record.id) + "/hosts";
  const std::string start = "127.0.0.1 localhost\n10.231.0.2 drydock-egress\n10.231.0.2 first.example\n";
  std::ofstream(hosts) << start;
  const auto now = [&] {
    std::ifstream file(hosts);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  };
  const auto guard = answer;
  answer = [&] {
    EXPECT_EQ(now(), start) << "the guard would refuse it";
    return guard();
  };
  allow("second.example");
  EXPECT_EQ(now(), start + "10.231.0.2 second.example\n");
  answer = guard;
  allow("*.third.example");
  EXPECT_EQ(now(), start + "10.231.0.2 second.example\n") << "no single name";
  change_live_filter(
      engine, record,
      [&](LiveFilter& filter) { return filter.revoke(parse_allowlist_entry("second.example", "HOST")); },
      200ms);
  EXPECT_EQ(now(), start);
  answer = [] { return std::string(); };
  error_of("fourth.example");
  EXPECT_EQ(now(), start) << "what the guard did not take is not there";
}

TEST_F(LiveEgressTest, WhatChangesNothingIsNotWritten) {
  answer = [] { return std::string(); };
  const std::string before = read("guard.json");
  EXPECT_EQ(allow("first.example").front().what, EntryChange::What::present);
  EXPECT_EQ(read("guard.json"), before);
}

TEST_F(LiveEgressTest, ARefusalPutsTheOldFilterBack) {
  const std::string before = read("filter");
  answer = [this] {
    return generation() == 2
               ? R"({"event":"reload","verdict":"denied","generation":1,"wanted":2,"reason":"the )"
                 R"(old rules stay in force: x"})"
                 "\n"
               : std::string();
  };
  const Error error = error_of("second.example");
  EXPECT_EQ(error.kind(), ErrorKind::refused);
  EXPECT_THAT(error.what(), HasSubstr("its guard did not take it: the old rules stay in force: x"));
  EXPECT_EQ(read("filter"), before);
  EXPECT_EQ(LiveFilter(read("guard.json")).entries().size(), 1U);
  EXPECT_EQ(generation(), 3U) << "a number is never used twice";
}

TEST_F(LiveEgressTest, SilenceAndOtherAnswersAreNoConsent) {
  const std::string before = read("filter");
  for (const std::string words :
       {"", "{\"event\":\"reload\"}\n", "{\"event\":\"reload\",\"verdict\":\"allowed\",\"generation\":1}\n",
        "{\"event\":\"reload\",\"verdict\":\"denied\",\"generation\":2,\"reason\":\"another\"}\n",
        "{\"event\":\"open\",\"host\":\"\\\"reload\\\"\",\"verdict\":\"allowed\",\"generation\":2}\n"}) {
    answer = [&] { return words; };
    const Error error = error_of("second.example");
    EXPECT_EQ(error.kind(), ErrorKind::timeout) << words;
    EXPECT_THAT(error.what(), HasSubstr("the old one was put back"));
    EXPECT_EQ(read("filter"), before);
    // So that each case asks for generation 2.
    write("guard.json", LiveFilter(read("guard.json")).guard_json(1));
  }
}

TEST_F(LiveEgressTest, ASignalPutsTheOldFilterBack) {
  const std::string before = read("filter");
  answer = []() -> std::string { throw Interrupted(2); };
  EXPECT_THROW(allow("second.example"), Interrupted);
  EXPECT_EQ(read("filter"), before);
  EXPECT_EQ(LiveFilter(read("guard.json")).entries().size(), 1U);
}

TEST_F(LiveEgressTest, NeedsASessionWithAProxyThatRuns) {
  engine.container_map["sidecar"].state = runtime::ContainerState::exited;
  EXPECT_EQ(error_of("second.example").kind(), ErrorKind::unavailable);
  engine.container_map["sidecar"].state = runtime::ContainerState::running;
  std::filesystem::remove_all(session_directory(record.id));
  EXPECT_EQ(error_of("second.example").kind(), ErrorKind::not_found);
  record.sidecars.clear();
  record.mode = "dood";
  EXPECT_THAT(error_of("second.example").hint(), HasSubstr("a dood session is not jailed"));
}

TEST_F(LiveEgressTest, TwoAtOnceLoseNothing) {
  std::thread other([this] {
    test::FakeEngine second;
    second.container_map["sidecar"].state = runtime::ContainerState::running;
    second.log_of = [this](const std::string&) { return taken(generation()); };
    for (int i = 0; i < 20; ++i) {
      change_live_filter(second, record, [&](LiveFilter& filter) {
        return filter.allow(parse_allowlist_entry("b" + std::to_string(i) + ".example", "HOST"), 0);
      });
    }
  });
  for (int i = 0; i < 20; ++i) allow("a" + std::to_string(i) + ".example");
  other.join();
  EXPECT_EQ(read_live_filter(record).entries().size(), 41U);
  EXPECT_EQ(generation(), 41U);
}

TEST_F(LiveEgressTest, WhatHasEndedIsNotRead) {
  allow("second.example", 1);
  EXPECT_EQ(LiveFilter(read("guard.json")).entries().size(), 2U);
  EXPECT_EQ(read_live_filter(record).entries().size(), 1U);
}

}  // namespace
}  // namespace drydock::core
