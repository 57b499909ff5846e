#include "core/groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/scope_exit.hpp"
#include "base/temp_file.hpp"
#include "core/allowlist.hpp"
#include "core/allowlist_file.hpp"
#include "environment.hpp"
#include "nobody.hpp"

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

// npm, as it says what it is set up with: it leaves out what has a password in it.
class GroupsOfNpm : public Groups {
 protected:
  GroupsOfNpm() {
    environment.set("HOME", directory.path());
    environment.set("PATH", directory.path() + "/bin");
    environment.set("PREFIX", std::nullopt);
    for (const char* name : {"registry", "userconfig", "globalconfig", "prefix"})
      set_option(name, std::nullopt);
    std::filesystem::create_directories(directory.path() + "/bin");
  }
  void set_option(std::string name, const std::optional<std::string>& value) {
    environment.set("npm_config_" + name, value);
    std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    environment.set("NPM_CONFIG_" + name, std::nullopt);
  }
  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = directory.path() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  void npm_says(const std::string& json) const {
    const std::string npm =
        file("bin/npm", "#!/bin/sh\n[ \"$*\" = '-g config list --json' ] && echo '" + json + "'\n");
    std::filesystem::permissions(npm, std::filesystem::perms(0755));
  }
  static std::vector<std::string> hosts() { return group_hosts("npm").value(); }
};

TEST_F(GroupsOfNpm, WithoutNpmItsFilesAreReadInItsOrder) {
  const std::string machine = "etc/npmrc";
  file(".npmrc", "@user:registry=https://user.example\n@both:registry=https://user-both.example\n");
  file("prefix/" + machine,
       "registry=https://prefix.example\n@both:registry=https://prefix-both.example\n"
       "@machine:registry=https://machine.example\n");
  set_option("prefix", directory.path() + "/prefix");
  EXPECT_THAT(hosts(), ElementsAre("prefix.example", "user-both.example", "machine.example", "user.example"));
  // The user's file may say where the machine's is, and the environment where either is.
  set_option("prefix", std::nullopt);
  file(".npmrc", "prefix=" + directory.path() + "/prefix\n");
  EXPECT_THAT(hosts(), ElementsAre("prefix.example", "prefix-both.example", "machine.example"));
  file(".npmrc", "prefix=/nonexistent\nglobalconfig = " + directory.path() + "/prefix/etc/npmrc\n");
  EXPECT_THAT(hosts(), ElementsAre("prefix.example", "prefix-both.example", "machine.example"));
  set_option("globalconfig", file("other/machine", "registry=https://other.example\n"));
  EXPECT_THAT(hosts(), ElementsAre("other.example"));
  set_option("userconfig", file("other/user", "@mine:registry=https://mine.example\n"));
  EXPECT_THAT(hosts(), ElementsAre("other.example", "mine.example"));
  environment.set("npm_config_@mine:registry", "https://first.example");
  EXPECT_THAT(hosts(), ElementsAre("other.example", "first.example"));
}

TEST_F(GroupsOfNpm, WithoutNpmItsFilesMeanWhatNpmTakesThemFor) {
  environment.set("ACME_HOST", "acme.example");
  environment.set("NONE", std::nullopt);
  file(".npmrc",
       "registry=https://npm.example/ ; ours\n@a:registry=https://${ACME_HOST}/x # theirs\n"
       "@b:registry=${NONE?}https://b.example\n@empty:registry=\n#@c:registry=https://c.example\n"
       "[section]\n@d:registry=https://d.example\n");
  EXPECT_THAT(hosts(), ElementsAre("npm.example", "acme.example", "b.example"));
  // Nothing in the folder that we are in says where npm's files are.
  file("here/rc", "registry=https://project.example\n");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path() + "/here");
  set_option("userconfig", "rc");
  const auto answer = group_hosts("npm");
  std::filesystem::current_path(before);
  EXPECT_FALSE(answer) << answer->front();
}

TEST_F(GroupsOfNpm, WhatItSaysOfItselfComesFirst) {
  npm_says(
      R"({"registry": "https://npm.example/", "@acme:registry": "https://acme.example", "userconfig": ")" +
      file("rc", "registry=https://file.example\n@acme:registry=https://file.example\n") + R"("})");
  EXPECT_THAT(hosts(), ElementsAre("npm.example", "acme.example"));
  const std::vector<Group> groups = all_groups();
  const auto npm = std::find_if(groups.begin(), groups.end(), [](const Group& g) { return g.name == "npm"; });
  EXPECT_EQ(npm->hosts[0].reason, "npm's registry");
  EXPECT_EQ(npm->hosts[1].reason, "npm's registry of @acme");
}

// The npm of this machine, if it has one, in a project that would like to say where packages come from.
TEST_F(GroupsOfNpm, NothingInAProjectCounts) {
  environment.set("PATH", "/usr/local/bin:/usr/bin:/bin");
  try {
    find_program("npm");
  } catch (const Error&) {
    GTEST_SKIP() << "npm is not installed";
  }
  set_option("prefix", directory.path() + "/prefix");
  file(".npmrc", "registry=https://npm.example\n");
  file("prefix/etc/npmrc", "@machine:registry=https://machine.example\n");
  const std::string other = file("other", "@other:registry=https://evil.example\n");
  file("project/package.json", "{}");
  file("project/.npmrc", "registry=https://evil.example\n@evil:registry=https://evil.example\nuserconfig=" +
                             other + "\nglobalconfig=" + other + "\n");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path() + "/project");
  const auto answer = group_hosts("npm");
  std::filesystem::current_path(before);
  EXPECT_THAT(answer.value(), ElementsAre("npm.example", "machine.example"));
}

// npm 11 says nothing of an address with a password in it.
TEST_F(GroupsOfNpm, ARegistryWithAPasswordIsFoundAndItIsNotTold) {
  const std::string rc = file("rc",
                              "registry=https://me:hush@npm.example/\n"
                              "@acme:registry=https://me:hush@acme.example/\n"
                              "@old:registry=http://me:hush@old.example/\n");
  npm_says(R"({"userconfig": ")" + rc + R"(", "globalconfig": "/nonexistent"})");
  testing::internal::CaptureStderr();
  EXPECT_THAT(hosts(), ElementsAre("npm.example", "acme.example"));
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("@npm is without the registry of '@old', 'http://old.example/'"));
  EXPECT_THAT(told, Not(HasSubstr("hush")));
  file("rc", "registry=http://me:hush@npm.example/\n");
  EXPECT_EQ(group_hosts("npm").error(), "npm's registry is 'http://npm.example/', and only https passes");
}

std::vector<std::string> names_of(const std::vector<GroupHost>& hosts) {
  std::vector<std::string> names;
  for (const GroupHost& host : hosts) names.push_back(host.host);
  return names;
}

TEST_F(Groups, OfAptTheSourcesThatCannotBeUsedAreTold) {
  const Distribution debian{"debian", "bookworm"};
  const std::vector<AptSource> mixed = parse_apt_list(
      "deb http://u:hush@old.example/debian bookworm main\n"
      "deb https://new.example/debian bookworm main\n"
      "deb tor+https://u:hush@tor.example/debian bookworm main\n"
      "deb mirror+https://u:hush@list.example/mirrors bookworm main\n"
      "deb file:/srv/mirror bookworm main\n");
  testing::internal::CaptureStderr();
  const auto hosts = hosts_of_apt(mixed, debian);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(names_of(hosts.value()), ElementsAre("new.example"));
  EXPECT_THAT(told, HasSubstr("@apt is without the source 'http://old.example/debian': only https passes"));
  EXPECT_THAT(told, HasSubstr("the source 'tor+https://tor.example/debian': apt reaches it through Tor"));
  EXPECT_THAT(told, HasSubstr("the source 'mirror+https://list.example/mirrors': it is a list of mirrors"));
  EXPECT_THAT(told, Not(HasSubstr("hush")));
  EXPECT_THAT(told, Not(HasSubstr("/srv/mirror")));
  EXPECT_EQ(hosts_of_apt({mixed[0]}, debian).error(),
            "the source 'http://old.example/debian' of this machine's apt cannot be used: only https passes");
  for (const std::vector<AptSource>& none : {std::vector<AptSource>{}, std::vector<AptSource>{mixed[4]}})
    EXPECT_EQ(hosts_of_apt(none, debian).error(),
              "this machine's apt has no source of bookworm that is on a host");
  for (const Distribution& other : {Distribution{"fedora", ""}, Distribution{"arch", "x"}, Distribution{}})
    EXPECT_EQ(hosts_of_apt(mixed, other).error(),
              "this machine has no apt of a known distribution, which are Debian and Ubuntu");
}

// From the files as apt has them: each host with the key that signs what it serves.
TEST_F(Groups, OfAptAMirrorOfACompanysOwnIsIn) {
  const std::string etc = directory.path() + "/apt";
  std::filesystem::create_directories(etc + "/sources.list.d");
  std::ofstream(etc + "/sources.list")
      << "deb [signed-by=/etc/apt/keyrings/acme.gpg] https://u:hush@acme.example/debian bookworm main\n"
         "deb https://u:hush@acme.example/security bookworm-security main\n";
  std::ofstream(etc + "/sources.list.d/inline.sources")
      << "Types: deb\nURIs: https://inline.example/debian\nSuites: bookworm bookworm-updates\n"
         "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"
         " -----END PGP PUBLIC KEY BLOCK-----\n";
  std::ofstream(etc + "/sources.list.d/mirrors.sources")
      << "Types: deb\nURIs: mirror+file://" << etc << "/mirrors\nSuites: bookworm\nComponents: main\n";
  std::ofstream(etc + "/mirrors") << "https://one.example/debian\nhttps://two.example/debian\n";
  std::ofstream(etc + "/sources.list.d/vendor.list")
      << "deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/apt stable main\n";
  testing::internal::CaptureStderr();
  const auto hosts =
      hosts_of_apt(with_mirrors(read_apt_sources(etc), Mirrors::all), {"debian", "bookworm"}).value();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(names_of(hosts), ElementsAre("acme.example", "inline.example", "one.example", "two.example"));
  EXPECT_EQ(hosts[0].reason, "apt's source of bookworm, signed with acme.gpg");
  EXPECT_EQ(hosts[1].reason, "apt's source of bookworm, signed with a key in the source itself");
  EXPECT_EQ(hosts[2].reason, "apt's source of bookworm");
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
  EXPECT_THAT(failure("@pypi").what(), HasSubstr("folder.hosts': it is a directory"));
  EXPECT_THAT(failure("@pypi").hint(), HasSubstr("put a file in its place"));
  std::filesystem::remove(user_groups_directory() + "/folder.hosts");
  write("large.hosts", std::string((1 << 20) + 1, '#'));
  EXPECT_THAT(failure("@pypi").what(), HasSubstr("it is larger than 1 MiB"));
}

TEST_F(Groups, WithoutPermissionTheFileOrTheFolderIsNamed) {
  write("mine.hosts", "a.example # why\n");
  const std::string folder = user_groups_directory();
  test::give_to_nobody(directory.path());
  const auto refused = [&](const std::string& path, mode_t mode) {
    EXPECT_EQ(::chmod(path.c_str(), 0), 0);
    const ScopeExit open([&] { ::chmod(path.c_str(), mode); });
    const test::AsNobody user;
    const Error error = failure("@pypi");
    EXPECT_THAT(error.what(), testing::EndsWith("': Permission denied"));
    return error.hint();
  };
  EXPECT_EQ(refused(folder + "/mine.hosts", 0600),
            "make it readable for you: chmod u+r " + folder + "/mine.hosts");
  EXPECT_EQ(refused(folder, 0700), "open the folder for yourself: chmod u+rwx " + folder);
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
