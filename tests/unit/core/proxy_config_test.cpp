#include "core/proxy_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.hpp"

namespace drydock::core {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string config() { return make_proxy_config(); }

class ProxyConfigLine : public testing::TestWithParam<const char*> {};

TEST_P(ProxyConfigLine, IsThere) {
  EXPECT_THAT("\n" + config(), HasSubstr(std::string("\n") + GetParam() + "\n"));
}

INSTANTIATE_TEST_SUITE_P(Each, ProxyConfigLine,
                         testing::Values("Allow 127.0.0.1", "FilterURLs On", "FilterType ere",
                                         "FilterDefaultDeny Yes", "ConnectPort 443",
                                         "Upstream http 127.0.0.1:3128", "DisableViaHeader Yes",
                                         "LogLevel Connect", "MaxClients 256",
                                         "ErrorFile 403 \"/etc/drydock/403.html\""));

TEST(ProxyConfig, HasEachDirectiveOnceAndNothingThatWidensIt) {
  std::set<std::string> seen;
  for (const std::string& line : split(trim(config()), '\n')) {
    const std::string directive = to_lower_ascii(line.substr(0, line.find(' ')));
    EXPECT_TRUE(seen.insert(directive).second || directive == "errorfile") << line;
  }
  // The guard adds the first three.
  for (const char* directive :
       {"listen", "port", "filter", "pidfile", "logfile", "syslog", "stathost", "reverseonly", "reversepath",
        "basicauth", "user", "bind", "bindsame", "xtinyproxy", "addheader", "upstream none"}) {
    EXPECT_EQ(seen.count(directive), 0U) << directive;
  }
}

TEST(ProxyConfig, TheFilesAreBothConfigurationsTheFilterAndThePage) {
  const auto files = make_proxy_files("^example\\.org:443$\n", "{}");
  EXPECT_EQ(files.at("guard.json"), "{}");
  EXPECT_EQ(files.at("tinyproxy.conf"), config());
  EXPECT_EQ(files.at("filter"), "^example\\.org:443$\n");
  EXPECT_EQ(files.size(), 4U);
}

TEST(ProxyConfig, ThePageSaysWhoRefused) {
  const std::string page = make_proxy_files("", "").at("403.html");
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("drydock refused {request}"));
  EXPECT_THAT(page, Not(HasSubstr("egress allow"))) << "no line allows what gets this page";
  // {clientip}, {date} and the like would say more than the agent should hear.
  EXPECT_THAT(page, Not(HasSubstr("{client")));
}

}  // namespace
}  // namespace drydock::core
