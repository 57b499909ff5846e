#include "core/groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "core/allowlist.hpp"
#include "core/allowlist_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Groups : public testing::Test {
 protected:
  Groups() { environment.set("XDG_CONFIG_HOME", directory.path()); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(user_groups_directory());
    std::ofstream(user_groups_directory() + "/" + name) << text;
  }
  // The error of an allowlist that names a group.
  static Error failure(const std::string& entry) {
    try {
      parse_allowlist_entry(entry, "test");
    } catch (const Error& error) {
      return error;
    }
    return {ErrorKind::internal, "there was no error"};
  }
  TempDir directory;
  test::Environment environment;
};

TEST_F(Groups, TheShippedOnesAreExactNamesWithReasons) {
  std::vector<std::string> names;
  for (const Group& group : file_groups()) {
    names.push_back(group.name);
    EXPECT_TRUE(group.shipped);
    EXPECT_THAT(group.summary, Not(IsEmpty())) << group.name;
    EXPECT_EQ(parse_allowlist_entry("@" + group.name, "test").size(), group.hosts.size());
    std::vector<std::string> hosts;
    for (const GroupHost& host : group.hosts) {
      hosts.push_back(host.host);
      EXPECT_THAT(host.reason, Not(IsEmpty())) << host.host;
      const auto pattern = parse_host_pattern(host.host);
      ASSERT_TRUE(pattern) << host.host;
      EXPECT_EQ(pattern->kind, HostPattern::Kind::exact) << host.host;
      EXPECT_EQ(pattern->to_string(), host.host);
    }
    EXPECT_EQ(group_hosts(group.name).value(), hosts);
  }
  EXPECT_THAT(names, ElementsAre("crates", "github", "golang", "pypi"));
  EXPECT_FALSE(group_hosts(""));
}

TEST_F(Groups, OfTheUsersOwnAreFiles) {
  write("wiki.hosts",
        "\xef\xbb\xbf# Our wiki.\r\n# More.\r\n\r\nWiki.Example # the pages\r\n*.files.example\t#what is in "
        "them\r\n");
  write("wiki.hosts~", "nonsense");
  EXPECT_EQ(parse_allowlist_entry("@Wiki", "test").size(), 2U);
  EXPECT_THAT(group_names(), ElementsAre("apt", "crates", "github", "golang", "npm", "pypi", "wiki"));
  const Group group = file_groups().back();
  EXPECT_EQ(group.name, "wiki");
  EXPECT_EQ(group.summary, "Our wiki.");
  EXPECT_EQ(group.origin, user_groups_directory() + "/wiki.hosts");
  EXPECT_FALSE(group.shipped);
  ASSERT_EQ(group.hosts.size(), 2U);
  EXPECT_EQ(group.hosts[0].host, "wiki.example");
  EXPECT_EQ(group.hosts[0].reason, "the pages");
  EXPECT_EQ(group.hosts[1].host, "*.files.example");
  EXPECT_EQ(group.hosts[1].reason, "what is in them");
}

TEST_F(Groups, OfNpmTheScopesRegistriesAreToo) {
  environment.set("HOME", directory.path());
  environment.set("PATH", "/nonexistent");
  environment.set("npm_config_registry", std::nullopt);
  environment.set("NPM_CONFIG_REGISTRY", std::nullopt);
  std::ofstream(directory.path() + "/.npmrc")
      << "registry = https://npm.example/\n; "
         "@no:registry=https://no.example\n@acme:registry=https://acme.example/npm/\n"
         "@old:registry=http://old.example\n@same:registry=https://npm.example\n//acme.example/"
         ":_authToken=hush\n";
  EXPECT_THAT(group_hosts("npm").value(), ElementsAre("npm.example", "acme.example"));
}

TEST_F(Groups, WithoutNpmQuotesAndTheEnvironmentCountAsForNpm) {
  environment.set("HOME", directory.path());
  environment.set("PATH", "/nonexistent");
  environment.set("npm_config_registry", std::nullopt);
  environment.set("NPM_CONFIG_REGISTRY", std::nullopt);
  std::ofstream(directory.path() + "/.npmrc")
      << "registry=\"https://npm.example/\"\n@acme:registry = 'https://acme.example'\n";
  EXPECT_THAT(group_hosts("npm").value(), ElementsAre("npm.example", "acme.example"));
  environment.set("NPM_CONFIG_REGISTRY", "");
  EXPECT_THAT(group_hosts("npm").value(), ElementsAre("npm.example", "acme.example"));
  environment.set("NPM_CONFIG_REGISTRY", "https://upper.example/");
  EXPECT_THAT(group_hosts("npm").value(), ElementsAre("upper.example", "acme.example"));
  environment.set("npm_config_registry", "https://lower.example/");
  EXPECT_THAT(group_hosts("npm").value(), ElementsAre("lower.example", "acme.example"));
}

TEST_F(Groups, OfAptTheSourcesThatCannotBeUsedAreTold) {
  const Distribution debian{"debian", "bookworm"};
  const std::vector<AptSource> mixed = parse_apt_list(
      "deb http://u:hush@old.example/debian bookworm main\n"
      "deb https://new.example/debian bookworm main\n");
  testing::internal::CaptureStderr();
  const auto hosts = hosts_of_apt(mixed, debian);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(hosts.value(), ElementsAre("new.example"));
  EXPECT_THAT(told, HasSubstr("@apt is without the source 'http://old.example/debian': only https passes"));
  EXPECT_EQ(hosts_of_apt({mixed[0]}, debian).error(),
            "the source 'http://old.example/debian' of this machine's apt cannot be used: only https passes");
  EXPECT_EQ(hosts_of_apt({}, debian).error(), "this machine's apt has no source of the distribution's own");
  for (const Distribution& other : {Distribution{"fedora", ""}, Distribution{"arch", "x"}, Distribution{}})
    EXPECT_EQ(hosts_of_apt(mixed, other).error(),
              "this machine has no apt of a known distribution, which are Debian and Ubuntu");
}

// A user's file adds; nothing that drydock ships is changed by one.
TEST_F(Groups, NoNameIsTakenTwice) {
  for (const char* name : {"github", "npm", "apt"}) {
    const std::string file = std::string(name) + ".hosts";
    write(file, "evil.example # mine\n");
    const Error error = failure("@" + std::string(name));
    EXPECT_EQ(error.kind(), ErrorKind::conflict) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("/groups/" + file + "': the name '" + name + "' is taken by "));
    EXPECT_EQ(error.hint(), "give it another name");
    std::filesystem::remove(user_groups_directory() + "/" + file);
  }
  EXPECT_THAT(group_hosts("github").value(), Not(Contains("evil.example")));
}

struct Wrong {
  const char* text;
  const char* says;
};

TEST_F(Groups, AWrongLineIsNamed) {
  const Wrong table[] = {
      {"a.example # why\nb.example\n", "mine.hosts:2': 'b.example': it has no reason"},
      {"a.example # why\nb.example #\n", "mine.hosts:2': 'b.example': it has no reason"},
      {"# x\n\nhttps://a.example/ # why\n", "mine.hosts:3': 'https://a.example/': it is a URL"},
      {"10.0.0.1 # why\n", "mine.hosts:1': '10.0.0.1': "},
      {"a.example # why\nA.example. # again\n", "mine.hosts:2': 'A.example.': it is in the group already"},
      {"@github # all of it\n", "mine.hosts:1': '@github': a group holds no group"},
      {"*.com # why\n", "mine.hosts:1': '*.com': "},
      {"a.example # why\n\xff.example # why\n", "mine.hosts:2': "},
      {"# nothing\n", "mine.hosts': there is no host in it"},
      {"", "mine.hosts': there is no host in it"},
  };
  for (const Wrong& wrong : table) {
    write("mine.hosts", wrong.text);
    const Error error = failure("@github");
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << wrong.text;
    EXPECT_THAT(error.what(), testing::StartsWith("cannot read group '/")) << wrong.text;
    EXPECT_THAT(error.what(), HasSubstr(wrong.says)) << wrong.text;
    EXPECT_THAT(error.hint(), Not(IsEmpty())) << wrong.text;
  }
  // Without a group in it an allowlist needs none of this.
  EXPECT_EQ(parse_allowlist_text("a.example\n", "test").size(), 1U);
}

TEST_F(Groups, AWrongFileIsNamed) {
  write("My Own.hosts", "a.example # why\n");
  EXPECT_THAT(failure("@pypi").what(), HasSubstr("My Own.hosts': its name is not made of"));
  std::filesystem::remove(user_groups_directory() + "/My Own.hosts");
  std::filesystem::create_directories(user_groups_directory() + "/folder.hosts");
  EXPECT_THAT(failure("@pypi").what(), HasSubstr("folder.hosts"));
  std::filesystem::remove(user_groups_directory() + "/folder.hosts");
  write("large.hosts", std::string((1 << 20) + 1, '#'));
  EXPECT_THAT(failure("@pypi").what(), HasSubstr("over 1 MiB"));
}

TEST_F(Groups, OnTheCommandLineTheFileIsNamedToo) {
  write("mine.hosts", "b.example\n");
  try {
    parse_hosts({"@mine"}, "allow");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("cannot read group '/"));
  }
}

TEST_F(Groups, AComputedOneSaysWhyItHasNoHosts) {
  for (const Group& group : all_groups())
    EXPECT_EQ(group.hosts.empty(), !group.problem.empty()) << group.name;
  EXPECT_EQ(all_groups().size(), group_names().size());
}

}  // namespace
}  // namespace drydock::core
