#include "core/build_cache.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "environment.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

TEST(BuildCache, WhatAKilledBuildLeftIsRemovedADayLater) {
  const TempDir directory;
  test::Environment environment;
  environment.set("XDG_CACHE_HOME", directory.path());
  const std::string cache = directory.path() + "/drydock/";
  fs::create_directories(cache + "drydock-agent.abcdef/0");
  fs::create_directories(cache + "npm");
  const std::vector<std::string> left{"drydock-agent.abcdef", "making.abcdef", "npm/fetching.abcdef"};
  const std::vector<std::string> others{"base-bookworm-0123456789ab.tar", "npm/0123.tgz", "making.of"};
  for (const auto* names : {&left, &others}) {
    for (const std::string& name : *names) {
      if (!fs::exists(cache + name)) std::ofstream(cache + name) << "x";
      fs::last_write_time(cache + name, fs::file_time_type::clock::now() - std::chrono::hours(25));
    }
  }
  std::ofstream(cache + "drydock-image.abcdef") << "of a build that goes on";
  EXPECT_EQ(build_cache() + "/", cache);
  EXPECT_EQ(npm_cache() + "/", cache + "npm/");
  for (const std::string& name : left) EXPECT_FALSE(fs::exists(cache + name)) << name;
  for (const std::string& name : others) EXPECT_TRUE(fs::exists(cache + name)) << name;
  EXPECT_TRUE(fs::exists(cache + "drydock-image.abcdef"));
}

}  // namespace
}  // namespace drydock::core
