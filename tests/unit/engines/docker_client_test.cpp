#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "docker/docker_engine.hpp"
#include "docker/docker_provider.hpp"
#include "environment.hpp"
#include "fake_daemon.hpp"
#include "recorded.hpp"

namespace drydock::docker {
namespace {

using test::FakeDaemon;
using testing::HasSubstr;
using testing::StartsWith;

std::string ping(const std::string& headers) {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: 2\r\n\r\nOK";
}

bool is_ping(const std::string& request) { return request.find("/_ping ") != std::string::npos; }

// A daemon that answers the ping, and every other request with the same.
FakeDaemon::Script daemon_with(std::string answer) {
  return [answer = std::move(answer)](test::Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      peer.send(is_ping(request) ? ping("Api-Version: 1.41\r\n") : answer);
    }
  };
}

Error connect_error(const std::string& socket) {
  try {
    DockerEngine engine(socket, nullptr);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "connected";
  return {ErrorKind::internal, ""};
}

// What `call` fails with when the daemon answers so.
template <typename Call>
Error call_error(const std::string& answer, const Call& call) {
  FakeDaemon daemon({daemon_with(answer)});
  DockerEngine engine(daemon.socket(), nullptr);
  try {
    call(engine);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorKind::internal, ""};
}

TEST(DockerClient, SpeaksTheNewestThatBothKnow) {
  for (const auto& [offered, agreed] :
       {std::pair{"1.41", "1.41"}, {"1.45", "1.45"}, {"1.51", "1.51"}, {"1.60", "1.51"}, {"2.0", "1.51"}}) {
    FakeDaemon daemon({[&, offered = offered](test::Peer& peer) {
      peer.read_request();
      peer.send(ping("Api-Version: " + std::string(offered) + "\r\n"));
      peer.read_request();
      peer.send(test::ok("{}"));
    }});
    DockerEngine engine(daemon.socket(), nullptr);
    EXPECT_EQ(engine.system().info().api_version, agreed);
    EXPECT_EQ(daemon.count("GET /v" + std::string(agreed) + "/info "), 1U) << offered;
  }
}

TEST(DockerClient, KnowsWhatDockerIsMadeOf) {
  FakeDaemon daemon({[&](test::Peer& peer) {
    peer.read_request();
    peer.send(ping("Api-Version: 1.41\r\n"));
    peer.read_request();
    peer.send(test::ok(test::golden_text("docker/info.json")));
  }});
  DockerEngine engine(daemon.socket(), nullptr);
  const runtime::EngineInfo& info = engine.system().info();
  EXPECT_EQ(info.components, (std::map<std::string, std::string>{{"docker", "20.10.24+dfsg1"},
                                                                 {"runc", "1.1.5+ds1-1+deb12u1"}}));
  EXPECT_EQ(info.filters_bridges, true);
}

// The field is false in each Docker 28, and then absent, whatever the kernel does.
TEST(DockerClient, WhatDockerDoesNotTellOfBridgesIsNotANo) {
  const auto told = [](const std::string& version, const std::string& more) {
    FakeDaemon daemon({[&](test::Peer& peer) {
      peer.read_request();
      peer.send(ping("Api-Version: 1.41\r\n"));
      peer.read_request();
      peer.send(test::ok(R"({"ServerVersion":")" + version + R"(")" + more + "}"));
    }});
    return DockerEngine(daemon.socket(), nullptr).system().info().filters_bridges;
  };
  const std::string yes = R"(,"BridgeNfIptables":true)";
  const std::string no = R"(,"BridgeNfIptables":false)";
  EXPECT_EQ(told("20.10.24+dfsg1", yes), true);
  EXPECT_EQ(told("20.10.24+dfsg1", no), false);
  EXPECT_EQ(told("27.5.1", no), false);
  EXPECT_EQ(told("27.5.1", ""), std::nullopt);
  for (const char* version : {"28.0.0", "28.5.2", "29.1.0", "30.0"}) {
    EXPECT_EQ(told(version, no), std::nullopt) << version;
    EXPECT_EQ(told(version, ""), std::nullopt) << version;
  }
  EXPECT_EQ(told("dev", no), std::nullopt) << "of a version that is none nothing is known";
}

TEST(DockerClient, RefusesWhatIsTooOld) {
  for (const char* version : {"1.40", "1.24", "0.9"}) {
    FakeDaemon daemon({test::always(ping("Api-Version: " + std::string(version) + "\r\n"))});
    const Error error = connect_error(daemon.socket());
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(std::string(error.what()), "cannot use the engine at 'unix://" + daemon.socket() +
                                             "': it speaks Docker API " + version +
                                             " and drydock needs 1.41 (Docker 20.10) or newer");
    EXPECT_EQ(error.hint(), "upgrade Docker, or use --runtime podman");
  }
}

TEST(DockerClient, RefusesAVersionThatIsNone) {
  for (const char* version : {"", "new", "1", "1.x"}) {
    FakeDaemon daemon({test::always(ping("Api-Version: " + std::string(version) + "\r\n"))});
    connect_error(daemon.socket());
  }
}

TEST(DockerClient, KnowsPodmanWhenItSeesIt) {
  FakeDaemon daemon({test::always(ping("Api-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n"))});
  const Error error = connect_error(daemon.socket());
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_THAT(error.what(), HasSubstr("as Docker: it is Podman"));
  EXPECT_EQ(error.hint(), "pass --runtime podman");
}

TEST(DockerClient, KnowsWhatIsNoEngine) {
  FakeDaemon web({test::always(test::answer("200 OK", "<html>hello</html>", "text/html"))});
  EXPECT_THAT(connect_error(web.socket()).what(), HasSubstr("not an answer of a container engine"));
  FakeDaemon broken({test::always(test::answer("500 Internal Server Error", R"({"message":"no disk"})"))});
  EXPECT_THAT(connect_error(broken.socket()).what(), HasSubstr(": no disk"));
}

TEST(DockerClient, SaysWhatToDoWhenNobodyIsThere) {
  const Error error = connect_error("/nonexistent/docker.sock");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("start Docker"));
}

TEST(DockerClient, PassesOnTheEnginesOwnWords) {
  const auto inspect = [](DockerEngine& engine) { engine.containers().inspect("web"); };
  const Error missing =
      call_error(test::answer("404 Not Found", test::golden_text("docker/error.json")), inspect);
  EXPECT_EQ(missing.kind(), ErrorKind::not_found);
  EXPECT_STREQ(missing.what(), "cannot inspect container 'web': No such container: nope");
  EXPECT_THAT(missing.notes(), testing::ElementsAre("docker answered HTTP 404"));
  const std::vector<std::tuple<const char*, const char*, ErrorKind, const char*>> cases{
      {"409 Conflict", R"({"message":"it is in use"})", ErrorKind::conflict, ": it is in use"},
      {"403 Forbidden", R"({"message":"denied by plugin"})", ErrorKind::permission, ": denied by plugin"},
      {"500 Internal Server Error", R"({"message":"a\nb\u001b[31m"})", ErrorKind::engine, "b?[31m"},
      {"500 Internal Server Error", "plain words", ErrorKind::engine, "HTTP 500 (application/json)"},
      {"500 Internal Server Error", "", ErrorKind::engine, ": HTTP 500"},
      {"500 Internal Server Error", "{nonsense", ErrorKind::engine, "not valid JSON"}};
  for (const auto& [status, body, kind, words] : cases) {
    const Error error = call_error(test::answer(status, body), inspect);
    EXPECT_EQ(error.kind(), kind) << body;
    EXPECT_THAT(error.what(), StartsWith("cannot inspect container 'web': "));
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(DockerClient, AnAnswerThatMakesNoSenseIsAnError) {
  const Error error = call_error(test::ok(R"({"Name":"/x"})"), [](auto& e) { e.containers().inspect("x"); });
  EXPECT_EQ(error.kind(), ErrorKind::protocol);
  EXPECT_THAT(error.what(), HasSubstr("Id"));
}

TEST(DockerClient, AWarningIsAnErrorAndTheContainerGoes) {
  FakeDaemon daemon({[](test::Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      if (is_ping(request)) {
        peer.send(ping("Api-Version: 1.41\r\n"));
      } else if (request.find("/containers/create") != std::string::npos) {
        peer.send(test::answer("201 Created",
                               R"({"Id":"abc","Warnings":["Your kernel does not support limits"]})"));
      } else {
        peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      }
    }
  }});
  DockerEngine engine(daemon.socket(), nullptr);
  try {
    engine.containers().create(test::full_spec());
    FAIL() << "was content";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_STREQ(error.what(), "cannot create container 'name': Your kernel does not support limits");
  }
  EXPECT_EQ(daemon.count("DELETE /v1.41/containers/abc?force=1&v=1 "), 1U);
}

TEST(DockerClient, AContainerThatCannotJoinItsSecondNetworkGoes) {
  FakeDaemon daemon({[](test::Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      if (is_ping(request)) {
        peer.send(ping("Api-Version: 1.41\r\n"));
      } else if (request.find("/containers/create") != std::string::npos) {
        peer.send(test::answer("201 Created", R"({"Id":"abc","Warnings":[]})"));
      } else if (request.find("/connect") != std::string::npos) {
        peer.send(test::answer("403 Forbidden", R"({"message":"Address already in use"})"));
      } else {
        peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      }
    }
  }});
  DockerEngine engine(daemon.socket(), nullptr);
  EXPECT_THROW(engine.containers().create(test::full_spec()), Error);
  EXPECT_EQ(daemon.count("POST /v1.41/networks/second/connect "), 1U);
  EXPECT_EQ(daemon.count("DELETE /v1.41/containers/abc?"), 1U);
}

TEST(DockerClient, TellsACommandThatIsMissingFromOneThatCannotRun) {
  const auto start = [](DockerEngine& engine) { engine.containers().start("web"); };
  const std::vector<std::pair<const char*, ErrorKind>> cases{
      {R"(exec: \"nope\": executable file not found in $PATH: unknown)", ErrorKind::command_not_found},
      {R"(exec: \"/nope\": stat /nope: no such file or directory: unknown)", ErrorKind::command_not_found},
      {R"(exec: \"/etc/passwd\": permission denied: unknown)", ErrorKind::command_not_executable},
      {R"(exec: \"/etc\": is a directory: unknown)", ErrorKind::command_not_executable},
      {"mount /x: permission denied", ErrorKind::engine},
      {"mkdir /x: no such file or directory", ErrorKind::engine}};
  for (const auto& [words, kind] : cases) {
    const std::string body = "{\"message\":\"OCI runtime create failed: " + std::string(words) + "\"}";
    EXPECT_EQ(call_error(test::answer("400 Bad Request", body), start).kind(), kind) << words;
  }
}

TEST(DockerClient, AnOverlappingSubnetIsAConflict) {
  const Error error = call_error(
      test::answer("403 Forbidden", R"({"message":"Pool overlaps with other one on this address space"})"),
      [](auto& engine) { engine.networks().create({}); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
}

TEST(DockerClient, WhatIsGoneNeedsNoRemoval) {
  FakeDaemon daemon({daemon_with(test::answer("404 Not Found", R"({"message":"no such thing"})"))});
  DockerEngine engine(daemon.socket(), nullptr);
  engine.containers().remove("x");
  engine.networks().remove("x");
  engine.images().remove("x");
}

TEST(DockerClient, ALoadThatFailsMidwayIsAnError) {
  const TempFile tar;
  const Error error =
      call_error(test::ok("{\"stream\":\"Loading\"}\n{\"error\":\"no space left on device\"}\n"),
                 [&](auto& engine) { engine.images().load(tar.path()); });
  EXPECT_STREQ(error.what(), "cannot load image: no space left on device");
}

class DockerProviderTest : public testing::Test {
 protected:
  DockerProviderTest() { environment.set("DOCKER_HOST", std::nullopt); }
  test::Environment environment;
};

TEST_F(DockerProviderTest, TakesUnixSocketsOnly) {
  for (const char* url : {"tcp://127.0.0.1:2375", "ssh://host", "/run/docker.sock", "http://x"}) {
    try {
      make_provider()->connect({url, nullptr});
      FAIL() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unsupported);
      EXPECT_THAT(error.what(), HasSubstr(std::string("'") + url + "': only unix sockets are supported"));
    }
  }
}

TEST_F(DockerProviderTest, TheVariableIsNamedWhereItIsWrong) {
  environment.set("DOCKER_HOST", "ssh://host");
  try {
    make_provider()->connect({"", nullptr});
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'ssh://host' (from DOCKER_HOST): only unix sockets"));
  }
}

TEST_F(DockerProviderTest, TheOptionGoesBeforeTheVariable) {
  FakeDaemon daemon({test::always(ping("Api-Version: 1.41\r\n"))});
  environment.set("DOCKER_HOST", "unix:///nonexistent");
  EXPECT_TRUE(make_provider()->present());
  EXPECT_THROW(make_provider()->connect({"", nullptr}), Error);
  EXPECT_NO_THROW(make_provider()->connect({"unix://" + daemon.socket(), nullptr}));
  environment.set("DOCKER_HOST", "unix://" + daemon.socket());
  EXPECT_NO_THROW(make_provider()->connect({"", nullptr}));
}

TEST(DockerClient, SavesAnImageToAFile) {
  FakeDaemon daemon({daemon_with(test::ok("0123456789"))});
  DockerEngine engine(daemon.socket(), nullptr);
  const TempDir folder;
  const std::string path = folder.path() + "/image.tar";
  engine.images().save("sha256:1", path, 10);
  std::ifstream file(path);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "0123456789");
}

TEST(DockerClient, AnImageThatIsTooLargeIsTold) {
  const TempDir folder;
  const Error error = call_error(test::ok("0123456789"), [&](DockerEngine& engine) {
    engine.images().save("sha256:1", folder.path() + "/image.tar", 9);
  });
  EXPECT_EQ(error.kind(), ErrorKind::invalid);
  EXPECT_THAT(error.what(), HasSubstr("cannot save image 'sha256:1': it has more than"));
  const Error none = call_error(
      "HTTP/1.1 404 No\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"message\":\"none\"}",
      [&](DockerEngine& engine) { engine.images().save("sha256:1", folder.path() + "/image.tar", 9); });
  EXPECT_EQ(none.kind(), ErrorKind::not_found);
}

TEST(DockerClient, PullsAnImageAndTellsWhatFailed) {
  FakeDaemon daemon({daemon_with(test::ok("{\"status\":\"Digest: 1\",\"stream\":\"\"}\n"))});
  DockerEngine engine(daemon.socket(), nullptr);
  std::vector<std::string> said;
  engine.images().pull("r.test/a", [&](const std::string& text) { said.push_back(text); });
  EXPECT_THAT(said, testing::ElementsAre("Digest: 1"));
  EXPECT_EQ(daemon.count("POST /v1.41/images/create?fromImage=r.test%2Fa&tag=latest "), 1U);
  const Error error = call_error(test::ok("{\"error\":\"manifest unknown\"}\n"),
                                 [](DockerEngine& other) { other.images().pull("r.test/a:1", {}); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found) << "it answers 200 all the same";
}

TEST(DockerClient, ListsImagesByLabel) {
  FakeDaemon daemon({daemon_with(test::ok(
      R"([{"Id":"sha256:1","RepoTags":null,"Labels":null},{"Id":"sha256:2","RepoTags":["a:1"],"Labels":{"k":"v"}}])"))});
  DockerEngine engine(daemon.socket(), nullptr);
  const auto images = engine.images().list("k=v");
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[1].tags.front() + images[1].labels.at("k"), "a:1v");
  EXPECT_EQ(daemon.count("GET /v1.41/images/json?filters=%7B%22label%22%3A%5B%22k%3Dv%22%5D%7D "), 1U);
}

}  // namespace
}  // namespace drydock::docker
