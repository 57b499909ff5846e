#include "core/find_session.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

class FindSession : public ::testing::Test {
 protected:
  FindSession() {
    std::filesystem::create_directories(here + "/deep/er");
    std::filesystem::create_directories(root.path() + "/there");
    std::filesystem::create_directories(here + "-too");
    add("11111111", "", here, runtime::ContainerState::running);
    add("22222222", "named", root.path() + "/there", runtime::ContainerState::running);
    add("22aaaaaa", "", root.path() + "/there", runtime::ContainerState::exited);
  }
  void add(const std::string& id, const std::string& name, const std::string& project,
           runtime::ContainerState state) {
    Candidate candidate;
    candidate.session.id = id;
    candidate.session.name = name;
    candidate.session.project = project;
    candidate.session.agent_state = state;
    all.push_back(candidate);
  }
  std::string find(const std::string& wanted, const std::string& directory = "/",
                   const Need& need = a_live_session(), const Menu& menu = {}) const {
    return find_session(all, {"attach to", wanted, directory, &need, menu, {}}).session.id;
  }
  Error failure(const std::string& wanted, const std::string& directory = "/",
                const Need& need = a_live_session(), const Menu& menu = {}) const {
    try {
      find(wanted, directory, need, menu);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "nothing was thrown");
  }

  TempDir root;
  std::string here = std::filesystem::canonical(root.path()).string() + "/here";
  std::vector<Candidate> all;
};

TEST_F(FindSession, ByWhatItIsCalled) {
  EXPECT_EQ(find("11111111"), "11111111");
  EXPECT_EQ(find("11"), "11111111");
  EXPECT_EQ(find("named"), "22222222");
  EXPECT_EQ(find(here), "11111111");
  EXPECT_EQ(find(root.path() + "/there/../there"), "22222222") << "the ended one there does not count";
}

TEST_F(FindSession, OneThatHasEndedIsNotAnotherThatNeverWas) {
  SessionQuery query{"attach to", "33333333", "/", &a_live_session(), {}, {}};
  const auto failure_with = [&] {
    try {
      find_session(all, query);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "nothing was thrown");
  };
  query.ended = [](const std::string& id) {
    return id == "33333333" ? std::optional<std::string>("see its log") : std::nullopt;
  };
  EXPECT_EQ(std::string(failure_with().what()), "cannot attach to session '33333333': it has ended");
  EXPECT_EQ(failure_with().hint(), "see its log");
  query.wanted = "44444444";
  EXPECT_EQ(std::string(failure_with().what()),
            "cannot attach to session '44444444': there is no such session");
}

TEST_F(FindSession, TheMessageSpeaksOfWhatIsTested) {
  EXPECT_EQ(std::string(failure("22aaaaaa").what()),
            "cannot attach to session '22aaaaaa': it is no live session (ended)");
  EXPECT_EQ(failure("22aaaaaa").kind(), ErrorKind::not_found);
  EXPECT_EQ(find("22aaaaaa", "/", a_session()), "22aaaaaa");
  EXPECT_EQ(find("22"), "22222222") << "of those that begin so one lives";
  EXPECT_EQ(failure("22", "/", a_session()).kind(), ErrorKind::conflict);
  EXPECT_NE(failure("22", "/", a_session()).hint().find("22aaaaaa"), std::string::npos);
  EXPECT_EQ(failure("1").kind(), ErrorKind::not_found) << "one digit is no beginning";
  EXPECT_EQ(failure("nobody").kind(), ErrorKind::not_found);
}

TEST_F(FindSession, WithoutANameTheFolderDecides) {
  EXPECT_EQ(find("", here), "11111111");
  EXPECT_EQ(find("", here + "/deep/er"), "11111111");
  EXPECT_EQ(failure("", here + "-too").kind(), ErrorKind::usage) << "a name that only begins so";
  EXPECT_EQ(failure("", "/").kind(), ErrorKind::usage);
  EXPECT_NE(failure("", "/").hint().find("22222222"), std::string::npos);
  EXPECT_EQ(failure("", "/").hint().find("22aaaaaa"), std::string::npos);
  add("33333333", "", here, runtime::ContainerState::paused);
  EXPECT_EQ(failure("", here).kind(), ErrorKind::usage);
  EXPECT_EQ(failure("", here).hint().find("22222222"), std::string::npos) << "only this folder's are offered";
}

TEST_F(FindSession, AMenuIsAskedWhereThereIsOne) {
  std::size_t offered = 0;
  const Menu second = [&](const std::vector<const Candidate*>& list) {
    offered = list.size();
    return std::optional<std::size_t>(1);
  };
  EXPECT_EQ(find("", "/", a_live_session(), second), "22222222");
  EXPECT_EQ(offered, 2U);
  const Menu none = [](const auto&) { return std::optional<std::size_t>(); };
  const Menu wild = [](const auto&) { return std::optional<std::size_t>(99); };
  EXPECT_EQ(failure("", "/", a_live_session(), none).kind(), ErrorKind::usage);
  EXPECT_EQ(failure("", "/", a_live_session(), wild).kind(), ErrorKind::usage);
  all.clear();
  EXPECT_EQ(failure("", "/", a_live_session(), second).kind(), ErrorKind::usage);
}

}  // namespace
}  // namespace drydock::core
