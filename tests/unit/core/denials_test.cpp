#include "core/denials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/temp_file.hpp"
#include "core/farewell.hpp"
#include "core/host_verdict.hpp"
#include "core/watch.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"
#include "policy/line_chain.hpp"

namespace drydock::core {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string denied(const std::string& host, const std::string& reason = "not on the allowlist",
                   const std::string& time = "T1") {
  const Json event = {{"time", time},     {"event", "denied"},   {"host", host}, {"port", 443},
                      {"reason", reason}, {"verdict", "denied"}, {"opened", 0},  {"refused", 1}};
  return event.dump(-1, ' ', true, Json::error_handler_t::replace);
}

TEST(DenialsTest, CountsByHostAndReason) {
  Denials denials;
  denials.add(denied("a.example", "not on the allowlist", "T1"));
  denials.add(denied("b.example", "not on the allowlist", "T2"));
  denials.add(denied("a.example", "not on the allowlist", "T3"));
  denials.add(denied("a.example", "only port 443 is allowed", "T4"));
  const auto list = denials.list();
  ASSERT_THAT(list, SizeIs(3));
  EXPECT_EQ(list[0].host, "a.example");
  EXPECT_EQ(list[0].count, 2U);
  EXPECT_EQ(list[0].first, "T1");
  EXPECT_EQ(list[0].last, "T3");
  EXPECT_EQ(list[1].last, "T4") << "of two as frequent the more recent is first";
  EXPECT_EQ(denials.total(), 4U);
}

// --ask: tinyproxy's refusal comes first, in its own time, and a yes may follow.
TEST(DenialsTest, AYesTakesTheRefusalBeforeItBack) {
  const std::string yes =
      R"({"event":"answer","host":"a.example","verdict":"allowed","withdraws":1,"refused":0})";
  Denials denials;
  denials.add(denied("A.example"));
  denials.add(denied("b.example"));
  denials.add(denied("a.example", "only port 443 is allowed"));
  denials.add(yes);
  EXPECT_EQ(denials.total(), 2U);
  for (const Denial& denial : denials.list())
    EXPECT_FALSE(denial.host == "A.example" && denial.reason == "not on the allowlist");
  denials.add(yes);
  denials.add(denied("a.example"));
  EXPECT_EQ(denials.total(), 2U) << "also when it comes later";
  denials.add(denied("a.example"));
  EXPECT_EQ(denials.total(), 3U) << "the control";
  denials.add(R"({"event":"answer","host":"a.example","verdict":"denied","reason":"nobody said yes"})");
  EXPECT_EQ(denials.total(), 3U);
}

TEST(DenialsTest, ALogWithoutItsBeginningSaysSo) {
  Denials denials;
  policy::LineChain chain(41, std::string(64, 'a'));
  denials.add("of the program");
  denials.add(chain.seal(denied("a.example")));
  denials.add(chain.seal(denied("b.example")));
  EXPECT_EQ(denials.gone(), 41U);
  EXPECT_THAT(summary_of(denials, "0123abcd", "drydock egress allow"),
              testing::Contains(HasSubstr("its log is not whole: the first 41 lines are gone")));
  Denials whole;
  whole.add(policy::LineChain().seal(denied("a.example")));
  EXPECT_EQ(whole.gone(), 0U);
  EXPECT_THAT(summary_of(whole, "0123abcd", "drydock egress allow"), Each(Not(HasSubstr("not whole"))));
}

TEST(DenialsTest, PassesOverWhatIsNoRefusal) {
  Denials denials;
  for (const std::string& line :
       {std::string(), std::string("denied"), std::string("{\"denied\""), std::string("[\"denied\"]"),
        std::string(R"({"event":"reload","verdict":"denied","reason":"x"})"),
        std::string(R"({"event":"denied","host":1})"), denied("canary-0123.drydock.invalid"),
        denied("unlisted.drydock.invalid"),
        std::string(R"({"event":"open","host":"\"denied\"","verdict":"allowed"})")})
    denials.add(line);
  EXPECT_EQ(denials.total(), 0U);
  EXPECT_THAT(denials.list(), IsEmpty());
}

TEST(DenialsTest, IsBounded) {
  Denials denials;
  for (std::size_t i = 0; i < Denials::limit + 50; ++i)
    denials.add(denied("h" + std::to_string(i) + ".example"));
  denials.add(denied("h0.example"));
  EXPECT_THAT(denials.list(), SizeIs(Denials::limit));
  EXPECT_EQ(denials.beyond(), 50U);
  EXPECT_EQ(denials.total(), Denials::limit + 51);
  EXPECT_EQ(denials.list().front().host, "h0.example");
}

TEST(DenialsTest, OnlyWhatALineWouldAdmitHasOne) {
  const std::string reason = "not on the allowlist";
  const std::string here = std::filesystem::current_path();
  EXPECT_EQ(allow_line("A.example", reason, "", here), "drydock egress allow a.example");
  EXPECT_EQ(allow_line("a.example", reason, "0123abcd", here),
            "drydock egress allow a.example --session 0123abcd");
  EXPECT_EQ(allow_line("a.example", "its name leads to 10.0.0.1, and it is for private use", "", here), "");
  for (const std::string host : {"10.0.0.1", "::1", "localhost", "", "*.example.com", ".example.com",
                                 "a_b.example", "a.example; rm -rf ~", "$(id).example", "--global",
                                 "-x.example", "@github", "a.example\n", "https://a.example"})
    EXPECT_EQ(allow_line(host, reason, "", here), "") << host;
}

TEST(DenialsTest, TheCommandIsForTheSessionsOwnProject) {
  const auto command = [](const std::string& project) {
    return allow_line("a.example", "not on the allowlist", "", project);
  };
  EXPECT_EQ(command("/srv/b"), "drydock egress allow --project /srv/b a.example");
  EXPECT_EQ(command("/srv/my b"), "drydock egress allow --project '/srv/my b' a.example");
  EXPECT_EQ(command("/srv/$(id)'b"), R"(drydock egress allow --project '/srv/$(id)'\''b' a.example)");
  for (const std::string project : {"", "/srv/a\nb", "/srv/a\x1b[2J", "/srv/\xff"})
    EXPECT_EQ(command(project), "in its folder: drydock egress allow a.example") << project;
}

TEST(DenialsTest, TheCommandIsForTheFolderOfTheShell) {
  const std::string here = std::filesystem::current_path();
  EXPECT_EQ(allow_command(here), "drydock egress allow");
  EXPECT_EQ(allow_command(here, {"a.example", "*.b.example", "@npm"}),
            "drydock egress allow a.example '*.b.example' @npm");
  // As drydock -C has it: the current folder is not the shell's.
  set_shell_folder("/srv/shell");
  EXPECT_EQ(allow_command("/srv/shell"), "drydock egress allow");
  EXPECT_EQ(allow_command(here), "drydock egress allow --project " + here);
  set_shell_folder("");
  EXPECT_EQ(allow_command(here), "drydock egress allow --project " + here);
  set_shell_folder(here);
}

TEST(DenialsTest, ASummaryIsShortAndFitForATerminal) {
  Denials none;
  EXPECT_THAT(summary_of(none, "0123abcd", "drydock egress allow"), IsEmpty());
  Denials denials;
  for (int i = 0; i < 15; ++i) denials.add(denied("h" + std::to_string(i) + ".example"));
  for (int i = 0; i < 3; ++i) denials.add(denied("\x1b[2J\x9b\nx\xe2\x80\xae" + std::string(5000, 'x')));
  denials.add(denied("h3.example"));
  denials.add(denied("10.0.0.1"));
  denials.add(denied("10.0.0.1"));
  const auto lines = summary_of(denials, "0123abcd", "drydock egress allow");
  ASSERT_THAT(lines, SizeIs(13));
  EXPECT_EQ(lines[0], "session 0123abcd was refused 21 times:");
  EXPECT_THAT(lines[1], HasSubstr(", 3 times: not on the allowlist"));
  EXPECT_EQ(lines[11], "  and 7 more hosts or reasons");
  EXPECT_THAT(lines[12], HasSubstr("drydock egress allow h3.example "));
  EXPECT_THAT(lines[12], Not(HasSubstr("10.0.0.1")));
  for (const std::string& line : lines) {
    EXPECT_LT(line.size(), 400U);
    for (const char c : line) EXPECT_FALSE((c >= 0 && c < 0x20) || c == 0x7f) << line;
    EXPECT_THAT(line, Not(HasSubstr("\xe2\x80\xae")));
  }
}

struct Heard : Talk {
  void say(const std::string& text) override { said.push_back(text); }
  void warn(const std::string& text) override { said.push_back("warning " + text); }
  void progress(const std::string&) override {}
  std::vector<std::string> said;
};

class FarewellTest : public testing::Test {
 protected:
  FarewellTest() {
    environment.set("XDG_RUNTIME_DIR", runtime.path());
    environment.set("XDG_STATE_HOME", runtime.path() + "/state");
    record.id = "0123abcd";
    record.project = project.path();
    record.sidecars = {"sidecar"};
    engine.container_map["sidecar"].state = runtime::ContainerState::running;
    std::filesystem::create_directories(session_directory(record.id));
    begin_watch(record.id, record.project);
    engine.log_of = [this](const std::string&) { return log; };
  }
  TempDir runtime;
  TempDir project;
  test::Environment environment;
  test::FakeEngine engine;
  SessionRecord record;
  Heard talk;
  std::string log = denied("a.example") + "\n" + denied("b.example") + "\n";
};

TEST_F(FarewellTest, TellsOnce) {
  say_farewell(engine, record, talk);
  ASSERT_THAT(talk.said, SizeIs(4));
  EXPECT_EQ(talk.said[0], "session 0123abcd was refused 2 times:");
  EXPECT_THAT(talk.said[3], HasSubstr("drydock egress allow --project " + record.project + " "));
  talk.said.clear();
  farewell_of(engine, talk)(record);
  EXPECT_THAT(talk.said, IsEmpty());
}

TEST_F(FarewellTest, SaysNothingOfASessionThatWasRefusedNothing) {
  log = R"({"event":"close","host":"a.example","opened":1,"refused":0})"
        "\n";
  say_farewell(engine, record, talk);
  EXPECT_THAT(talk.said, IsEmpty());
}

TEST_F(FarewellTest, ALogThatCannotBeReadIsNoFailure) {
  engine.container_map.clear();
  EXPECT_NO_THROW(say_farewell(engine, record, talk));
  EXPECT_THAT(talk.said, IsEmpty());
  EXPECT_FALSE(is_watched(record.id));
}

}  // namespace
}  // namespace drydock::core
