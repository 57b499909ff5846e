#include "core/pins.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

class PinsTest : public testing::Test {
 protected:
  PinsTest() {
    environment_.set("XDG_CONFIG_HOME", directory_.path());
    for (const char* name : {"DRYDOCK_DOOD", "DRYDOCK_CONTAIN"}) environment_.set(name, std::nullopt);
    project_.path = "/srv/demo";
    project_.name = "demo";
    project_.key = "demo-12345678";
  }
  std::string at(const std::string& path) const { return directory_.path() + "/drydock/" + path; }
  ModeDecision now() const { return resolve_mode(mode_inputs(std::nullopt, &project_)); }

  TempDir directory_;
  test::Environment environment_;
  Project project_;
};

TEST_F(PinsTest, APinDecidesUntilItIsTakenBack) {
  EXPECT_EQ(now().reason, "the default");
  const PinChange made = pin_project(project_, Mode::dood);
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.file, at("dood/demo-12345678"));
  EXPECT_EQ(now().mode, Mode::dood);
  struct stat status {};
  ASSERT_EQ(::stat(made.file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_FALSE(pin_project(project_, Mode::dood).changed);
  EXPECT_TRUE(unpin_project(project_, Mode::dood).changed);
  EXPECT_EQ(now().reason, "the default");
  EXPECT_FALSE(unpin_project(project_, Mode::dood).changed);
}

TEST_F(PinsTest, APinTakesThePlaceOfTheOther) {
  pin_project(project_, Mode::dood);
  const PinChange change = pin_project(project_, Mode::contained);
  EXPECT_EQ(change.replaced, Mode::dood);
  EXPECT_EQ(now().reason, "the project is pinned to contained");
  // One that was made by hand, by the folder's name, too.
  std::ofstream(at("dood/demo")) << "";
  EXPECT_EQ(now().reason, "the project is pinned to both modes");
  EXPECT_EQ(pin_project(project_, Mode::contained).replaced, Mode::dood);
  EXPECT_EQ(now().reason, "the project is pinned to contained");
}

TEST_F(PinsTest, TheDefaultIsForWhatIsNotPinned) {
  EXPECT_TRUE(set_default_mode(Mode::dood).changed);
  EXPECT_FALSE(set_default_mode(Mode::dood).changed);
  EXPECT_EQ(now().mode, Mode::dood);
  pin_project(project_, Mode::contained);
  EXPECT_EQ(now().mode, Mode::contained);
  EXPECT_TRUE(set_default_mode(Mode::contained).changed);
  EXPECT_FALSE(set_default_mode(Mode::contained).changed);
  EXPECT_FALSE(fs::exists(at("default-dood")));
}

TEST_F(PinsTest, WhatCannotBeWrittenIsAnError) {
  fs::create_directories(at(""));
  std::ofstream(at("dood")) << "a file where the folder should be";
  try {
    pin_project(project_, Mode::dood);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.what();
  }
  EXPECT_EQ(now().mode, Mode::contained);
}

}  // namespace
}  // namespace drydock::core
