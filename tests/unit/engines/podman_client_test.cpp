#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <fstream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"
#include "fake_daemon.hpp"
#include "podman/podman_engine.hpp"
#include "podman/podman_provider.hpp"
#include "recorded.hpp"

namespace drydock::podman {
namespace {

using test::FakeDaemon;
using testing::HasSubstr;

std::string ping(const std::string& headers) {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: 2\r\n\r\nOK";
}
constexpr const char* sound = "Api-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n";

bool is_ping(const std::string& request) { return request.find("/_ping ") != std::string::npos; }

// A daemon that answers the ping, the question about itself, and every other request with the same.
FakeDaemon::Script daemon_with(std::string answer) {
  return [answer = std::move(answer)](test::Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      if (is_ping(request)) {
        peer.send(ping(sound));
      } else if (request.find("/info ") != std::string::npos) {
        peer.send(test::ok("{}"));
      } else {
        peer.send(answer);
      }
    }
  };
}

Error connect_error(const std::string& socket) {
  try {
    PodmanEngine engine(socket, nullptr);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "connected";
  return {ErrorKind::internal, ""};
}

template <typename Call>
Error call_error(const std::string& answer, const Call& call) {
  FakeDaemon daemon({daemon_with(answer)});
  PodmanEngine engine(daemon.socket(), nullptr);
  try {
    call(engine);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorKind::internal, ""};
}

TEST(PodmanClient, TakesEveryVersionFromTheOldestOn) {
  for (const char* version : {"4.3.0", "4.3.1", "4.9.4", "5.4.2", "6.1.0", "10.0.0"}) {
    FakeDaemon daemon({[&](test::Peer& peer) {
      peer.read_request();
      peer.send(ping("Libpod-Api-Version: " + std::string(version) + "\r\n"));
      peer.read_request();
      peer.send(test::ok("{}"));
    }});
    PodmanEngine engine(daemon.socket(), nullptr);
    engine.system().info();
    EXPECT_EQ(daemon.count("GET /v4.0.0/libpod/info "), 1U) << version;
  }
}

TEST(PodmanClient, RefusesWhatIsTooOld) {
  for (const char* version : {"4.2.1", "3.4.7", "nonsense"}) {
    FakeDaemon daemon({test::always(ping("Libpod-Api-Version: " + std::string(version) + "\r\n"))});
    const Error error = connect_error(daemon.socket());
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(std::string(error.what()), "cannot use the engine at 'unix://" + daemon.socket() +
                                             "': it is Podman " + version +
                                             " and drydock needs 4.3 or newer");
  }
}

TEST(PodmanClient, KnowsDockerWhenItSeesIt) {
  FakeDaemon daemon(
      {test::always("HTTP/1.1 404 Not Found\r\nApi-Version: 1.41\r\nContent-Length: 28\r\n\r\n"
                    "{\"message\":\"page not found\"}")});
  const Error error = connect_error(daemon.socket());
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_THAT(error.what(), HasSubstr("as Podman: it is Docker"));
  EXPECT_EQ(error.hint(), "pass --runtime docker");
}

TEST(PodmanClient, KnowsWhatIsNoEngine) {
  FakeDaemon web({test::always(test::answer("200 OK", "<html>hello</html>", "text/html"))});
  EXPECT_THAT(connect_error(web.socket()).what(), HasSubstr("not an answer of a container engine"));
}

TEST(PodmanClient, PassesOnTheEnginesOwnWords) {
  const auto inspect = [](PodmanEngine& engine) { engine.containers().inspect("web"); };
  const Error missing =
      call_error(test::answer("404 Not Found", test::golden_text("podman/error.json")), inspect);
  EXPECT_EQ(missing.kind(), ErrorKind::not_found);
  EXPECT_STREQ(
      missing.what(),
      "cannot inspect container 'web': no container with name or ID \"nope\" found: no such container");
  const Error cause =
      call_error(test::answer("500 Internal Server Error", R"({"cause":"no disk"})"), inspect);
  EXPECT_STREQ(cause.what(), "cannot inspect container 'web': no disk");
}

TEST(PodmanClient, AWarningIsAnErrorAndTheContainerGoes) {
  FakeDaemon daemon(
      {daemon_with(test::answer("201 Created", R"({"Id":"abc","Warnings":["no swap limit"]})"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  try {
    engine.containers().create(test::full_spec());
    FAIL() << "was content";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_STREQ(error.what(), "cannot create container 'name': no swap limit");
  }
  EXPECT_EQ(daemon.count("DELETE /v4.0.0/libpod/containers/abc?force=true"), 1U);
}

TEST(PodmanClient, SaysWhatToInstallWhenThereIsNoInit) {
  const auto create = [](PodmanEngine& engine) { engine.containers().create(test::full_spec()); };
  for (const char* words :
       {"container-init binary not found on the host",
        R"(lookup init binary: exec: \"catatonit\": executable file not found in $PATH)"}) {
    const std::string body = "{\"message\":\"" + std::string(words) + "\"}";
    const Error error = call_error(test::answer("500 Internal Server Error", body), create);
    EXPECT_EQ(error.kind(), ErrorKind::engine) << words;
    EXPECT_THAT(error.hint(), HasSubstr("apt install catatonit")) << words;
  }
}

TEST(PodmanClient, TellsACommandThatIsMissingFromOneThatCannotRun) {
  const auto start = [](PodmanEngine& engine) { engine.containers().start("web"); };
  const std::vector<std::pair<const char*, ErrorKind>> cases{
      {"crun: executable file `nope` not found in $PATH: No such file or directory",
       ErrorKind::command_not_found},
      {R"(runc: exec: \"nope\": executable file not found in $PATH)", ErrorKind::command_not_found},
      {"crun: open executable: Permission denied", ErrorKind::command_not_executable},
      {R"(runc: exec: \"/etc/passwd\": permission denied)", ErrorKind::command_not_executable},
      {"crun: mount `/x`: Permission denied", ErrorKind::engine}};
  for (const auto& [words, kind] : cases) {
    const std::string body = "{\"cause\":\"x\",\"message\":\"" + std::string(words) + "\",\"response\":500}";
    EXPECT_EQ(call_error(test::answer("500 Internal Server Error", body), start).kind(), kind) << words;
  }
}

TEST(PodmanClient, ASubnetThatIsTakenIsAConflict) {
  for (const char* words : {"subnet 10.231.0.0/29 is already used on the host or by another config",
                            "network name x already used: network already exists",
                            "subnet 10.231.0.0/29 is already being used by a network interface"}) {
    const Error error =
        call_error(test::answer("500 Internal Server Error", "{\"message\":\"" + std::string(words) + "\"}"),
                   [](auto& engine) { engine.networks().create({}); });
    EXPECT_EQ(error.kind(), ErrorKind::conflict) << words;
  }
}

TEST(PodmanClient, AsksForNetworksThatAreShut) {
  FakeDaemon daemon({daemon_with(test::ok("{\"id\":\"1\"}"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  for (const bool internal : {true, false}) {
    runtime::NetworkSpec spec;
    spec.name = internal ? "inner" : "outer";
    spec.subnet = {{0x0ae70008}, 29};
    spec.internal = internal;
    engine.networks().create(spec);
    const std::string request = daemon.requests().back();
    const Json body = parse_json(request.substr(request.find("\r\n\r\n") + 4), "a request");
    EXPECT_EQ(body["internal"], internal);
    EXPECT_EQ(body["options"], Json({{"isolate", "true"}})) << "its members would reach other networks";
    EXPECT_EQ(body["dns_enabled"], false);
    EXPECT_EQ(body["ipv6_enabled"], false);
    EXPECT_EQ(body["subnets"], Json::array({Json{{"subnet", "10.231.0.8/29"}}})) << "no gateway";
  }
}

TEST(PodmanClient, WaitTakesABareNumber) {
  FakeDaemon daemon({daemon_with(test::ok("42\n"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  EXPECT_EQ(engine.containers().wait("x"), 42);
  EXPECT_EQ(call_error(test::ok("{}"), [](auto& e) { e.containers().wait("x"); }).kind(),
            ErrorKind::protocol);
}

// Podman 4.3 asks /proc of a container that it takes for running, and fails when that ends meanwhile.
TEST(PodmanClient, AContainerThatEndsWhileItIsInspectedIsInspectedAgain) {
  int asked = 0;
  FakeDaemon daemon({[&](test::Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      const char* words = asked++ == 0 ? "read /proc/717/cgroup: no such process"
                                       : "open /proc/717/cgroup: no such file or directory";
      if (is_ping(request)) {
        asked = 0;
        peer.send(ping(sound));
      } else if (request.find("/info ") != std::string::npos) {
        asked = 0;
        peer.send(test::ok("{}"));
      } else if (asked <= 2) {
        peer.send(test::answer("500 Internal Server Error", "{\"message\":\"" + std::string(words) + "\"}"));
      } else {
        peer.send(test::ok(test::golden_text("podman/agent.json")));
      }
    }
  }});
  PodmanEngine engine(daemon.socket(), nullptr);
  EXPECT_FALSE(engine.containers().inspect("x").id.empty());
  EXPECT_EQ(asked, 3);
  const Error other =
      call_error(test::answer("500 Internal Server Error", R"({"message":"read /sys/x: no such device"})"),
                 [](auto& e) { e.containers().inspect("x"); });
  EXPECT_THAT(other.what(), HasSubstr("read /sys/x: no such device"));
}

TEST(PodmanClient, WhatIsGoneNeedsNoRemoval) {
  FakeDaemon daemon({daemon_with(test::answer("404 Not Found", R"({"message":"no such thing"})"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  engine.containers().remove("x");
  engine.networks().remove("x");
  engine.images().remove("x");
}

struct LimitCase {
  bool rootless;
  const char* cgroup;
  std::vector<std::string> controllers;
  bool memory;
  bool cpus;
  bool pids;
};

TEST(PodmanClient, KnowsWhichLimitsHoldHere) {
  const std::vector<LimitCase> cases{{true, "v2", {"cpu", "memory", "pids"}, true, true, true},
                                     {true, "v2", {"memory", "pids"}, true, false, true},
                                     {true, "v2", {}, false, false, false},
                                     {true, "v1", {"cpu", "memory", "pids"}, false, false, false},
                                     {false, "v1", {"cpu", "memory", "pids"}, true, true, true}};
  for (const LimitCase& limits : cases) {
    const Json info = {{"host",
                        {{"security", {{"rootless", limits.rootless}}},
                         {"cgroupVersion", limits.cgroup},
                         {"cgroupControllers", limits.controllers}}}};
    FakeDaemon daemon({[&](test::Peer& peer) {
      peer.read_request();
      peer.send(ping(sound));
      peer.read_request();
      peer.send(test::ok(info.dump()));
    }});
    PodmanEngine engine(daemon.socket(), nullptr);
    const runtime::EngineInfo& read = engine.system().info();
    EXPECT_EQ(read.enforces_memory, limits.memory) << info;
    EXPECT_EQ(read.enforces_cpus, limits.cpus) << info;
    EXPECT_EQ(read.enforces_pids, limits.pids) << info;
    EXPECT_EQ(&engine.system().info(), &read) << "asked once";
  }
}

// What `info` is asked for, answered with this.
runtime::EngineInfo info_from(const std::string& text) {
  FakeDaemon daemon({[&](test::Peer& peer) {
    peer.read_request();
    peer.send(ping(sound));
    peer.read_request();
    peer.send(test::ok(text));
  }});
  PodmanEngine engine(daemon.socket(), nullptr);
  return engine.system().info();
}

TEST(PodmanClient, KnowsWhatPodmanIsMadeOf) {
  using Components = std::map<std::string, std::string>;
  const runtime::EngineInfo four = info_from(test::golden_text("podman/info.json"));
  EXPECT_EQ(four.components, (Components{{"podman", "4.3.1"},
                                         {"crun", "crun version 1.8.1"},
                                         {"slirp4netns", "slirp4netns version 1.2.0"}}));
  EXPECT_EQ(four.rootless_network, "");
  // As 5.4 has it: an empty path for what is not there.
  const runtime::EngineInfo five = info_from(R"({"version":{"Version":"5.4.2"},"host":{
      "networkBackend":"netavark","rootlessNetworkCmd":"pasta",
      "networkBackendInfo":{"backend":"netavark","version":"netavark 1.14.0","dns":{"version":"aardvark-dns 1.14.0"}},
      "pasta":{"executable":"/usr/bin/pasta","version":""},"slirp4netns":{"executable":"","version":""},
      "ociRuntime":{"name":"crun","version":"crun version 1.21\ncommit: 10269840"}}})");
  EXPECT_EQ(five.components, (Components{{"podman", "5.4.2"},
                                         {"crun", "crun version 1.21"},
                                         {"pasta", ""},
                                         {"netavark", "netavark 1.14.0"},
                                         {"aardvark-dns", "aardvark-dns 1.14.0"}}));
  EXPECT_EQ(five.rootless_network, "pasta");
}

TEST(PodmanProvider, TakesUnixSocketsOnlyAndTheOptionFirst) {
  test::Environment environment;
  environment.set("CONTAINER_HOST", "ssh://host/run/podman.sock");
  EXPECT_TRUE(make_provider()->present());
  EXPECT_THROW(make_provider()->connect({"", nullptr}), Error);
  EXPECT_THROW(make_provider()->connect({"tcp://127.0.0.1:1", nullptr}), Error);
  FakeDaemon daemon({test::always(ping(sound))});
  EXPECT_NO_THROW(make_provider()->connect({"unix://" + daemon.socket(), nullptr}));
  environment.set("CONTAINER_HOST", "unix://" + daemon.socket());
  EXPECT_NO_THROW(make_provider()->connect({"", nullptr}));
}

TEST(PodmanProvider, WithoutPodmanSaysHowToGetIt) {
  test::Environment environment;
  environment.set("CONTAINER_HOST", std::nullopt);
  environment.set("PATH", "/nonexistent");
  environment.set("XDG_RUNTIME_DIR", "/nonexistent");
  if (::geteuid() == 0 && ::access("/run/podman/podman.sock", F_OK) == 0)
    GTEST_SKIP() << "a Podman service of root's runs on this machine";
  EXPECT_FALSE(make_provider()->present());
  try {
    make_provider()->connect({"", nullptr});
    FAIL() << "connected";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot use podman: it is not installed");
    EXPECT_THAT(error.hint(), HasSubstr("apt install podman"));
  }
}

TEST(PodmanClient, SavesAnImageToAFile) {
  FakeDaemon daemon({daemon_with(test::ok("0123456789"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  const TempDir folder;
  const std::string path = folder.path() + "/image.tar";
  engine.images().save("sha256:1", path, 10);
  std::ifstream file(path);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "0123456789");
}

TEST(PodmanClient, AnImageThatIsTooLargeIsTold) {
  const TempDir folder;
  const Error error = call_error(test::ok("0123456789"), [&](PodmanEngine& engine) {
    engine.images().save("sha256:1", folder.path() + "/image.tar", 9);
  });
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_THAT(error.what(), HasSubstr("cannot save image 'sha256:1': it has more than"));
  const Error none = call_error(
      "HTTP/1.1 404 No\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"message\":\"none\"}",
      [&](PodmanEngine& engine) { engine.images().save("sha256:1", folder.path() + "/image.tar", 9); });
  EXPECT_EQ(none.kind(), ErrorKind::not_found);
}

TEST(PodmanClient, PullsAnImageAndTellsWhatFailed) {
  FakeDaemon daemon({daemon_with(test::ok("{\"status\":\"Digest: 1\",\"stream\":\"\"}\n"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  std::vector<std::string> said;
  engine.images().pull("r.test/a", [&](const std::string& text) { said.push_back(text); });
  EXPECT_THAT(said, testing::ElementsAre("Digest: 1"));
  EXPECT_EQ(daemon.count("POST /v4.0.0/libpod/images/pull?reference=r.test%2Fa "), 1U);
  const Error error = call_error(test::ok("{\"error\":\"manifest unknown\"}\n"),
                                 [](PodmanEngine& other) { other.images().pull("r.test/a:1", {}); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found) << "it answers 200 all the same";
}

TEST(PodmanClient, ListsImagesByLabel) {
  FakeDaemon daemon({daemon_with(test::ok(
      R"([{"Id":"sha256:1","RepoTags":null,"Labels":null},{"Id":"sha256:2","RepoTags":["a:1"],"Labels":{"k":"v"}}])"))});
  PodmanEngine engine(daemon.socket(), nullptr);
  const auto images = engine.images().list("k=v");
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[1].tags.front() + images[1].labels.at("k"), "a:1v");
  EXPECT_EQ(daemon.count("GET /v4.0.0/libpod/images/json?filters=%7B%22label%22%3A%5B%22k%3Dv%22%5D%7D "),
            1U);
}

}  // namespace
}  // namespace drydock::podman
