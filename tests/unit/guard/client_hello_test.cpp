#include "guard/client_hello.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/client_hello_bytes.hpp"

namespace drydock::guard {
namespace {

using namespace drydock::test;
using testing::HasSubstr;
using State = ClientHello::State;

std::string name_of(const std::string& bytes) {
  ClientHello hello;
  EXPECT_EQ(hello.feed(bytes), State::done) << hello.reason();
  return hello.server_name();
}

std::string reason_of(const std::string& bytes) {
  ClientHello hello;
  EXPECT_EQ(hello.feed(bytes), State::failed) << "taken as '" << hello.server_name() << "'";
  return hello.reason();
}

std::string with_extensions(const std::string& extensions) {
  Hello hello;
  hello.extensions = extensions;
  return records(hello.message());
}

TEST(ClientHelloTest, TellsTheServerName) {
  EXPECT_EQ(name_of(hello_for("example.com")), "example.com");
  EXPECT_EQ(name_of(hello_for("EXAMPLE.Com")), "example.com");
}

TEST(ClientHelloTest, KeepsEveryOctetThatItWasFed) {
  const std::string bytes = hello_for("example.com") + "early data";
  ClientHello hello;
  ASSERT_EQ(hello.feed(bytes), State::done);
  EXPECT_EQ(hello.take(), bytes);
}

TEST(ClientHelloTest, IsIndifferentToSegments) {
  const std::string bytes = hello_for("example.com");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    ClientHello hello;
    ASSERT_EQ(hello.feed(bytes.substr(0, cut)), State::more) << cut;
    ASSERT_EQ(hello.feed(bytes.substr(cut)), State::done) << cut;
    EXPECT_EQ(hello.server_name(), "example.com");
    EXPECT_EQ(hello.take(), bytes);
  }
}

TEST(ClientHelloTest, IsIndifferentToRecordsAndSegmentsOfOneOctet) {
  Hello made;
  made.extensions = sni("example.com");
  const std::string bytes = records(made.message(), 1);
  ClientHello hello;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i)
    ASSERT_EQ(hello.feed(bytes.substr(i, 1)), State::more) << i;
  EXPECT_EQ(hello.feed(bytes.substr(bytes.size() - 1)), State::done);
  EXPECT_EQ(hello.server_name(), "example.com");
}

TEST(ClientHelloTest, ReadsPastWhatItDoesNotKnow) {
  const std::string grease = extension(0x0a0a, "") + extension(0x1a1a, std::string(1, '\0'));
  const std::string ticket = extension(35, std::string(2000, 't'));
  const std::string key_share = extension(51, std::string(1216, 'k'));
  EXPECT_EQ(name_of(with_extensions(grease + ticket + sni("example.com") + key_share)), "example.com");
}

TEST(ClientHelloTest, TakesTheOuterNameOfAnEncryptedOne) {
  EXPECT_EQ(name_of(with_extensions(extension(0xfe0d, std::string(200, 'e')) + sni("outer.example"))),
            "outer.example");
}

TEST(ClientHelloTest, TakesOldVersions) {
  Hello made;
  made.version = 0x0301;
  made.session_id = "";
  made.extensions = sni("example.com");
  EXPECT_EQ(name_of(records(made.message(), 16384, 0x0300)), "example.com");
}

TEST(ClientHelloTest, RefusesToGoWithoutAName) {
  EXPECT_THAT(reason_of(with_extensions("")), HasSubstr("no server name"));
  EXPECT_THAT(reason_of(with_extensions(extension(35, "ticket"))), HasSubstr("no server name"));
  Hello bare;
  bare.with_extensions = false;
  EXPECT_THAT(reason_of(records(bare.message())), HasSubstr("no server name"));
}

TEST(ClientHelloTest, RefusesASecondName) {
  EXPECT_THAT(reason_of(with_extensions(sni("example.com") + sni("example.com"))),
              HasSubstr("more than one"));
  const std::string two = extension(0, vector_of(name_entry("example.com") + name_entry("evil.example"), 2));
  EXPECT_THAT(reason_of(with_extensions(two)), HasSubstr("more than one"));
}

TEST(ClientHelloTest, RefusesNamesThatAreNone) {
  const std::string host_with_nul("example.com\0evil.example", 24);
  for (const std::string& name :
       {std::string(), std::string("127.0.0.1"), std::string("::1"), host_with_nul,
        std::string("example.com."), std::string("exa mple.com"), std::string(300, 'a'), std::string("..")}) {
    EXPECT_THAT(reason_of(hello_for(name)), HasSubstr("not a host name")) << name;
  }
  EXPECT_THAT(reason_of(with_extensions(extension(0, vector_of(name_entry("example.com", 1), 2)))),
              HasSubstr("not a host name"));
}

TEST(ClientHelloTest, RefusesMalformedLengths) {
  EXPECT_EQ(reason_of(with_extensions(extension(0, ""))), "its server name is malformed");
  EXPECT_EQ(reason_of(with_extensions(extension(0, vector_of("", 2)))), "its server name is malformed");
  EXPECT_EQ(reason_of(with_extensions(extension(0, vector_of(name_entry("example.com"), 2) + "x"))),
            "its server name is malformed");
  EXPECT_EQ(reason_of(with_extensions(sni("example.com") + "x")), "its extensions are malformed");
  Hello made;
  made.extensions = sni("example.com");
  EXPECT_EQ(reason_of(records(big_endian(1, 1) + vector_of(made.body() + "x", 3))),
            "its extensions are malformed");
  EXPECT_EQ(reason_of(records(big_endian(1, 1) + vector_of(made.body().substr(0, 20), 3))),
            "it is cut short");
  made.session_id = std::string(33, 's');
  EXPECT_EQ(reason_of(records(made.message())), "its session id is too long");
  made.session_id = "";
  made.ciphers = "odd";
  EXPECT_EQ(reason_of(records(made.message())), "its cipher suites are malformed");
  made.ciphers = "";
  EXPECT_EQ(reason_of(records(made.message())), "its cipher suites are malformed");
}

TEST(ClientHelloTest, RefusesAnExtensionTwice) {
  EXPECT_THAT(reason_of(with_extensions(sni("example.com") + extension(35, "a") + extension(35, "b"))),
              HasSubstr("twice"));
}

TEST(ClientHelloTest, RefusesWhatIsNotTlsAtOnce) {
  for (const std::string bytes : {"SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/1.1\r\n\r\n", "\x80\x2e\x01\x03\x01",
                                  "S", "\x17\x03\x03", "\x15\x03\x03\x00\x02", "\x16\x02"}) {
    EXPECT_THAT(reason_of(bytes), HasSubstr("not TLS"));
  }
  ClientHello hello;
  EXPECT_EQ(hello.feed(""), State::more);
  EXPECT_FALSE(hello.is_tls());
}

TEST(ClientHelloTest, RefusesOtherMessagesAndRecords) {
  EXPECT_THAT(reason_of(records("\x02\x01\x01\x01")), HasSubstr("does not begin with a ClientHello"));
  Hello made;
  made.extensions = sni("example.com");
  const std::string message = made.message();
  const std::string first = records(message.substr(0, 10));
  EXPECT_THAT(reason_of(first + std::string("\x15\x03\x01\x00\x02\x01\x00", 7)), HasSubstr("interrupted"));
  EXPECT_THAT(reason_of(records(message + message)), HasSubstr("more than a ClientHello"));
  EXPECT_THAT(reason_of(std::string("\x16\x03\x01\x00\x00", 5)), HasSubstr("wrong length"));
  EXPECT_THAT(reason_of(std::string("\x16\x03\x01\x40\x01", 5)), HasSubstr("wrong length"));
}

TEST(ClientHelloTest, BoundsWhatItKeeps) {
  const std::string header = big_endian(1, 1) + big_endian(ClientHello::max_message + 1, 3);
  EXPECT_THAT(reason_of(records(header)), HasSubstr("too large"));

  // A message of the right size in records of one octet: six octets for each.
  ClientHello hello;
  Hello made;
  made.extensions = extension(35, std::string(20000, 't')) + sni("example.com");
  const std::string bytes = records(made.message(), 1);
  std::size_t fed = 0;
  while (fed < bytes.size() && hello.feed(bytes.substr(fed, 1000)) == State::more) fed += 1000;
  EXPECT_EQ(hello.state(), State::failed);
  EXPECT_LE(fed, ClientHello::limit);
}

}  // namespace
}  // namespace drydock::guard
