#include "core/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/temp_file.hpp"

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
  EXPECT_THROW(read_machine_settings(directory.path()), Error) << "a folder cannot be read";
}

}  // namespace
}  // namespace drydock::core
