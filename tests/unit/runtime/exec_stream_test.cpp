#include "runtime/stream/exec_stream.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace drydock::runtime::stream {
namespace {

// Gives one piece a read, then ends.
class Scripted : public AttachStream {
 public:
  explicit Scripted(std::deque<std::string> pieces) : pieces_(std::move(pieces)) {}
  int fd() const override { return -1; }
  bool has_buffered() const override { return true; }
  bool read(const std::function<void(Channel, std::span<const std::byte>)>& sink) override {
    if (pieces_.empty()) return false;
    sink(Channel::err, std::as_bytes(std::span(pieces_.front())));
    pieces_.pop_front();
    return true;
  }
  std::size_t write(std::span<const std::byte> bytes) override { return bytes.size(); }
  void close_input() override {}

 private:
  std::deque<std::string> pieces_;
};

struct Read {
  std::vector<std::string> pieces;
  std::string all() const {
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    return text;
  }
};

ExecStream make(std::deque<std::string> pieces, bool started, bool condemned) {
  return ExecStream(std::make_unique<Scripted>(std::move(pieces)),
                    {"Error: ", [started] { return started; },
                     [condemned](const std::string& words) {
                       if (condemned) throw Error(ErrorKind::command_not_found, words);
                     }});
}

Read read_all(ExecStream& stream) {
  Read result;
  while (stream.read([&](Channel, std::span<const std::byte> bytes) {
    result.pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  })) {
  }
  return result;
}

TEST(ExecStream, OutputGoesThroughAtOnce) {
  ExecStream stream = make({"out", "put"}, false, true);
  EXPECT_EQ(read_all(stream).pieces, (std::vector<std::string>{"out", "put"}));
}

TEST(ExecStream, TheEnginesWordsAreAnErrorAndNoOutput) {
  for (const auto& pieces :
       {std::deque<std::string>{"Error: crun: no"}, std::deque<std::string>{"Err", "or: ", "no"}}) {
    ExecStream stream = make(pieces, false, true);
    Read read;
    EXPECT_THROW(read = read_all(stream), Error);
    EXPECT_EQ(read.all(), "");
  }
}

TEST(ExecStream, ACommandThatWritesLikewiseLosesNothing) {
  ExecStream ended = make({"Error: mine", "\n", "more"}, false, false);
  EXPECT_EQ(read_all(ended).all(), "Error: mine\nmore");
  ExecStream short_one = make({"Er"}, false, false);
  EXPECT_EQ(read_all(short_one).all(), "Er");
}

TEST(ExecStream, ACommandThatRunsIsNotHeldBack) {
  ExecStream stream = make({"Error: mine", "more"}, true, true);
  std::string got;
  EXPECT_TRUE(stream.read([&](Channel, std::span<const std::byte> bytes) {
    got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }));
  EXPECT_EQ(got, "Error: mine");
  EXPECT_EQ(read_all(stream).all(), "more");
}

TEST(ExecStream, LongOutputIsNotHeldBackForEver) {
  ExecStream stream = make({"Error: " + std::string(20000, 'x'), "y"}, false, true);
  EXPECT_EQ(read_all(stream).all().size(), 20008U);
}

}  // namespace
}  // namespace drydock::runtime::stream
