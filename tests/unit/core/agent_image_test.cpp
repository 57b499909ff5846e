#include "core/agent_image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "core/npm_registry.hpp"
#include "core/sbom.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"
#include "web_server.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class AgentImages : public testing::Test {
 protected:
  AgentImages() {
    environment.set("XDG_CACHE_HOME", directory.path() + "/cache");
    for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"})
      environment.set(name, std::nullopt);
    make_package();
    make_base();
    agent.name = "fifth";
    agent.command = {"fifth"};
    agent.npm = {{"@fifth/cli", "latest", "", {}, {{"fifth", "bin/fifth"}}}};
    agent.files = {{"/etc/fifth/policy.json", "{}", false}};
    request.registry = server.url();
    request.base.base = directory.path() + "/base.tar";
    engine.on_load = [this](const std::string& path) { loaded(path); };
  }

  void make_package() {
    const std::string folder = directory.path() + "/package";
    fs::create_directories(folder + "/bin");
    std::ofstream(folder + "/bin/fifth") << "#!/bin/sh\necho fifth\n";
    std::ofstream(folder + "/package.json") << "{\"scripts\": {\"postinstall\": \"touch /tmp/no\"}}";
    archive = directory.path() + "/fifth.tgz";
    run_checked({"tar", "-C", directory.path(), "-czf", archive, "package"});
    publish("latest", "1.0.0", "sha512-" + sha512_base64_of_file(archive));
  }
  void publish(const std::string& tag, const std::string& version, const std::string& integrity) {
    const Json manifest = {{"name", "@fifth/cli"},
                           {"version", version},
                           {"dist", {{"tarball", server.url() + "/fifth.tgz"}, {"integrity", integrity}}}};
    server.set_body("/%40fifth%2Fcli/" + tag, manifest.dump());
    std::ifstream file(archive, std::ios::binary);
    server.set_body("/fifth.tgz", std::string(std::istreambuf_iterator<char>(file), {}));
  }
  void make_base() const {
    const std::string root = directory.path() + "/root";
    fs::create_directories(root + "/var/lib/dpkg");
    fs::create_directories(root + "/usr/share");
    std::ofstream(root + "/usr/share/\303\251") << "a name that the C locale cannot spell";
    std::ofstream(root + "/var/lib/dpkg/status")
        << "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"
           "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
    run_checked({"tar", "-C", root, "-cf", directory.path() + "/base.tar", "."});
  }
  // What the engine would make of the archive.
  void loaded(const std::string& path) {
    const std::string unpacked = directory.path() + "/image";
    fs::remove_all(unpacked);
    fs::create_directories(unpacked);
    run_checked({"tar", "-C", unpacked, "-xf", path});
    std::ifstream file(unpacked + "/manifest.json");
    const Json manifest = Json::parse(file).at(0);
    std::ifstream config_file(unpacked + "/" + manifest.at("Config").get<std::string>());
    config = Json::parse(config_file);
    layers = manifest.at("Layers").get<std::vector<std::string>>();
    runtime::ImageReport report;
    report.id = "sha256:" + manifest.at("Config").get<std::string>();
    report.labels = config.at("config").at("Labels").get<std::map<std::string, std::string>>();
    engine.image_map[manifest.at("RepoTags").at(0)] = report;
    ++loads;
  }
  std::string in_layer(std::size_t index, const std::string& path) const {
    return run_process({"tar", "-xOf", directory.path() + "/image/" + layers.at(index), path}).output;
  }
  std::string listing(std::size_t index) const {
    return run_checked({"tar", "--numeric-owner", "-tvf", directory.path() + "/image/" + layers.at(index)})
        .output;
  }
  std::string failure() {
    try {
      ensure_agent_image(engine, agent, request);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  TempDir directory;
  test::Environment environment;
  test::WebServer server;
  test::FakeEngine engine;
  AgentProfile agent;
  AgentImageRequest request;
  std::string archive;
  Json config;
  std::vector<std::string> layers;
  int loads = 0;
};

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
  EXPECT_THAT(urls, ElementsAre("pkg:npm/%40fifth/cli@1.0.0", HasSubstr("/bash@5.2-1?arch=amd64")));
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

}  // namespace
}  // namespace drydock::core
