#include "core/secrets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "core/invariants.hpp"
#include "core/plan_json.hpp"
#include "core/sessions.hpp"
#include "environment.hpp"
#include "sample_plan.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Secrets : public testing::Test {
 protected:
  Secrets() {
    environment.set("XDG_RUNTIME_DIR", folder.path() + "/runtime");
    for (const char* name : {"project", "runtime"}) fs::create_directory(folder.path() + "/" + name);
    project.path = folder.path() + "/project";
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder.path() + "/" + name) << text;
    return folder.path() + "/" + name;
  }
  // What is said instead; a value is never in it.
  std::string refusal(const std::vector<std::string>& requests) const {
    try {
      take_secrets(requests, project);
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty()) << error.what();
      EXPECT_THAT(error.what(), StartsWith("cannot pass secret '"));
      EXPECT_THAT(std::string(error.what()) + error.hint(), Not(HasSubstr("hush")));
      return error.what();
    }
    return "";
  }

  TempDir folder;
  test::Environment environment;
  Project project;
};

TEST_F(Secrets, AnEqualsSignNeedsAFile) {
  EXPECT_EQ(refusal({"A="}), "cannot pass secret 'A': no file is named");
}

TEST_F(Secrets, AVariableIsTakenOutOfTheEnvironment) {
  environment.set("DRYDOCK_TEST_TOKEN", "hush-hush");
  // What stands there is what other processes see of this one's environment.
  const char* const place = std::getenv("DRYDOCK_TEST_TOKEN");
  const auto secrets = take_secrets({"DRYDOCK_TEST_TOKEN"}, project);
  ASSERT_EQ(secrets.size(), 1U);
  EXPECT_EQ(secrets[0].name, "DRYDOCK_TEST_TOKEN");
  EXPECT_EQ(secrets[0].value, "hush-hush");
  EXPECT_EQ(std::getenv("DRYDOCK_TEST_TOKEN"), nullptr);
  EXPECT_EQ(std::string(place, 9), std::string(9, '\0'));
}

TEST_F(Secrets, AFileIsReadAsItIs) {
  const std::string file = write("key", std::string("line\n\0\n", 7));
  fs::create_symlink(file, folder.path() + "/link");
  const auto secrets = take_secrets({"a=" + file, "b=" + folder.path() + "/link"}, project);
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[0].value, std::string("line\n\0\n", 7));
  EXPECT_EQ(secrets[1].value, secrets[0].value);
}

TEST_F(Secrets, WhatIsNoneIsRefusedWithoutItsValue) {
  environment.set("DRYDOCK_TEST_TOKEN", std::nullopt);
  environment.set("DRYDOCK_TEST_EMPTY", "");
  for (const char* name : {"", "=x", ".", "../x", "a/b", "-x", "a b", "a\nb"})
    EXPECT_THAT(refusal({name}), HasSubstr("that is not a name")) << name;
  EXPECT_THAT(refusal({"DRYDOCK_TEST_TOKEN"}), HasSubstr("there is no such variable here"));
  EXPECT_THAT(refusal({"DRYDOCK_TEST_EMPTY"}), HasSubstr("it is empty"));
  EXPECT_THAT(refusal({"T=" + folder.path() + "/none"}), HasSubstr("No such file"));
  EXPECT_THAT(refusal({"T=" + folder.path()}), HasSubstr("is not a regular file"));
  ASSERT_EQ(::mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal({"T=" + folder.path() + "/pipe"}), HasSubstr("is not a regular file"));
  EXPECT_THAT(refusal({"T=/dev/zero"}), HasSubstr("is not a regular file"));
  const std::string file = write("one", "hush");
  EXPECT_THAT(refusal({"T=" + file, "T=" + file}), HasSubstr("it is given twice"));
  EXPECT_THAT(refusal({"T=" + write("large", std::string((512U << 10) + 1, 'x'))}),
              HasSubstr("larger than 512 KiB"));
  EXPECT_EQ(take_secrets({"T=" + write("largest", std::string(512U << 10, 'x'))}, project).size(), 1U);
  write("project/key", "hush");
  EXPECT_THAT(refusal({"T=" + folder.path() + "/project/key"}), HasSubstr("is in the project"));
  fs::create_symlink(folder.path() + "/project/key", folder.path() + "/outside");
  EXPECT_THAT(refusal({"T=" + folder.path() + "/outside"}), HasSubstr("is in the project"));
}

TEST_F(Secrets, FilesAreInMemoryForOneUserAndGoAgain) {
  const std::string session = "0123abcd";
  fs::create_directories(session_directory(session));
  const std::string directory = secrets_directory(session);
  write_secrets(directory, {{"one", "first"}, {"two", "second"}}, 1000, 1000);
  EXPECT_EQ(content(directory + "/one"), "first");
  EXPECT_EQ(content(directory + "/two"), "second");
  struct stat status {};
  ASSERT_EQ(::stat((directory + "/one").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0400U);
  EXPECT_EQ(status.st_uid, ::geteuid() == 0 ? 1000U : ::geteuid());
  ASSERT_EQ(::stat(directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  EXPECT_THROW(write_secrets(directory, {{"one", "again"}}, 1000, 1000), Error) << "somebody else's folder";
  remove_secrets(session);
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(Secrets, AFolderOnADiskIsNotUsed) {
  const std::string type = run_checked({"stat", "-f", "-c", "%T", folder.path()}).output;
  const std::string directory = secrets_directory("0123abcd");
  if (type == "tmpfs\n") {
    EXPECT_EQ(directory, session_directory("0123abcd") + "/secrets");
  } else {
    EXPECT_THAT(directory, StartsWith("/dev/shm/drydock-"));
    EXPECT_THROW(write_secrets(folder.path() + "/secrets", {{"one", "first"}}, 1000, 1000), Error);
    EXPECT_FALSE(fs::exists(folder.path() + "/secrets/one"));
  }
}

TEST_F(Secrets, ThePlanKnowsNamesAlone) {
  PlanRequest request = test::sample_request();
  request.secrets = {"TOKEN", "key.pem"};
  request.secret_variables = {"TOKEN"};
  request.secrets_directory = "/run/user/1000/drydock/sessions/0123abcd/secrets";
  const Plan plan = build_plan(request);
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
  EXPECT_THAT(plan.agent.binds,
              Contains(runtime::BindMount{request.secrets_directory, "/run/secrets", true}));
  EXPECT_THAT(to_json(plan)["secrets"], ElementsAre("TOKEN", "key.pem"));
  EXPECT_THAT(to_text(plan), HasSubstr("secret      key.pem\n"));
  EXPECT_EQ(plan.agent.environment.count("TOKEN"), 0U);
}

TEST_F(Secrets, ACommandGetsAVariableThroughAShell) {
  EXPECT_THAT(with_secret_variables({}, {"env", "-0"}), ElementsAre("env", "-0"));
  const auto wrapped = with_secret_variables({"TOKEN"}, {"printf", "%s", "a b"});
  ASSERT_EQ(wrapped.size(), 7U);
  EXPECT_THAT(wrapped[2], HasSubstr("$(cat /run/secrets/TOKEN)"));
  EXPECT_EQ(wrapped[6], "a b");
  EXPECT_TRUE(is_variable_name("A_1"));
  for (const char* name : {"", "1A", "a.b", "a-b", "a;b"}) EXPECT_FALSE(is_variable_name(name)) << name;
}

}  // namespace
}  // namespace drydock::core
