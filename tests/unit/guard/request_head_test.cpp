#include "guard/request_head.hpp"

#include <gtest/gtest.h>

namespace drydock::guard {
namespace {

using State = RequestHead::State;

TEST(RequestHeadTest, EndsWhereTinyproxySeesTheEnd) {
  for (const std::string bytes :
       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n",
        "garbage\r\n\r\n", "CONNECT a:443 HTTP/1.0\r\n\n"}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      RequestHead head;
      head.feed(std::string_view(bytes).substr(0, cut));
      EXPECT_EQ(head.feed(bytes.substr(cut) + "rest\n\n"), State::done) << bytes << cut;
      EXPECT_EQ(head.head(), bytes);
      EXPECT_EQ(head.take_rest(), "rest\n\n");
    }
    RequestHead head;
    EXPECT_EQ(head.feed(std::string_view(bytes).substr(0, bytes.size() - 1)), State::more) << bytes;
  }
}

TEST(RequestHeadTest, SkipsEmptyLinesAheadOfTheRequestLine) {
  RequestHead head;
  EXPECT_EQ(head.feed("\r\n\n\r\nCONNECT a:443 HTTP/1.1\r\n"), State::more);
  EXPECT_EQ(head.line(), "CONNECT a:443 HTTP/1.1");
  EXPECT_TRUE(head.is_connect());
  EXPECT_EQ(head.feed("\r\n"), State::done);
  EXPECT_EQ(head.head(), "CONNECT a:443 HTTP/1.1\r\n\r\n");
}

TEST(RequestHeadTest, KnowsAConnectAsTinyproxyDoes) {
  for (const std::string line :
       {"connect a:443 HTTP/1.1", "CONNECT\ta:443 HTTP/1.1", " CONNECT a:443 HTTP/1.1", "CONNECT",
        "GET / HTTP/1.1", "XCONNECT a:443 HTTP/1.1"}) {
    RequestHead head;
    EXPECT_EQ(head.feed(line + "\r\n\r\n"), State::done);
    EXPECT_FALSE(head.is_connect()) << line;
    EXPECT_EQ(head.line(), line);
  }
}

TEST(RequestHeadTest, IsBoundedHoweverItComes) {
  const std::string start = "GET / HTTP/1.1\r\nA: ";
  const std::string fits = start + std::string(RequestHead::limit - start.size() - 4, 'x') + "\r\n\r\n";
  RequestHead whole;
  EXPECT_EQ(whole.feed(fits), State::done);
  for (const std::string& bytes :
       {start + std::string(RequestHead::limit, 'x'), "x" + fits, std::string(100'000, '\n')}) {
    RequestHead head;
    EXPECT_EQ(head.feed(bytes), State::too_large);
    RequestHead pieces;
    for (const char c : bytes) pieces.feed({&c, 1});
    EXPECT_EQ(pieces.state(), State::too_large);
    EXPECT_LE(pieces.head().size(), RequestHead::limit);
  }
}

}  // namespace
}  // namespace drydock::guard
