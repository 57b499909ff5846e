#include "runtime/stream/demux.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace drydock::runtime::stream {
namespace {

std::string frame(char channel, std::string_view payload) {
  std::string text{channel, 0, 0, 0};
  for (const unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(payload.size() >> shift & 0xff);
  return text.append(payload);
}

struct Outputs {
  std::string out;
  std::string err;
  std::size_t pieces = 0;
};

void feed(Demux& demux, std::string_view bytes, Outputs& outputs) {
  demux.feed(std::as_bytes(std::span(bytes)), [&](Channel channel, std::span<const std::byte> piece) {
    auto& text = channel == Channel::err ? outputs.err : outputs.out;
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    ++outputs.pieces;
  });
}

const std::string sample = frame(1, "one") + frame(2, "warning") + frame(1, "") + frame(0, "+") +
                           frame(2, "") + frame(1, std::string(300, 'x'));
const std::string sample_out = "one+" + std::string(300, 'x');

TEST(Demux, GivesTheSameForEveryCut) {
  for (std::size_t cut = 0; cut <= sample.size(); ++cut) {
    Demux demux;
    Outputs outputs;
    feed(demux, sample.substr(0, cut), outputs);
    feed(demux, sample.substr(cut), outputs);
    ASSERT_EQ(outputs.out, sample_out) << "cut at " << cut;
    ASSERT_EQ(outputs.err, "warning") << "cut at " << cut;
    ASSERT_TRUE(demux.at_boundary()) << "cut at " << cut;
  }
}

TEST(Demux, TakesSingleBytes) {
  Demux demux;
  Outputs outputs;
  for (const char byte : sample) feed(demux, {&byte, 1}, outputs);
  EXPECT_EQ(outputs.out, sample_out);
  EXPECT_EQ(outputs.err, "warning");
}

TEST(Demux, HandsOnAPayloadBeforeItsEnd) {
  Demux demux;
  Outputs outputs;
  feed(demux, std::string_view(frame(1, "hello")).substr(0, 10), outputs);
  EXPECT_EQ(outputs.out, "he");
}

TEST(Demux, KnowsTheOnlyPlacesWhereAStreamMayEnd) {
  const std::string two = frame(1, "ab") + frame(2, "c");
  Demux demux;
  Outputs outputs;
  for (std::size_t i = 0; i < two.size(); ++i) {
    EXPECT_EQ(demux.at_boundary(), i == 0 || i == 10) << i;
    feed(demux, {&two[i], 1}, outputs);
  }
  EXPECT_TRUE(demux.at_boundary());
}

TEST(Demux, PassesOverEmptyFrames) {
  Demux demux;
  Outputs outputs;
  feed(demux, frame(1, "") + frame(2, ""), outputs);
  EXPECT_EQ(outputs.pieces, 0U);
  EXPECT_TRUE(demux.at_boundary());
}

TEST(Demux, ReadsLengthsOfFourBytes) {
  Demux demux;
  Outputs outputs;
  const std::string payload(0x01020304, 'y');
  feed(demux, frame(2, payload) + frame(1, "z"), outputs);
  EXPECT_EQ(outputs.err.size(), payload.size());
  EXPECT_EQ(outputs.out, "z");
}

TEST(Demux, RefusesAChannelThatIsNone) {
  for (const char channel : {'\x03', '{', '\xff'}) {
    Demux demux;
    Outputs outputs;
    try {
      feed(demux, frame(1, "a") + frame(channel, "b"), outputs);
      FAIL() << "took channel " << static_cast<int>(channel);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::protocol);
    }
    EXPECT_EQ(outputs.out, "a");
  }
}

}  // namespace
}  // namespace drydock::runtime::stream
