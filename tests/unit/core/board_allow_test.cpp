#include "core/board_allow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using What = BoardKey::What;

class BoardAllowTest : public testing::Test {
 protected:
  std::string press(What what, const std::string& host = "a.test") {
    done.clear();
    return allow_by_key(
        {what, host}, {[&](const std::vector<Entry>& wanted) {
                         if (!session_error.empty()) throw Error(ErrorKind::timeout, session_error);
                         done.push_back("session " + wanted.at(0).pattern.to_string());
                       },
                       [&](What where, const std::vector<std::string>& hosts) {
                         if (!file_error.empty()) throw Error(ErrorKind::permission, file_error);
                         done.push_back((where == What::allow_project ? "project " : "user ") + hosts.at(0));
                       }});
  }
  std::string session_error;
  std::string file_error;
  std::vector<std::string> done;
};

TEST_F(BoardAllowTest, TheSessionIsChangedBeforeTheFile) {
  EXPECT_EQ(press(What::allow_session), "a.test is allowed for this session");
  EXPECT_THAT(done, ElementsAre("session a.test"));
  EXPECT_EQ(press(What::allow_project), "a.test is allowed for this session and this project");
  EXPECT_THAT(done, ElementsAre("session a.test", "project a.test"));
  EXPECT_EQ(press(What::allow_everywhere), "a.test is allowed for this session and every project");
  EXPECT_THAT(done, ElementsAre("session a.test", "user a.test"));
}

TEST_F(BoardAllowTest, NoFileIsChangedWhereTheSessionIsNot) {
  session_error = "cannot change the allowlist";
  for (const What what : {What::allow_session, What::allow_project, What::allow_everywhere}) {
    EXPECT_EQ(press(what), "nothing was allowed: cannot change the allowlist");
    EXPECT_THAT(done, testing::IsEmpty());
  }
  session_error.clear();
  EXPECT_THAT(press(What::allow_project, "a b"), testing::StartsWith("nothing was allowed: cannot allow "));
  EXPECT_THAT(done, testing::IsEmpty());
}

TEST_F(BoardAllowTest, AFileThatStaysAsItWasIsToldBesideTheSession) {
  file_error = "cannot write file 'f': read-only";
  EXPECT_EQ(press(What::allow_project),
            "a.test is allowed for this session alone: cannot write file 'f': read-only");
  EXPECT_EQ(press(What::allow_everywhere),
            "a.test is allowed for this session alone: cannot write file 'f': read-only");
  EXPECT_THAT(done, ElementsAre("session a.test"));
}

}  // namespace
}  // namespace drydock::core
