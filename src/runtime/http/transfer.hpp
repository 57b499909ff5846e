// One request on its way through libcurl: what the C callbacks fill in, and what they tell of time passing.
// Private to the client.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "runtime/http/client.hpp"
#include "runtime/http/limits.hpp"
#include "runtime/http/unix_socket.hpp"

namespace drydock::runtime::http {

class Transfer {
 public:
  using Sink = std::function<bool(std::string_view)>;

  // All arguments but `limits` must outlive the transfer; `sink` may be null. Opens the file to upload.
  Transfer(CURL* handle, const std::string& socket, const Request& request, const Sink* sink,
           const Limits& limits);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Sets the options of `handle` that hold for every request, and those of this one.
  void configure();
  // When to give up, as far as is known now.
  Deadline deadline() const;
  // Whether there may be more time, when the engine shows that it lives: the request's patience is not at its
  // end, or nothing of an answer has come and the limit for a busy engine has not been reached.
  bool may_wait_on() const;
  void wait_on() { progress_ = std::chrono::steady_clock::now(); }
  // The Error for a deadline that has passed.
  Error timed_out() const;
  // Whether the connection was closed before a word of an answer.
  bool is_unanswered(CURLcode code) const;
  Error failure_of(CURLcode code) const;
  // The answer, or the exception for how the transfer ended.
  Response finish(CURLcode code);

 private:
  template <typename Function>
  auto guarded(Function function, decltype(function()) failed) noexcept;
  void add_header(std::string_view line);
  bool add_body(std::string_view piece);
  std::size_t read_upload(char* buffer, std::size_t size);
  void configure_body(bool upload);

  CURL* handle_;
  const std::string& socket_;
  const Request& request_;
  const Sink* sink_;
  Limits limits_;

  UniqueFd upload_;
  std::size_t upload_left_ = 0;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> request_headers_{nullptr, &curl_slist_free_all};

  Response response_;
  std::exception_ptr exception_;
  std::size_t head_size_ = 0;
  bool head_complete_ = false;
  bool sink_ended_ = false;
  Deadline started_ = std::chrono::steady_clock::now();
  Deadline progress_ = std::chrono::steady_clock::now();
  Deadline begun_{};
};

}  // namespace drydock::runtime::http
