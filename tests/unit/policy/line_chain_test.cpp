#include "policy/line_chain.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "base/digest.hpp"
#include "policy/sha256.hpp"

namespace drydock::policy {
namespace {

TEST(Sha256OfPolicyTest, GivesThePublishedValues) {
  // FIPS 180-4's examples.
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256OfPolicyTest, AgreesWithTheLibraryAtEveryLength) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(sha256_hex(text), drydock::sha256_hex(text)) << i;
    text += static_cast<char>(i * 37);
  }
  EXPECT_TRUE(rc::check(
      "of anything", [](const std::string& any) { RC_ASSERT(sha256_hex(any) == drydock::sha256_hex(any)); }));
}

TEST(LineChainTest, SealsObjectsSoThatTheyCanBeRead) {
  LineChain chain;
  std::string before = chain_start;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const std::string line = chain.seal("{\"a\":\"b\\\"\"}");
    const auto parts = read_chained(line);
    ASSERT_TRUE(parts) << line;
    EXPECT_EQ(parts->seq, i);
    EXPECT_EQ(parts->chain, chain_hash(before, parts->body));
    EXPECT_EQ(nlohmann::json::parse(line).at("seq"), i);
    before = parts->chain;
  }
}

TEST(LineChainTest, GoesOnWhereAnotherEnded) {
  LineChain whole;
  whole.seal("{\"a\":1}");
  const std::string second = whole.seal("{\"a\":2}");
  LineChain first;
  const std::string line = first.seal("{\"a\":1}");
  LineChain other(1, std::string(read_chained(line)->chain));
  EXPECT_EQ(other.seal("{\"a\":2}"), second);
}

TEST(LineChainTest, ReadsNothingElse) {
  const std::string line = LineChain().seal("{\"a\":1}");
  EXPECT_FALSE(read_chained(""));
  EXPECT_FALSE(read_chained("{\"a\":1}"));
  EXPECT_FALSE(read_chained(line + " "));
  EXPECT_FALSE(read_chained(line.substr(0, line.size() - 1)));
  EXPECT_FALSE(read_chained(line.substr(1)));
  std::string upper = line;
  upper[upper.size() - 3] = 'G';
  EXPECT_FALSE(read_chained(upper));
  std::string unnumbered = line;
  unnumbered.replace(unnumbered.find("\"seq\":0"), 7, "\"seq\":x");
  EXPECT_FALSE(read_chained(unnumbered));
}

}  // namespace
}  // namespace drydock::policy
