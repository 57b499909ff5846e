#include "core/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "nobody.hpp"

namespace drydock::core {
namespace {

TEST(MachineSettingsTest, ReadsPublicRanges) {
  const auto settings = parse_machine_settings(
      "# comment\n\n public-range = 203.0.113.0/24 # ours\npublic-range=2001:db8::/32\nruntime = podman\n",
      "config");
  EXPECT_THAT(settings.public_ranges, testing::ElementsAre("203.0.113.0/24", "2001:db8::/32"));
  EXPECT_THAT(parse_machine_settings("", "config").public_ranges, testing::IsEmpty());
}

TEST(MachineSettingsTest, NamesTheLineThatIsWrong) {
  for (const std::string value : {"203.0.113.0", "203.0.113.1/24", "203.0.113.0/33", "all", "",
                                  "2001:db8::/200", "10.0.0.0/8 10.0.0.0/8", "10.0.0.0/-1"}) {
    try {
      parse_machine_settings("\npublic-range = " + value + "\n", "config");
      ADD_FAILURE() << value << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      EXPECT_THAT(error.what(), testing::HasSubstr("config:2"));
    }
  }
}

TEST(MachineSettingsTest, AFileThatIsNotThereSaysNothing) {
  const TempDir directory;
  EXPECT_THAT(read_machine_settings(directory.path() + "/config").public_ranges, testing::IsEmpty());
  EXPECT_THAT(read_machine_settings("/dev/null/config").public_ranges, testing::IsEmpty());
}

TEST(MachineSettingsTest, AFileThatCannotBeReadIsAnError) {
  const TempDir directory;
  const std::string file = directory.path() + "/config";
  const auto hint = [&] {
    const test::AsNobody user;
    try {
      read_machine_settings(file);
    } catch (const Error& error) {
      return std::string(error.what()) + " => " + error.hint();
    }
    return std::string("it was read");
  };
  std::ofstream(file) << "public-range = 203.0.113.0/24\n";
  test::give_to_nobody(directory.path());
  EXPECT_EQ(hint(), "it was read") << "the control";
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  EXPECT_EQ(hint(), "cannot read configuration '" + file +
                        "': Permission denied => make it readable for you: chmod u+r " + file);
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_THAT(hint(), testing::HasSubstr("it is a directory => put a file in its place"));
}

}  // namespace
}  // namespace drydock::core
