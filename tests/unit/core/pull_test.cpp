#include "core/pull.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "fake_engine.hpp"
#include "orchestration.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* reference = "example.org/a:1";
constexpr const char* pinned = "example.org/a@sha256:1234";

class Pull : public testing::Test {
 protected:
  void offer(const std::string& name) {
    engine.on_pull = [=, this](const std::string& asked) {
      if (asked != name) throw Error(ErrorKind::not_found, "cannot pull image '" + asked + "': none");
      engine.image_map[name].digests = {"example.org/a@sha256:1234"};
    };
  }
  bool pulls(PullPolicy policy, const std::string& name = reference) {
    engine.forget_calls();
    pull_as_asked(engine, name, policy, talk);
    const auto& calls = engine.calls();
    return std::find(calls.begin(), calls.end(), "images.pull " + name) != calls.end();
  }
  Error failure(PullPolicy policy, const std::string& name = reference) {
    try {
      pull_as_asked(engine, name, policy, talk);
    } catch (const Error& error) {
      return error;
    }
    return {ErrorKind::internal, "none"};
  }
  test::FakeEngine engine;
  Recorder talk;
};

TEST_F(Pull, IsByPolicy) {
  offer(reference);
  EXPECT_FALSE(pulls(PullPolicy::never));
  EXPECT_THAT(engine.calls(), IsEmpty()) << "the engine is not even asked";
  EXPECT_TRUE(pulls(PullPolicy::missing));
  EXPECT_FALSE(pulls(PullPolicy::missing)) << "it is there now";
  EXPECT_TRUE(pulls(PullPolicy::always));
  EXPECT_TRUE(pulls(PullPolicy::newer));
  EXPECT_THAT(talk.said, IsEmpty());
}

TEST_F(Pull, ThatFailsIsAnErrorUnlessANewerOneWasHopedFor) {
  for (const PullPolicy policy : {PullPolicy::missing, PullPolicy::always, PullPolicy::newer})
    EXPECT_EQ(failure(policy).kind(), ErrorKind::not_found);
  engine.image_map[reference] = {};
  EXPECT_EQ(failure(PullPolicy::always).kind(), ErrorKind::not_found);
  EXPECT_TRUE(pulls(PullPolicy::newer));
  EXPECT_THAT(talk.said,
              ElementsAre(HasSubstr("image 'example.org/a:1' is the one that is here: cannot find image")));
}

TEST_F(Pull, ADigestIsThatOfTheImage) {
  runtime::ImageReport image;
  image.digests = {"example.org/b@sha256:5678", "example.org/a@sha256:1234"};
  require_digest("podman", pinned, image);
  require_digest("podman", reference, {});
  image.digests.pop_back();
  try {
    require_digest("podman", pinned, image);
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_THAT(error.what(), HasSubstr("does not have this digest"));
  }
}

TEST_F(Pull, PoliciesHaveNames) {
  EXPECT_EQ(parse_pull_policy("missing"), PullPolicy::missing);
  EXPECT_EQ(parse_pull_policy("newer"), PullPolicy::newer);
  EXPECT_EQ(parse_pull_policy("Always"), std::nullopt);
  EXPECT_EQ(parse_pull_policy(""), std::nullopt);
}

}  // namespace
}  // namespace drydock::core
