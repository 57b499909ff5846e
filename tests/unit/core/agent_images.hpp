// Agents' images of a small package and a small root file system, in an engine that is none.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "core/agent_image.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"
#include "web_server.hpp"

namespace drydock::core {

namespace fs = std::filesystem;

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
    fs::create_directories(root + "/usr/lib");
    std::ofstream(root + "/usr/lib/os-release") << "NAME=\"Another one\"\nID=other\n";
    put_program(root + "/bin/sh");
    put_program(root + "/usr/bin/git");
    std::ofstream(root + "/usr/share/\303\251") << "a name that the C locale cannot spell";
    std::ofstream(root + "/var/lib/dpkg/status")
        << "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"
           "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
    pack_base();
  }
  static void put_program(const std::string& path) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << "x";
    fs::permissions(path, fs::perms(0755));
  }
  void pack_base(const std::string& compression = "--no-auto-compress") const {
    run_checked(
        {"tar", "-C", directory.path() + "/root", compression, "-cf", directory.path() + "/base.tar", "."});
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

}  // namespace drydock::core
