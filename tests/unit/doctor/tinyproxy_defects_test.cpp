#include "core/tinyproxy_defects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "core/sidecar_image.hpp"

namespace drydock::core {
namespace {

using runtime::Finding;
using runtime::FindingStatus;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The names behind "mended in it", and the others.
std::string open_in(const Finding& finding) {
  const auto mended = finding.what.find(" (mended in it");
  const auto end = finding.what.find(')', mended);
  return mended == std::string::npos ? finding.what : finding.what.substr(end);
}

TEST(TinyproxyDefects, AreThoseOfTheVersion) {
  const Finding old = judge_tinyproxy({"1.11.1", "", ""});
  EXPECT_EQ(old.status, FindingStatus::note);
  EXPECT_FALSE(old.detail) << "it is worth an upgrade";
  EXPECT_THAT(old.what, testing::StartsWith("tinyproxy 1.11.1 has known defects by its version. CVE-"));
  for (const char* name : {"CVE-2022-40468", "CVE-2023-49606", "CVE-2025-63938", "CVE-2026-54387"})
    EXPECT_THAT(old.what, HasSubstr(name));
  EXPECT_THAT(old.what, HasSubstr("; here, it hears no field of a tunnel's"));
  EXPECT_THAT(old.fix, testing::StartsWith("upgrade tinyproxy-bin to a version newer than 1.11.3"));
  const Finding newer = judge_tinyproxy({"1.11.2", "1.11.2-1", ""});
  EXPECT_TRUE(newer.detail);
  EXPECT_THAT(newer.what, AllOf(HasSubstr("CVE-2025-63938"), Not(HasSubstr("CVE-2023-49606"))));
  EXPECT_THAT(judge_tinyproxy({"1.11.3", "", ""}).what,
              AllOf(HasSubstr("CVE-2026-3945"), Not(HasSubstr("CVE-2025-63938"))));
  EXPECT_EQ(judge_tinyproxy({"1.11.4", "", ""}).status, FindingStatus::ok);
  EXPECT_EQ(judge_tinyproxy({"1.12.0", "", ""}).what,
            "tinyproxy 1.12.0 has no defect that this drydock knows of");
  EXPECT_EQ(judge_tinyproxy({"git", "", ""}).status, FindingStatus::not_checked);
}

TEST(TinyproxyDefects, WhatDebianHasMendedIsNotOpen) {
  EXPECT_THAT(open_in(judge_tinyproxy({"1.11.1", "1.11.1-1", ""})), HasSubstr("CVE-2022-40468"));
  const Finding before = judge_tinyproxy({"1.11.1", "1.11.1-2.1", ""});
  EXPECT_FALSE(before.detail);
  EXPECT_THAT(open_in(before), AllOf(HasSubstr("CVE-2023-49606"), Not(HasSubstr("CVE-2022-40468"))));
  for (const char* package : {"1.11.1-2.1+deb12u1", "1.11.1-2.1+deb12u2"}) {
    const Finding mended = judge_tinyproxy({"1.11.1", package, ""});
    EXPECT_TRUE(mended.detail) << package;
    EXPECT_THAT(mended.what, testing::StartsWith("tinyproxy " + std::string(package) + " has known"));
    EXPECT_THAT(mended.what, HasSubstr("as its package says: CVE-2022-40468, CVE-2023-49606)"));
    EXPECT_THAT(open_in(mended), AllOf(HasSubstr("CVE-2025-63938"), Not(HasSubstr("CVE-2023-49606"))));
  }
}

// Of whatever distribution.
TEST(TinyproxyDefects, WhatTheChangelogNamesIsNotOpen) {
  const std::string package = "1.11.1-3ubuntu0.1";
  EXPECT_THAT(open_in(judge_tinyproxy({"1.11.1", package, ""})), HasSubstr("CVE-2023-49606"));
  const Finding named = judge_tinyproxy({"1.11.1", package, "* Fix a use after free (CVE-2023-49606)\n"});
  EXPECT_THAT(open_in(named), Not(HasSubstr("CVE-2023-49606")));
  EXPECT_THAT(named.what, HasSubstr("CVE-2023-49606)"));
  const Finding longer = judge_tinyproxy({"1.11.1", package, "CVE-2023-496061\n"});
  EXPECT_THAT(open_in(longer), HasSubstr("CVE-2023-49606"));
  // Of those that go together one is not all.
  const Finding one = judge_tinyproxy({"1.11.3", "1.11.3-1", "CVE-2026-3945\n"});
  EXPECT_THAT(one.what, testing::StartsWith("tinyproxy 1.11.3-1 has known defects"));
}

TEST(TinyproxyDefects, APackageSaysWhatHasBeenMendedInIt) {
  if (!std::filesystem::exists("/usr/share/doc/tinyproxy-bin/changelog.Debian.gz"))
    GTEST_SKIP() << "no tinyproxy of the distribution's is installed with its documents";
  const Tinyproxy tinyproxy = installed_tinyproxy();
  const TinyproxyBuild build = tinyproxy_build(tinyproxy.path, tinyproxy.version);
  EXPECT_THAT(build.package, testing::StartsWith(tinyproxy.version + "-"));
  EXPECT_THAT(build.changelog, HasSubstr("(" + build.package + ")"));
  EXPECT_THAT(build.changelog, HasSubstr("CVE-2022-40468"));
}

TEST(TinyproxyDefects, AProgramThatIsNoPackagesIsJudgedByItself) {
  const TempDir folder;
  std::ofstream(folder.path() + "/tinyproxy") << "#!/bin/sh\n";
  const TinyproxyBuild build = tinyproxy_build(folder.path() + "/tinyproxy", "1.11.1");
  EXPECT_EQ(build.version, "1.11.1");
  EXPECT_EQ(build.package, "");
  EXPECT_EQ(build.changelog, "");
  EXPECT_EQ(tinyproxy_build("/nonexistent", "1.11.1").package, "");
  // One that says another version than its package's is not that package's any more.
  EXPECT_EQ(tinyproxy_build("/usr/bin/tinyproxy", "0.1").package, "");
}

}  // namespace
}  // namespace drydock::core
