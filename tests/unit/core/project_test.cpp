#include "core/project.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Optional;

// A home of our own under a folder of our own, with credentials in it.
class ProjectTest : public testing::Test {
 protected:
  ProjectTest() {
    top = fs::canonical(directory.path()).string();
    home = make("homes/user");
    for (const char* name : {".ssh", ".gnupg/private-keys-v1.d", ".aws", ".kube", ".docker", "code/demo"}) {
      make("homes/user/" + std::string(name));
    }
    environment.set("HOME", home);
    environment.set("XDG_CONFIG_HOME", home + "/.config");
    environment.set("XDG_RUNTIME_DIR", make("runtime"));
    environment.set("SSH_AUTH_SOCK", make("agents") + "/ssh.sock");
    environment.set("GPG_AGENT_INFO", std::nullopt);
  }
  std::string make(const std::string& name) {
    fs::create_directories(top.empty() ? directory.path() + "/" + name : top + "/" + name);
    return top + "/" + name;
  }
  static void expect_refusal(const std::string& path, const std::string& words) {
    try {
      const Project project = resolve_project(path);
      FAIL() << "took " << project.path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("cannot use project '" + path + "': "));
      EXPECT_THAT(error.what(), HasSubstr(words));
      EXPECT_FALSE(error.hint().empty());
    }
  }

  TempDir directory;
  std::string top;
  std::string home;
  test::Environment environment;
};

TEST_F(ProjectTest, TakesAFolderBelowTheHome) {
  const Project project = resolve_project(home + "/code/demo");
  EXPECT_EQ(project.path, home + "/code/demo");
  EXPECT_EQ(project.name, "demo");
  EXPECT_THAT(project.key, MatchesRegex("demo-[0-9a-f]{8}"));
  EXPECT_EQ(mount_refusal(project.path), std::nullopt);
}

TEST_F(ProjectTest, RefusesWholeFileSystemAndHomes) {
  expect_refusal("/", "it is the whole file system");
  expect_refusal(home, "it is your home folder");
  expect_refusal(home + "/", "it is your home folder");
  expect_refusal(home + "/code/..", "it is your home folder");
  expect_refusal(top + "/homes", "it contains your home folder");
  expect_refusal(top, "it contains your home folder");
  // $HOME may be anything: the other one is kept from a container too.
  EXPECT_EQ(home_directory(), home);
  ASSERT_NE(login_directory(), home) << "the test has a home of its own";
  expect_refusal(login_directory(), "home folder");
}

TEST_F(ProjectTest, RefusesCredentialsAndWhatIsInThem) {
  for (const char* name : {".ssh", ".gnupg", ".aws", ".kube", ".docker"}) {
    expect_refusal(home + "/" + name, "holds credentials or control sockets");
  }
  expect_refusal(home + "/.gnupg/private-keys-v1.d", "holds credentials or control sockets");
}

TEST_F(ProjectTest, RefusesItsOwnConfigurationAndWhatContainsIt) {
  make("homes/user/.config/drydock/agents");
  expect_refusal(home + "/.config/drydock", "holds credentials");
  expect_refusal(home + "/.config/drydock/agents", "holds credentials");
  expect_refusal(home + "/.config", "it contains '" + home + "/.config/drydock'");
  // Somewhere else, when XDG says so.
  environment.set("XDG_CONFIG_HOME", make("elsewhere"));
  make("elsewhere/drydock");
  expect_refusal(top + "/elsewhere", "it contains '" + top + "/elsewhere/drydock'");
}

TEST_F(ProjectTest, RefusesWhereControlSocketsAre) {
  std::ofstream{top + "/agents/ssh.sock"};
  expect_refusal(top + "/agents", "it contains '" + top + "/agents/ssh.sock'");
  expect_refusal(top + "/runtime", "control sockets");
  make("runtime/project");
  expect_refusal(top + "/runtime/project", "control sockets");
}

TEST_F(ProjectTest, SymlinksDoNotHelp) {
  fs::create_symlink(home + "/.ssh", home + "/code/keys");
  expect_refusal(home + "/code/keys", "holds credentials or control sockets");
  fs::create_symlink(home, top + "/shortcut");
  expect_refusal(top + "/shortcut", "it is your home folder");
  fs::create_symlink("/", home + "/code/everything");
  expect_refusal(home + "/code/everything", "it is the whole file system");
  expect_refusal(home + "/code/everything/etc", "'/etc' belongs to the system");
}

TEST_F(ProjectTest, CredentialsBehindASymlinkAreProtectedWhereTheyAre) {
  const std::string vault = make("vault/keys");
  fs::remove_all(home + "/.ssh");
  fs::create_symlink(vault, home + "/.ssh");
  expect_refusal(vault, "holds credentials or control sockets");
  expect_refusal(top + "/vault", "it contains '" + vault + "'");
}

TEST_F(ProjectTest, AHomeBehindASymlinkIsStillAHome) {
  fs::create_symlink(home, top + "/link");
  environment.set("HOME", top + "/link");
  expect_refusal(home, "it is your home folder");
}

TEST_F(ProjectTest, RefusesSystemFolders) {
  for (const char* name : {"/etc", "/usr", "/usr/share", "/proc", "/proc/self", "/sys", "/dev", "/run"}) {
    expect_refusal(name, "belongs to the system");
  }
  for (const char* name : {"/home", "/tmp", "/var", "/opt", "/srv"}) {
    EXPECT_TRUE(mount_refusal(name)) << name;
  }
  EXPECT_FALSE(mount_refusal("/srv/projects/demo"));
  EXPECT_FALSE(mount_refusal("/usrlocal/demo"));
}

TEST_F(ProjectTest, NamesThatOnlyBeginLikeASecretAreNone) {
  EXPECT_EQ(resolve_project(make("homes/user/.sshuttle")).name, "sshuttle");
  EXPECT_EQ(resolve_project(make("homes/user2")).name, "user2");
}

TEST_F(ProjectTest, SaysWhatIsWrongWithWhatIsNoFolder) {
  const std::string file = home + "/code/file";
  std::ofstream{file};
  for (const auto& [path, words] : {std::pair{file, "it is not a folder"},
                                    {home + "/none", "No such file"},
                                    {std::string(), "No such file"}}) {
    try {
      resolve_project(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  }
}

TEST_F(ProjectTest, NamesAreFitForObjects) {
  const std::vector<std::pair<std::string, std::string>> names{
      {"My Project", "my-project"},
      {"a__b..c", "a-b-c"},
      {"-x-", "x"},
      {"\xc3\xbc\xc3\xbc", "project"},
      {"UPPER9", "upper9"},
      {std::string(60, 'n'), std::string(32, 'n')},
      {std::string(31, 'n') + "--x", std::string(31, 'n')}};
  for (const auto& [folder, name] : names) {
    EXPECT_EQ(resolve_project(make("homes/user/code/" + folder)).name, name) << folder;
  }
}

TEST_F(ProjectTest, KeysTellFoldersOfOneNameApart) {
  const std::string one = make("homes/user/code/a/same");
  const std::string other = make("homes/user/code/b/same");
  EXPECT_NE(resolve_project(one).key, resolve_project(other).key);
  EXPECT_EQ(resolve_project(one).name, resolve_project(other).name);
  fs::create_symlink(one, home + "/code/link");
  EXPECT_EQ(resolve_project(home + "/code/link").key, resolve_project(one).key);
  EXPECT_EQ(resolve_project(one + "/").key, resolve_project(one).key);
}

TEST_F(ProjectTest, TheHomeIsTheEnvironmentsWhenThatIsAPath) {
  EXPECT_EQ(home_directory(), home);
  EXPECT_EQ(state_directory().find(home + "/"),
            std::getenv("XDG_STATE_HOME") != nullptr ? std::string::npos : 0);
  for (const char* none : {"", "relative/path", ".", "/does/not/exist", "/etc/passwd"}) {
    environment.set("HOME", none);
    EXPECT_EQ(home_directory(), login_directory()) << none;
  }
  environment.set("HOME", std::nullopt);
  EXPECT_EQ(home_directory(), login_directory());
  EXPECT_THAT(home_directories(), testing::SizeIs(1));
}

TEST_F(ProjectTest, ListsWhatIsProtected) {
  const auto paths = protected_paths();
  for (const char* name : {"/.ssh", "/.gnupg", "/.aws", "/.kube", "/.docker", "/.config/drydock"}) {
    EXPECT_THAT(paths, Contains(home + name));
    EXPECT_THAT(paths, Contains(login_directory() + name));
  }
  EXPECT_THAT(paths, Contains(top + "/agents/ssh.sock"));
}

}  // namespace
}  // namespace drydock::core
