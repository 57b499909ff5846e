#include "cli/console.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"

namespace drydock::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class ConsoleTest : public testing::Test {
 protected:
  // What `action` writes to standard error.
  template <typename Action>
  static std::string talk(const Action& action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
  }
  Console console;
  Error error{ErrorKind::not_found, "cannot stop session 'x': there is none", "see: drydock list"};
};

TEST_F(ConsoleTest, AnErrorIsAMessageAndAHint) {
  error.add_note("podman answered HTTP 404");
  EXPECT_EQ(talk([&] { console.report(error, 1); }),
            "drydock: error: cannot stop session 'x': there is none\n  hint: see: drydock list\n");
  console.configure(false, 1, false);
  EXPECT_THAT(talk([&] { console.report(error, 1); }), HasSubstr("\n  note: podman answered HTTP 404\n"));
}

TEST_F(ConsoleTest, WithJsonAnErrorIsOneObject) {
  console.configure(false, 0, true);
  const std::string text = talk([&] { console.report(error, 125); });
  const Json json = parse_json(text, "the error")["error"];
  EXPECT_EQ(json["kind"], "not_found");
  EXPECT_EQ(json["message"], "cannot stop session 'x': there is none");
  EXPECT_EQ(json["hint"], "see: drydock list");
  EXPECT_EQ(json["exit_status"], 125);
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
}

TEST_F(ConsoleTest, WithJsonBytesThatAreNoTextDoNotBreakIt) {
  console.configure(false, 0, true);
  const std::string text =
      talk([&] { console.report(Error(ErrorKind::engine, "cannot do '\xff\xfe\x1b'"), 1); });
  EXPECT_NO_THROW(parse_json(text, "the error"));
}

TEST_F(ConsoleTest, NothingFromOutsideControlsTheTerminal) {
  const std::string text =
      talk([&] { console.report(Error(ErrorKind::engine, "cannot do 'x\x1b[2J'", "try\x07 it"), 1); });
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
}

TEST_F(ConsoleTest, QuietSilencesTalkButNotWarnings) {
  console.configure(true, 0, false);
  EXPECT_EQ(talk([&] { console.say("hello"); }), "");
  EXPECT_EQ(talk([&] { console.progress("working"); }), "");
  EXPECT_EQ(talk([&] { console.warn("careful"); }), "drydock: warning: careful\n");
  console.configure(false, 1, false);
  EXPECT_EQ(talk([&] { console.say("hello"); }), "drydock: hello\n");
  EXPECT_EQ(talk([&] { console.progress("working"); }), "drydock: working\n");
}

}  // namespace
}  // namespace drydock::cli
