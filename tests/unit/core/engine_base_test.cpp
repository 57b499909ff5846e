#include "core/engine_base.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent_images.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// On an image of the engine's, which has a shell, git and node in two layers.
class AgentImagesOnImages : public AgentImages {
 protected:
  AgentImagesOnImages() {
    request.base.base = "example.org/base:1";
    below.id = "sha256:0123";
    below.digests = {"example.org/base@sha256:4567"};
    below.os = "linux";
    below.architecture = image_architecture();
    engine.image_map["example.org/base:1"] = below;
    put("bin/sh", 0755);
    put("usr/bin/git", 0755);
    put("usr/bin/env", 0755);
    put("etc/os-release", 0644, "ID=debian\n");
    put("var/lib/dpkg/status", 0644,
        "Package: nodejs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 18.19.0+dfsg-6\n\n"
        "Package: gcc\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4:12\n");
    engine.on_save = [this](const std::string& path, std::uint64_t) { save(path); };
  }
  std::string base_root() const { return directory.path() + "/below"; }
  void put(const std::string& path, unsigned mode, const std::string& text = "x") const {
    fs::create_directories(fs::path(base_root() + "/" + path).parent_path());
    std::ofstream(base_root() + "/" + path) << text;
    fs::permissions(base_root() + "/" + path, fs::perms(mode));
  }
  void take(const std::string& path) const { fs::remove_all(base_root() + "/" + path); }
  // As an engine does: its id is what it is asked for.
  void save(const std::string& path) {
    ++saves;
    const std::string out = directory.path() + "/saved";
    fs::create_directories(out);
    run_checked({"tar", "-C", base_root(), "-cf", out + "/1.tar", "."});
    const Json about = {
        {"architecture", image_architecture()},
        {"os", "linux"},
        {"config",
         {{"Env", {"PATH=/usr/bin:/bin", "MARK=kept"}},
          {"User", "1"},
          {"Volumes", {{"/data", Json::object()}}}}},
        {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + sha256_of_file(out + "/1.tar")}}}},
        {"history", Json::array({{{"created_by", "base"}}})}};
    std::ofstream(out + "/c.json") << about.dump();
    std::ofstream(out + "/manifest.json")
        << Json::array({{{"Config", "c.json"}, {"RepoTags", nullptr}, {"Layers", {"1.tar"}}}}).dump();
    run_checked({"tar", "-C", out, "-cf", path, "1.tar", "c.json", "manifest.json"});
  }
  void make_node_agent(const std::string& range) {
    const std::string folder = directory.path() + "/package";
    std::ofstream(folder + "/bin/fifth") << "#!/usr/bin/env -S node --no-warnings\n";
    std::ofstream(folder + "/package.json") << Json{{"engines", {{"node", range}}}}.dump();
    run_checked({"tar", "-C", directory.path(), "-czf", archive, "package"});
    publish("latest", "1.0.1", "sha512-" + sha512_base64_of_file(archive));
  }
  runtime::ImageReport below;
  int saves = 0;
};

TEST_F(AgentImagesOnImages, AreItsLayersAndThePackagesOnTop) {
  ensure_agent_image(engine, agent, request);
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_EQ(in_layer(0, "./etc/os-release"), "ID=debian\n");
  EXPECT_THAT(in_layer(1, "opt/drydock/npm/@fifth/cli/bin/fifth"), HasSubstr("echo fifth"));
  EXPECT_EQ(in_layer(1, "etc/fifth/policy.json"), "{}");
  EXPECT_EQ(config.at("rootfs").at("diff_ids").size(), 2U);
  EXPECT_EQ(config.at("rootfs").at("diff_ids").at(1),
            "sha256:" + sha256_of_file(directory.path() + "/image/" + layers.at(1)));
  EXPECT_EQ(config.at("history").size(), 2U);
  const Json& made = config.at("config");
  EXPECT_EQ(made.at("Cmd"), Json::array({"fifth"}));
  EXPECT_THAT(made.at("Env").get<std::vector<std::string>>(),
              ElementsAre("MARK=kept", "PATH=/usr/local/bin:/usr/bin:/bin"));
  EXPECT_EQ(made.count("User") + made.count("Volumes"), 0U) << "what drydock says itself";
  EXPECT_EQ(made.at("Labels").at(image_base_label), "example.org/base:1");
  EXPECT_EQ(made.at("Labels").at(image_base_id_label), "sha256:0123");
  EXPECT_EQ(made.at("Labels").at(image_base_digest_label), "example.org/base@sha256:4567");
  EXPECT_THAT(engine.calls(), Contains("images.save sha256:0123"))
      << "what was looked at, not what has its name by now";
}

TEST_F(AgentImagesOnImages, SayWhatTheBaseIs) {
  const AgentImage made = ensure_agent_image(engine, agent, request);
  EXPECT_EQ(in_layer(1, std::string(image_sbom_path).substr(1)), made.sbom);
  const Json components = Json::parse(made.sbom).at("components");
  EXPECT_EQ(components.at(1).at("type"), "container");
  EXPECT_EQ(components.at(1).at("name"), "example.org/base:1");
  EXPECT_EQ(components.at(1).at("version"), "example.org/base@sha256:4567");
  EXPECT_EQ(components.at(2).at("purl"), "pkg:deb/debian/nodejs@18.19.0%2Bdfsg-6?arch=amd64");
}

TEST_F(AgentImagesOnImages, AreMadeOnceForOneBase) {
  ensure_agent_image(engine, agent, request);
  EXPECT_TRUE(ensure_agent_image(engine, agent, request).sbom.empty());
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(saves, 1) << "nothing to do";
  request.with_sbom = true;
  EXPECT_THAT(ensure_agent_image(engine, agent, request).sbom, HasSubstr("nodejs"));
  EXPECT_EQ(loads, 1);
  below.id = "sha256:89ab";
  engine.image_map["example.org/base:1"] = below;
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(loads, 2) << "another base is another image";
}

TEST_F(AgentImagesOnImages, WhatTheBaseLacksIsToldAndNothingIsMade) {
  ASSERT_EQ(failure(), "none") << "the control";
  request.base.no_cache = true;
  take("usr/bin/git");
  EXPECT_EQ(failure(), "cannot use base 'example.org/base:1': it has no program 'git'");
  put("usr/bin/git", 0644);
  EXPECT_THAT(failure(), HasSubstr("no program 'git'")) << "that is none to execute";
  take("bin/sh");
  EXPECT_THAT(failure(), HasSubstr("no '/bin/sh' (a shell), no program 'git'"));
  EXPECT_EQ(loads, 1);
}

TEST_F(AgentImagesOnImages, ItsProgramsNeedWhatStartsThem) {
  make_node_agent(">=18.0");
  EXPECT_THAT(failure(), HasSubstr("it has no program 'node'"));
  put("usr/bin/node", 0755);
  EXPECT_EQ(failure(), "none");
  make_node_agent("^18 || >=20");
  EXPECT_EQ(failure(), "none");
  make_node_agent(">=20.1");
  EXPECT_THAT(failure(), HasSubstr("it has node 18.19.0+dfsg-6 where 20.1 is needed"));
  put("usr/local/bin/node", 0755);
  request.base.no_cache = true;
  EXPECT_EQ(failure(), "none") << "one that is no package may have any version";
  take("usr/bin/env");
  EXPECT_THAT(failure(), HasSubstr("no '/usr/bin/env' (what starts 'fifth')"));
}

TEST_F(AgentImagesOnImages, AProgramNeedsItsLoader) {
  const std::string folder = directory.path() + "/package";
  fs::copy_file("/bin/true", folder + "/bin/fifth", fs::copy_options::overwrite_existing);
  run_checked({"tar", "-C", directory.path(), "-czf", archive, "package"});
  publish("latest", "1.0.2", "sha512-" + sha512_base64_of_file(archive));
  EXPECT_THAT(failure(), testing::ContainsRegex("it has no '/lib.*/ld.*' .what starts 'fifth'."));
}

TEST_F(AgentImagesOnImages, APackageOrProgramMustBeThere) {
  agent.programs = {"jq", "fifth"};  // this one comes with its package
  EXPECT_EQ(failure(), "cannot use base 'example.org/base:1': it has no program 'jq'");
  put("usr/bin/jq", 0755);
  request.base.packages = {"gcc"};
  EXPECT_EQ(failure(), "none");
  request.base.packages = {"gcc", "make"};
  EXPECT_EQ(failure(), "cannot use base 'example.org/base:1': it has no package 'make'");
  agent.packages = {"golang"};
  EXPECT_EQ(failure(), "cannot use base 'example.org/base:1': it has no package 'make', no package 'golang'");
}

// Not needed, but what an agent is used to.
TEST_F(AgentImagesOnImages, ToolsThatTheBaseLacksAreNamedBeforeItIsMade) {
  std::vector<std::string> warned;
  request.warn = [&](const std::string& text) {
    EXPECT_EQ(loads, 0);
    EXPECT_THAT(server.asked(), Not(Contains("/fifth.tgz"))) << "nothing was fetched before";
    warned.push_back(text);
  };
  for (const BaseTool& tool : base_tools()) put("usr/bin/" + tool.program, 0755);
  take("usr/bin/curl");
  take("usr/bin/rg");
  put("usr/bin/xz", 0644);
  ASSERT_EQ(failure(), "none");
  ASSERT_THAT(warned, SizeIs(1));
  EXPECT_THAT(
      warned[0],
      HasSubstr("base 'example.org/base:1' has no curl, ripgrep (rg), xz-utils (xz), which drydock's"));
  warned.clear();
  ASSERT_EQ(failure(), "none");
  EXPECT_THAT(warned, SizeIs(0)) << "nothing is made";
  request.base.no_cache = true;
  request.warn = [&](const std::string& text) { warned.push_back(text); };
  for (const char* program : {"curl", "rg", "xz"}) put("opt/" + std::string(program), 0755);
  ASSERT_EQ(failure(), "none");
  EXPECT_THAT(warned, SizeIs(1)) << "they are not where the image's PATH looks";
  for (const char* program : {"curl", "rg", "xz"}) put("usr/bin/" + std::string(program), 0755);
  warned.clear();
  ASSERT_EQ(failure(), "none");
  EXPECT_THAT(warned, SizeIs(0)) << "the control: it has them all";
}

TEST(AgentBases, TheToolsAreThoseOfTheirPackages) {
  std::vector<std::string> packages{"ca-certificates"};
  for (const BaseTool& tool : base_tools()) packages.push_back(tool.package);
  EXPECT_THAT(packages, testing::UnorderedElementsAreArray(base_packages()));
}

TEST_F(AgentImagesOnImages, ItsSymlinksAreFollowed) {
  fs::create_directories(base_root() + "/var/opt");
  fs::create_directory_symlink("var/opt", base_root() + "/opt");
  fs::create_directories(base_root() + "/etc/fifth");
  fs::permissions(base_root() + "/etc/fifth", fs::perms(0700));
  ensure_agent_image(engine, agent, request);
  EXPECT_THAT(in_layer(1, "var/opt/drydock/npm/@fifth/cli/bin/fifth"), HasSubstr("echo fifth"));
  EXPECT_THAT(listing(1), Not(HasSubstr(" opt/"))) << "which would hide what is in the folder";
  EXPECT_THAT(listing(1), testing::ContainsRegex("drwx------ 0/0 .* etc/fifth/")) << "as the base has it";
  put("usr/local", 0644);
  request.base.no_cache = true;
  EXPECT_THAT(failure(), HasSubstr("something is in the way of '/usr/local/bin/fifth'"));
}

TEST_F(AgentImagesOnImages, AnImageForAnotherMachineIsRefused) {
  below.architecture = "s390x";
  engine.image_map["example.org/base:1"] = below;
  EXPECT_EQ(failure(), "cannot use base 'example.org/base:1': it is for s390x, and this machine is " +
                           image_architecture());
  below.os = "windows";
  engine.image_map["example.org/base:1"] = below;
  EXPECT_THAT(failure(), HasSubstr("it is for windows"));
  EXPECT_EQ(saves, 0);
  request.base.base = "example.org/none";
  EXPECT_THAT(failure(), HasSubstr("does not have it"));
}

TEST_F(AgentImagesOnImages, OfAListHaveANameOfTheirOwn) {
  request.list = {"gcc", "nodejs"};
  EXPECT_EQ(ensure_agent_image(engine, agent, request).image.reference,
            agent_image_reference("fifth", {"gcc", "nodejs"}));
  EXPECT_EQ(config.at("config").at("Labels").at(image_list_label), "gcc nodejs");
  request.list = {"gcc", "make"};
  EXPECT_THAT(failure(), HasSubstr("no package 'make'"));
  request.list = {"gcc"};
  ensure_agent_image(engine, agent, request);
  request.list = {};
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(loads, 3) << "none takes the place of another";
  std::vector<std::string> stale;
  for (const StaleImage& image : stale_agent_images(engine, {{}, {"gcc"}})) stale.push_back(image.list);
  EXPECT_THAT(stale, ElementsAre("gcc nodejs"));
  engine.image_map[agent_image_reference("fifth", {"gcc", "nodejs"})].labels[image_user_label] = "4711";
  EXPECT_THAT(stale_agent_images(engine, {}), SizeIs(1)) << "not what somebody else made";
}

TEST_F(AgentImagesOnImages, OfAListAreMadeForAnAgentThatNeedsNoneToo) {
  agent.npm.clear();
  agent.files.clear();
  agent.command = {"sh"};
  EXPECT_EQ(failure(), "cannot build image of agent 'fifth': it runs in the base image");
  request.list = {"gcc"};
  EXPECT_EQ(failure(), "none");
}

TEST(NodeVersions, AreCompared) {
  EXPECT_EQ(least_version(">=20.1"), "20.1");
  EXPECT_EQ(least_version("^18.17.0 || >= 20"), "18.17.0");
  EXPECT_EQ(least_version("22.x"), "22.");
  EXPECT_EQ(least_version("<21"), "") << "not understood: anything goes";
  EXPECT_EQ(least_version("*"), "");
  EXPECT_TRUE(is_at_least("1:18.19.0+dfsg-6", "18"));
  EXPECT_TRUE(is_at_least("22.1.0-r0", "22.1"));
  EXPECT_FALSE(is_at_least("18.19.0", "18.20"));
  EXPECT_TRUE(is_at_least("v20", "18.20.1"));
}

TEST(Inventories, AreReadFromApkToo) {
  const auto packages =
      parse_apk_installed("C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:git\nV:2.45-r0\nA:x86_64");
  ASSERT_EQ(packages.size(), 2U);
  EXPECT_EQ(packages[1].name + " " + packages[1].version, "git 2.45-r0");
}

}  // namespace
}  // namespace drydock::core
