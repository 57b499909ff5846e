#include "runtime/pull.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace drydock::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PullStreams, TellProgressInTenths) {
  std::vector<std::string> said;
  PullStream stream([&](const std::string& text) { said.push_back(text); });
  stream.add_line(R"({"status":"Pulling from library/a","id":"1"})");
  for (int i = 0; i <= 100; ++i) {
    stream.add_line(R"({"status":"Downloading","id":"x","progressDetail":{"current":)" +
                    std::to_string(i * 1'000'000) + R"(,"total":100000000}})");
  }
  stream.add_line(R"({"status":"Extracting","id":"x","progressDetail":{"current":5,"total":9}})");
  stream.add_line(R"({"status":"Digest: sha256:1"})");
  stream.add_line("");
  ASSERT_EQ(said.size(), 13U) << testing::PrintToString(said);
  EXPECT_EQ(said[0], "Pulling from library/a");
  EXPECT_EQ(said[1], "0 MB of 100 MB");
  EXPECT_EQ(said[11], "100 MB of 100 MB");
  EXPECT_EQ(said[12], "Digest: sha256:1");
  EXPECT_EQ(stream.failure(), "");
}

TEST(PullStreams, LiveThroughSizesThatNothingHas) {
  std::vector<std::string> said;
  PullStream stream([&](const std::string& text) { said.push_back(text); });
  for (const char* id : {"1", "2", "3", "4"}) {
    stream.add_line(R"({"status":"Downloading","id":")" + std::string(id) +
                    R"(","progressDetail":{"current":4611686018427387904,"total":4611686018427387904}})");
  }
  EXPECT_EQ(said.size(), 1U) << testing::PrintToString(said);
}

TEST(PullStreams, TellPodmansLinesOnce) {
  std::vector<std::string> said;
  PullStream stream([&](const std::string& text) { said.push_back(text); });
  stream.add_line(R"({"stream":"Copying blob sha256:1\n"})");
  stream.add_line(R"({"stream":"Copying blob sha256:1\n"})");
  stream.add_line(R"({"images":["1"],"id":"1"})");
  EXPECT_THAT(said, ElementsAre("Copying blob sha256:1"));
}

TEST(PullStreams, KeepTheFirstFailure) {
  PullStream stream({});
  stream.add_line(R"({"errorDetail":{"message":"a"},"error":"a"})");
  stream.add_line(R"({"error":"b"})");
  EXPECT_EQ(stream.failure(), "a");
}

// Words as the engines have them.
TEST(PullErrors, SayWhatIsToBeDone) {
  struct Case {
    const char* words;
    ErrorKind kind;
    const char* what;
    const char* hint;
  };
  for (const Case& one :
       {Case{"pull access denied for r.test/a, repository does not exist or may require 'docker login': "
             "denied",
             ErrorKind::permission, "does not give it to everybody, or does not have it",
             "docker login r.test"},
        {"initializing source docker://r.test/a:1: reading manifest 1 in r.test/a: unauthorized: "
         "authentication "
         "required",
         ErrorKind::permission, "does not give it to everybody", "docker login r.test"},
        {"manifest for r.test/a:1 not found: manifest unknown: manifest unknown", ErrorKind::not_found,
         "'r.test' does not have it", "typing error"},
        {"initializing source docker://r.test/a:1: reading manifest 1 in r.test/a: manifest unknown",
         ErrorKind::not_found, "'r.test' does not have it", "typing error"},
        {"Get \"https://r.test/v2/\": dial tcp: lookup r.test: no such host", ErrorKind::unavailable,
         "'r.test' cannot be reached: Get", "--pull never"},
        {"pinging container registry r.test: Get \"https://r.test/v2/\": dial tcp 127.0.0.1:443: connect: "
         "connection refused",
         ErrorKind::unavailable, "'r.test' cannot be reached", "--pull never"},
        {"short-name \"a\" did not resolve to an alias and no unqualified-search registries are defined in "
         "\"/etc/containers/registries.conf\"",
         ErrorKind::not_found, "which registry it is in", "name the registry too"},
        {"something else", ErrorKind::engine, "something else", ""}}) {
    const Error error = pull_error("docker", "r.test/a:1", one.words);
    EXPECT_EQ(error.kind(), one.kind) << one.words;
    EXPECT_THAT(error.what(), HasSubstr("cannot pull image 'r.test/a:1': ")) << one.words;
    EXPECT_THAT(error.what(), HasSubstr(one.what));
    EXPECT_THAT(error.hint(), HasSubstr(one.hint)) << one.words;
  }
}

TEST(PullErrors, AShortNameIsSpelledOut) {
  const auto hint = [](const std::string& name) {
    return pull_error("podman", name, "short-name \"x\" did not resolve to an alias").hint();
  };
  EXPECT_EQ(hint("a:1"), "name the registry too, as in: docker.io/library/a:1");
  EXPECT_EQ(hint("lab/a:1"), "name the registry too, as in: docker.io/lab/a:1");
}

TEST(References, SayWhichImageIsMeant) {
  EXPECT_TRUE(has_tag_or_digest("a:1"));
  EXPECT_TRUE(has_tag_or_digest("r.test:5000/a@sha256:1"));
  EXPECT_FALSE(has_tag_or_digest("a"));
  EXPECT_FALSE(has_tag_or_digest("r.test:5000/b/a"));
}

}  // namespace
}  // namespace drydock::runtime
