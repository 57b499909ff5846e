#include "guard/connect_head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drydock::guard {
namespace {

using State = ConnectHead::State;
using testing::HasSubstr;

int status_of(const std::string& bytes) {
  ConnectHead head;
  const State state = head.feed(bytes);
  if (state == State::done) return 200;
  return state == State::more ? 0 : head.status();
}

TEST(ConnectHeadTest, TakesWhatClientsSend) {
  for (const std::string bytes : {
           "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nUser-Agent: x\r\n\r\n",
           "CONNECT example.com:443 HTTP/1.0\r\n\r\n",
           "CONNECT EXAMPLE.com:443 HTTP/1.1\r\nHost:\r\nProxy-Connection: keep-alive\r\n\r\n",
       }) {
    ConnectHead head;
    EXPECT_EQ(head.feed(bytes), State::done) << bytes << head.reason();
    EXPECT_EQ(head.authority().host, "example.com");
    EXPECT_EQ(head.authority().port, 443);
    EXPECT_EQ(head.take_rest(), "");
  }
}

TEST(ConnectHeadTest, IsIndifferentToSegmentsAndKeepsWhatFollows) {
  const std::string bytes = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n\x16\x03\x01";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    ConnectHead head;
    head.feed(bytes.substr(0, cut));
    EXPECT_EQ(head.feed(bytes.substr(cut)), State::done) << cut;
    EXPECT_EQ(head.take_rest(), "\x16\x03\x01");
  }
  ConnectHead head;
  for (const char c : bytes) head.feed({&c, 1});
  EXPECT_EQ(head.state(), State::done);
  EXPECT_EQ(head.take_rest(), "\x16\x03\x01");
}

TEST(ConnectHeadTest, RefusesOtherAuthorities) {
  for (const std::string authority : {
           "example.com",
           "example.com:80",
           "example.com:0443",
           "example.com:443x",
           "example.com: 443",
           "example.com:65979",
           "example.com:",
           ":443",
           "example.com.:443",
           ".example.com:443",
           "example..com:443",
           "127.0.0.1:443",
           "0x7f.0.0.1:443",
           "0x7f000001:443",
           "2130706433:443",
           "0177.1:443",
           "[::1]:443",
           "::1:443",
           "[::ffff:127.0.0.1]:443",
           "user@example.com:443",
           "example.com:443@evil.example:443",
           "http://example.com:443",
           "example.com/x:443",
           "*:443",
           "exam_ple.com:443",
           "ex%61mple.com:443",
           "ex\xc3\xa4mple.com:443",
       }) {
    const int status = status_of("CONNECT " + authority + " HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(status == 403 || status == 400) << authority << " got " << status;
  }
  EXPECT_EQ(status_of("CONNECT " + std::string(64, 'a') + ".com:443 HTTP/1.1\r\n\r\n"), 403);
  EXPECT_EQ(status_of("CONNECT " + std::string(63, 'a') + ".com:443 HTTP/1.1\r\n\r\n"), 200);
}

TEST(ConnectHeadTest, RefusesWhatIsNotAConnect) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 405);
  EXPECT_EQ(status_of("connect example.com:443 HTTP/1.1\r\n\r\n"), 405);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/2\r\n\r\n"), 400);
  EXPECT_EQ(status_of("CONNECT example.com:443\r\n\r\n"), 400);
  EXPECT_EQ(status_of("CONNECT  example.com:443 HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1 \r\n\r\n"), 400);
  EXPECT_EQ(status_of("\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("CONNECT example.com:443\0 HTTP/1.1\r\n\r\n", 37)), 400);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("CONNECT example.com:443 HTTP/1.1\r\nA: \0\r\n\r\n", 42)), 400);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\nHost: x\n\n"), 0) << "bare newlines end nothing";
}

TEST(ConnectHeadTest, RefusesWhatCouldBeReadInTwoWays) {
  for (const std::string field : {"Host: a", "Content-Length: 0", "Transfer-Encoding: chunked"}) {
    const std::string once = "CONNECT example.com:443 HTTP/1.1\r\n" + field + "\r\n";
    EXPECT_EQ(status_of(once + "\r\n"), 200) << field;
    EXPECT_EQ(status_of(once + "X: y\r\n" + field + "\r\n\r\n"), 400) << field;
    EXPECT_EQ(status_of(once + "hOST: b\r\nHOST: c\r\ncontent-LENGTH: 1\r\nCONTENT-length: 2\r\n\r\n"), 400);
  }
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\r\nX: a\r\nX: b\r\n\r\n"), 200);
}

TEST(ConnectHeadTest, BoundsItsSize) {
  ConnectHead head;
  const std::string piece(1000, 'x');
  head.feed("CONNECT example.com:443 HTTP/1.1\r\nA: ");
  std::size_t fed = 0;
  while (head.feed(piece) == State::more) fed += piece.size();
  EXPECT_EQ(head.state(), State::failed);
  EXPECT_EQ(head.status(), 431);
  EXPECT_LE(fed, ConnectHead::limit);
  EXPECT_EQ(status_of("CONNECT example.com:443 HTTP/1.1\r\nA: " + std::string(ConnectHead::limit, 'x') +
                      "\r\n\r\n"),
            431);
}

}  // namespace
}  // namespace drydock::guard
