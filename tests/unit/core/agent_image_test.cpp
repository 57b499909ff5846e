#include "core/agent_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent_images.hpp"
#include "core/npm_registry.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST_F(AgentImages, AreTheBaseAndThePackagesOnTop) {
  const AgentImage made = ensure_agent_image(engine, agent, request);
  EXPECT_EQ(made.image.reference, agent_image_reference("fifth"));
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_THAT(in_layer(0, "./var/lib/dpkg/status"), HasSubstr("Package: bash"));
  EXPECT_THAT(in_layer(1, "opt/drydock/npm/@fifth/cli/bin/fifth"), HasSubstr("echo fifth"));
  EXPECT_EQ(in_layer(1, "etc/fifth/policy.json"), "{}");
  EXPECT_THAT(listing(1), HasSubstr("usr/local/bin/fifth -> /opt/drydock/npm/@fifth/cli/bin/fifth"));
  EXPECT_THAT(listing(1), HasSubstr("-rwxr-xr-x 0/0")) << "a command can be executed, and is root's";
  EXPECT_THAT(listing(1), Not(HasSubstr("1000/"))) << listing(1);
  EXPECT_EQ(config.at("config").at("Cmd"), Json::array({"fifth"}));
  EXPECT_EQ(config.at("config").at("Labels").at(image_packages_label), "@fifth/cli 1.0.0");
  EXPECT_EQ(config.at("rootfs").at("diff_ids").size(), 2U);
}

TEST_F(AgentImages, SayWhatWentIn) {
  const AgentImage made = ensure_agent_image(engine, agent, request);
  EXPECT_EQ(in_layer(1, std::string(image_sbom_path).substr(1)), made.sbom);
  const Json sbom = Json::parse(made.sbom);
  std::vector<std::string> urls;
  for (const Json& component : sbom.at("components")) urls.push_back(component.at("purl"));
  EXPECT_THAT(urls, ElementsAre("pkg:npm/%40fifth/cli@1.0.0", HasSubstr("deb/other/bash@5.2-1?arch=amd64")));
}

TEST_F(AgentImages, AreMadeOnceForOneContent) {
  ensure_agent_image(engine, agent, request);
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(loads, 1);
  const auto asked = server.asked();
  EXPECT_EQ(std::count(asked.begin(), asked.end(), "/fifth.tgz"), 1) << "the archive is kept";
  agent.files[0].text = "{\"deny\": []}";
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(loads, 2) << "another policy is another image";
  request.base.no_cache = true;
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(loads, 3);
}

TEST_F(AgentImages, ThatAreThereStayWhereTheRegistryIsAway) {
  request.base.base = bootstrap_keyword;
  request.registry = "https://127.0.0.1:1";
  EXPECT_THAT(failure(), HasSubstr("cannot download"));
  runtime::ImageReport report;
  report.labels = {{image_profile_label, profile_key(agent)}, {image_content_label, "0123"}};
  engine.image_map[agent_image_reference("fifth")] = report;
  EXPECT_EQ(ensure_agent_image(engine, agent, request).image.content, "0123");
  EXPECT_EQ(loads, 0);
  request.base.no_cache = true;
  EXPECT_THAT(failure(), HasSubstr("cannot download"));
  request.base.no_cache = false;
  agent.files[0].text = "{\"deny\": []}";
  EXPECT_THAT(failure(), HasSubstr("cannot download")) << "it is of another policy";
}

TEST_F(AgentImages, TakeTheVersionThatWasAskedFor) {
  publish("0.9.0", "0.9.0", "sha512-" + sha512_base64_of_file(archive));
  request.version = "0.9.0";
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(config.at("config").at("Labels").at(image_packages_label), "@fifth/cli 0.9.0");
  request.version = "0.8.0";
  EXPECT_THAT(failure(), HasSubstr("has no version '0.8.0'"));
}

TEST_F(AgentImages, AreNotMadeOfWhatHasAnotherDigest) {
  const TempFile other;
  other.write("something else");
  publish("latest", "1.0.0", "sha512-" + sha512_base64_of_file(other.path()));
  EXPECT_THAT(failure(), HasSubstr("does not have the digest that the registry names"));
  EXPECT_EQ(loads, 0);
  EXPECT_TRUE(fs::is_empty(directory.path() + "/cache/drydock/npm")) << "and it is not kept";
  publish("latest", "1.0.0", "");
  EXPECT_THAT(failure(), HasSubstr("the registry gives no SHA-512 digest"));
}

TEST_F(AgentImages, ACopyInTheCacheThatWasChangedIsFetchedAnew) {
  ensure_agent_image(engine, agent, request);
  for (const auto& entry : fs::directory_iterator(directory.path() + "/cache/drydock/npm"))
    std::ofstream(entry.path(), std::ios::app) << "more";
  request.base.no_cache = true;
  ensure_agent_image(engine, agent, request);
  const auto asked = server.asked();
  EXPECT_EQ(std::count(asked.begin(), asked.end(), "/fifth.tgz"), 2);
}

TEST_F(AgentImages, AnAnswerThatIsNoneIsTold) {
  server.set_answer("/%40fifth%2Fcli/latest",
                    "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(failure(), HasSubstr("the server answers 500"));
  server.set_body("/%40fifth%2Fcli/latest", "<html>");
  EXPECT_NE(failure(), "none");
  request.registry = "http://registry.invalid";
  EXPECT_THAT(failure(), HasSubstr("only https is spoken"));
  request.registry = "file:///etc";
  EXPECT_THAT(failure(), HasSubstr("only https is spoken"));
}

TEST_F(AgentImages, AreNotBuiltForAnAgentThatNeedsNone) {
  agent.npm.clear();
  agent.files.clear();
  EXPECT_EQ(failure(), "cannot build image of agent 'fifth': it runs in the base image");
  agent.packages = {"nodejs"};
  EXPECT_THAT(failure(), HasSubstr("the base is a file, and nothing is installed in it"));
}

// What an archive holds that would write elsewhere, or is no plain file.
TEST_F(AgentImages, AnArchiveThatLeavesItsPlaceIsRefused) {
  const std::string folder = directory.path() + "/hostile";
  fs::create_directories(folder + "/package");
  std::ofstream(folder + "/package/a") << "a";
  const auto unpack = [&](const std::vector<std::string>& arguments) {
    const std::string path = directory.path() + "/hostile.tgz";
    std::vector<std::string> argv{"tar", "-C", folder, "-czPf", path};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    run_checked(argv);
    const std::string target = directory.path() + "/out";
    fs::create_directories(target);
    try {
      unpack_release(path, {"x", "1", "", {}, {}}, target);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(unpack({"package"}), "none");
  EXPECT_THAT(unpack({"--transform", "s,package/a,package/../../a,", "package/a"}), HasSubstr("leaves it"));
  EXPECT_THAT(unpack({"--transform", "s,package/a,/etc/a,", "package/a"}), HasSubstr("leaves it"));
  fs::create_symlink("/etc/passwd", folder + "/package/link");
  EXPECT_THAT(unpack({"package"}), HasSubstr("is no plain file"));
  fs::remove(folder + "/package/link");
  fs::create_hard_link(folder + "/package/a", folder + "/package/b");
  EXPECT_THAT(unpack({"package"}), HasSubstr("is no plain file"));
  EXPECT_THAT(unpack({"--transform", "s,package/a,package/c,", "package/a"}), "none");
}

TEST_F(AgentImages, APathThatIsWantedMustBeThere) {
  agent.npm[0].commands["other"] = "bin/other";
  EXPECT_THAT(failure(), HasSubstr("it has no 'bin/other'"));
}

// A file as the base, which drydock has not made.
TEST_F(AgentImages, WhatAFileLacksIsToldAndNothingIsMade) {
  agent.programs = {"jq", "fifth"};  // this one comes with its package
  EXPECT_EQ(failure(), "cannot use base '" + request.base.base + "': it has no program 'jq'");
  EXPECT_THAT(server.asked(), Not(Contains("/fifth.tgz"))) << "nothing is fetched for it";
  const std::string root = directory.path() + "/root";
  put_program(root + "/usr/bin/jq");
  pack_base();
  EXPECT_EQ(failure(), "none") << "the control";
  EXPECT_EQ(loads, 1);
  fs::permissions(root + "/usr/bin/jq", fs::perms(0644));
  fs::remove(root + "/bin/sh");
  pack_base();
  EXPECT_EQ(failure(),
            "cannot use base '" + request.base.base + "': it has no '/bin/sh' (a shell), no program 'jq'");
  EXPECT_EQ(loads, 1);
}

TEST_F(AgentImages, ToolsThatAFileLacksAreNamed) {
  std::vector<std::string> warned;
  request.warn = [&](const std::string& text) { warned.push_back(text); };
  EXPECT_EQ(failure(), "none");
  ASSERT_THAT(warned, SizeIs(1));
  EXPECT_THAT(warned[0], HasSubstr("base '" + request.base.base + "' has no curl, "));
  EXPECT_THAT(warned[0], Not(HasSubstr("git"))) << "which it has";
}

TEST_F(AgentImages, OnAFileNeedWhatStartsThem) {
  std::ofstream(directory.path() + "/package/bin/fifth") << "#!/usr/bin/env node\n";
  run_checked({"tar", "-C", directory.path(), "-czf", archive, "package"});
  publish("latest", "1.0.1", "sha512-" + sha512_base64_of_file(archive));
  EXPECT_THAT(failure(), HasSubstr("no '/usr/bin/env' (what starts 'fifth'), no program 'node'"));
  EXPECT_EQ(loads, 0);
}

TEST_F(AgentImages, AFileMayBeCompressed) {
  agent.programs = {"jq"};
  pack_base("--gzip");
  EXPECT_THAT(failure(), HasSubstr("it has no program 'jq'"));
  put_program(directory.path() + "/root/usr/bin/jq");
  pack_base("--gzip");
  EXPECT_EQ(failure(), "none");
}

TEST_F(AgentImages, SayWhichProfileTheyAreOf) {
  ensure_agent_image(engine, agent, request);
  EXPECT_EQ(config.at("config").at("Labels").at(image_profile_label), profile_key(agent));
  AgentProfile other = agent;
  other.files[0].text += " ";
  EXPECT_NE(profile_key(other), profile_key(agent));
  other = agent;
  other.summary = "something else";
  EXPECT_EQ(profile_key(other), profile_key(agent)) << "which is not in the image";
}

}  // namespace
}  // namespace drydock::core
