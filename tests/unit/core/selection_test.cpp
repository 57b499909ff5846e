#include "core/selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "fake_engine.hpp"

namespace drydock::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FakeProvider : public runtime::EngineProvider {
 public:
  FakeProvider(std::string name, bool present, std::string failure, std::vector<std::string>& log)
      : name_(std::move(name)), present_(present), failure_(std::move(failure)), log_(log) {}
  std::string name() const override { return name_; }
  bool present() const override { return present_; }
  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions& options) const override {
    log_.push_back(name_ + (options.url.empty() ? "" : " " + options.url));
    if (!failure_.empty()) throw Error(ErrorKind::timeout, failure_, "a hint of its own");
    auto engine = std::make_unique<test::FakeEngine>();
    engine->info.engine = name_;
    return engine;
  }

 private:
  std::string name_;
  bool present_;
  std::string failure_;
  std::vector<std::string>& log_;
};

TEST(EngineUrl, IsThatOfAUnixSocket) {
  EXPECT_EQ(wrong_engine_url("unix:///run/docker.sock"), "");
  for (const char* url : {"tcp://127.0.0.1:2375", "ssh://host", "/run/docker.sock", "http://x", "unix:/x"})
    EXPECT_THAT(wrong_engine_url(url), HasSubstr("is no unix socket")) << url;
}

class SelectionTest : public testing::Test {
 protected:
  void add(const std::string& name, bool present, const std::string& failure = {}) {
    providers.push_back(std::make_unique<FakeProvider>(name, present, failure, log));
  }
  // The two as the command line lists them; for root in the other order, as root sees them.
  void add_both(bool first_present, const std::string& first_failure, bool second_present,
                const std::string& second_failure) {
    if (::geteuid() == 0) {
      add("second", second_present, second_failure);
      add("first", first_present, first_failure);
    } else {
      add("first", first_present, first_failure);
      add("second", second_present, second_failure);
    }
  }
  std::string chosen(const std::string& wanted, const std::string& url = {}) {
    const Selection selection = select_engine(providers, wanted, url, nullptr);
    reason = selection.reason;
    return selection.engine->system().info().engine;
  }
  Error error(const std::string& wanted, const std::string& url = {}) {
    try {
      chosen(wanted, url);
    } catch (const Error& thrown) {
      return thrown;
    }
    ADD_FAILURE() << "chose one";
    return {ErrorKind::internal, ""};
  }

  std::vector<std::string> log;
  Providers providers;
  std::string reason;
};

TEST_F(SelectionTest, AutoTakesTheFirst) {
  add_both(true, "", true, "");
  EXPECT_EQ(chosen("auto"), "first");
  EXPECT_EQ(reason, "first choice");
  EXPECT_THAT(log, ElementsAre("first")) << "the other is not even asked";
}

TEST_F(SelectionTest, AutoPassesOverWhatIsNotThere) {
  add_both(false, "", true, "");
  EXPECT_EQ(chosen("auto"), "second");
  EXPECT_EQ(reason, "first: not on this machine");
  EXPECT_THAT(log, ElementsAre("second"));
}

TEST_F(SelectionTest, AutoPassesOverWhatDoesNotWorkAndSaysWhy) {
  add_both(true, "cannot connect: no answer", true, "");
  EXPECT_EQ(chosen("auto"), "second");
  EXPECT_EQ(reason, "first: cannot connect: no answer");
}

TEST_F(SelectionTest, AutoWithoutAnySaysWhyForEach) {
  add_both(true, "cannot connect: no answer", false, "");
  const Error thrown = error("auto");
  EXPECT_EQ(thrown.kind(), ErrorKind::unavailable);
  EXPECT_STREQ(
      thrown.what(),
      "cannot find a container engine: first: cannot connect: no answer; second: not on this machine");
  EXPECT_THAT(thrown.hint(), HasSubstr("install podman"));
}

TEST_F(SelectionTest, ANamedOneIsTakenWhetherItIsThereOrNot) {
  add_both(true, "", false, "");
  EXPECT_EQ(chosen("second"), "second");
  EXPECT_EQ(reason, "--runtime second");
  EXPECT_EQ(chosen("first", "unix:///x"), "first");
  EXPECT_THAT(log, ElementsAre("second", "first unix:///x"));
}

TEST_F(SelectionTest, ANamedOnesFailureIsItsOwnAndNoOtherIsTaken) {
  add_both(true, "cannot connect: no answer", true, "");
  const Error thrown = error("first");
  EXPECT_EQ(thrown.kind(), ErrorKind::timeout);
  EXPECT_STREQ(thrown.what(), "cannot connect: no answer");
  EXPECT_EQ(thrown.hint(), "a hint of its own");
  EXPECT_THAT(log, ElementsAre("first"));
}

TEST_F(SelectionTest, AnOciRuntimeIsNoEngine) {
  add("podman", true);
  add("docker", true);
  for (const char* name : {"crun", "runc", "runsc", "kata"}) {
    const Error thrown = error(name);
    EXPECT_EQ(thrown.kind(), ErrorKind::usage);
    EXPECT_EQ(std::string(thrown.what()),
              "cannot use runtime '" + std::string(name) + "': --runtime picks the engine (podman, docker)");
    EXPECT_EQ(thrown.hint(), "for the OCI runtime use --oci-runtime " + std::string(name));
  }
}

TEST_F(SelectionTest, AnUnknownNameBringsTheNearest) {
  add("podman", true);
  add("docker", true);
  EXPECT_EQ(error("podmna").hint(), "did you mean 'podman'?");
  EXPECT_EQ(error("lxc").hint(), "use auto, podman or docker");
  EXPECT_EQ(error("").kind(), ErrorKind::usage);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(SelectionTest, AUrlNeedsItsKind) {
  add("podman", true);
  add("docker", true);
  const Error thrown = error("auto", "unix:///run/x.sock");
  EXPECT_EQ(thrown.kind(), ErrorKind::usage);
  EXPECT_EQ(thrown.hint(), "add --runtime podman or --runtime docker");
}

TEST_F(SelectionTest, ReachableEnginesAreAllThatAnswer) {
  add_both(true, "", true, "");
  add("absent", false);
  add("broken", true, "cannot connect");
  EXPECT_EQ(reachable_engines(providers, "auto", "", nullptr).size(), 2U);
  EXPECT_EQ(reachable_engines(providers, "first", "", nullptr).size(), 1U);
  EXPECT_THROW(reachable_engines(providers, "broken", "", nullptr), Error);
}

TEST_F(SelectionTest, NoReachableEngineIsNoError) {
  add("absent", false);
  EXPECT_THAT(reachable_engines(providers, "auto", "", nullptr), IsEmpty());
}

}  // namespace
}  // namespace drydock::core
