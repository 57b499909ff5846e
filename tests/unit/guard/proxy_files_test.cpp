#include "guard/proxy_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/temp_file.hpp"
#include "guard/config.hpp"

namespace drydock::guard {
namespace {

TEST(ProxyFilesTest, TheGuardSaysWhereItListensAndWhatItsFilterIs) {
  EXPECT_EQ(complete_config("FilterDefaultDeny Yes", 3129, "/proc/self/fd/9"),
            "FilterDefaultDeny Yes\nListen 127.0.0.1\nPort 3129\nFilter \"/proc/self/fd/9\"\n");
  EXPECT_EQ(
      config_refusal("Allow 127.0.0.1\nFilterURLs On\nConnectPort 443\n# Port 1\n\nFilterDefaultDeny Yes"),
      "");
  for (const std::string line :
       {"Port 8888", "  port 1", "LISTEN 0.0.0.0", "\tFilter \"/tmp/x\"", "filter\t\"/tmp/x\"", "Port"}) {
    EXPECT_NE(config_refusal("Allow 127.0.0.1\n" + line + "\nFilterURLs On\n"), "") << line;
    EXPECT_NE(config_refusal("Allow 127.0.0.1\n" + line), "") << line;
  }
}

TEST(ProxyFilesTest, BothAreReadAndBothMustBeThere) {
  const TempDir directory;
  std::ofstream(directory.path() + "/tinyproxy.conf") << "FilterURLs On\n";
  EXPECT_THROW(read_proxy_files(directory.path(), {"t"}), ConfigError);
  std::ofstream(directory.path() + "/filter") << "^x:443$\n";
  const ProxyFiles files = read_proxy_files(directory.path(), {"t", "-d"});
  EXPECT_EQ(files.config, "FilterURLs On\n");
  EXPECT_EQ(files.filter, "^x:443$\n");
  EXPECT_THAT(files.command, testing::ElementsAre("t", "-d"));
  std::ofstream(directory.path() + "/tinyproxy.conf") << "Port 1\n";
  EXPECT_THROW(read_proxy_files(directory.path(), {"t"}), ConfigError);
}

}  // namespace
}  // namespace drydock::guard
