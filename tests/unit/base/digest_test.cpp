#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"

namespace drydock {
namespace {

constexpr const char* empty_digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* abc_digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* million_digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Digest, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256_hex(""), empty_digest);
  EXPECT_EQ(sha256_hex("abc"), abc_digest);
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), million_digest);
}

TEST(Digest, PiecesAddUpToTheWhole) {
  Sha256 digest;
  for (int i = 0; i < 1000; ++i) digest.update(std::string(1000, 'a'));
  EXPECT_EQ(digest.finish(), million_digest);
}

TEST(Digest, StartsAnewAfterFinish) {
  Sha256 digest;
  digest.update("something else").finish();
  EXPECT_EQ(digest.update("a").update("bc").finish(), abc_digest);
}

TEST(Digest, SeesNulBytes) { EXPECT_NE(sha256_hex(std::string_view("a\0b", 3)), sha256_hex("a")); }

TEST(Digest, OfAFileIsOfItsContent) {
  const TempFile file;
  EXPECT_EQ(sha256_of_file(file.path()), empty_digest);
  std::ofstream(file.path(), std::ios::binary) << std::string(1000000, 'a');
  EXPECT_EQ(sha256_of_file(file.path()), million_digest);
  EXPECT_THROW(sha256_of_file("/nonexistent/file"), Error);
}

}  // namespace
}  // namespace drydock
