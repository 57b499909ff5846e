#include "base/download.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace drydock {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Download, AnAddressIsToldWithoutItsPassword) {
  EXPECT_EQ(without_credentials("https://me:p@ss@host.example:8443/a@b"), "https://host.example:8443/a@b");
  EXPECT_EQ(without_credentials("mirror+https://me@host.example"), "mirror+https://host.example");
  for (const char* plain : {"https://host.example/a@b", "file:/srv/mirror", "host@example", ""})
    EXPECT_EQ(without_credentials(plain), plain);
  try {
    download_text("https://me:hush@127.0.0.1:1/package", 100);
    FAIL() << "somebody listens there";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot download 'https://127.0.0.1:1/package': "));
    EXPECT_THAT(std::string(error.what()) + error.hint(), Not(HasSubstr("hush")));
  }
}

}  // namespace
}  // namespace drydock
