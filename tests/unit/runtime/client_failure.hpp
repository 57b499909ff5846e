// How a request failed, for tests: every failure is an Error that names the engine and is fit for a terminal.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "runtime/http/client.hpp"

namespace drydock::runtime::http {

struct Failure {
  ErrorKind kind;
  std::string text;
};

inline Failure failure_of(const std::string& socket, const Request& request = {.target = "/x"},
                          const Limits& limits = {}) {
  try {
    Client client(socket, nullptr, limits);
    const Response response = client.send(request);
    ADD_FAILURE() << "got HTTP " << response.status;
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, testing::HasSubstr(" the engine at 'unix://" + socket + "': "));
    EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
      return c >= 0 && (c < ' ' || c == 0x7f);
    })) << text;
    EXPECT_LT(text.size(), 400U);
    return {error.kind(), text};
  }
  return {ErrorKind::internal, ""};
}

}  // namespace drydock::runtime::http
