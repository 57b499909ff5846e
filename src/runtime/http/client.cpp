#include "runtime/http/client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/scope_exit.hpp"
#include "base/stop_source.hpp"
#include "runtime/http/transfer.hpp"
#include "runtime/http/unix_socket.hpp"

namespace drydock::runtime::http {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

void require(bool good) {
  if (!good) throw Error(ErrorKind::internal, "cannot set up libcurl");
}

void initialize_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  require(code == CURLE_OK);
}

struct NobodyListens {
  int os_errno;
};

// It was there, and ended before it said anything.
struct NobodyAnswers {
  Error error;
};

int poll_timeout(Deadline deadline) {
  constexpr milliseconds longest{60'000};
  if (deadline == Deadline::max()) return static_cast<int>(longest.count());
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, milliseconds{0}, longest).count());
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::string socket, const StopSource* stop, const Limits& limits)
      : socket_(std::move(socket)), stop_(stop), limits_(limits) {
    initialize_curl();
    multi_.reset(curl_multi_init());
    easy_.reset(curl_easy_init());
    require(multi_ && easy_);
    require(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK);
  }

  const std::string& socket() const { return socket_; }
  void set_revive(std::function<void()> revive) { revive_ = std::move(revive); }

  Response perform(const Request& request, const Transfer::Sink* sink) {
    const Transfer::Sink* const wanted = sink != nullptr && *sink ? sink : nullptr;
    require_fitting(socket_);
    Deadline connected = Clock::now() + limits_.connect;
    bool revived = false;
    while (true) {
      if (stop_ != nullptr) stop_->check();
      bool is_gone = true;
      try {
        if (auto response = attempt(request, wanted)) return std::move(*response);
        is_gone = false;
      } catch (const NobodyListens& nobody) {
        if (!revive_ || revived) throw connect_error(socket_, nobody.os_errno);
      } catch (const NobodyAnswers& nobody) {
        const bool repeatable = request.method == "GET" || request.method == "HEAD";
        if (!revive_ || revived || !repeatable) throw nobody.error;
      }
      if (is_gone) {
        revived = true;
        revive_();
        connected = Clock::now() + limits_.connect;
        continue;
      }
      if (Clock::now() >= connected) throw not_accepted(socket_, limits_.connect);
      wait_for_backlog(stop_);
    }
  }

 private:
  // Nothing if the listener's backlog is full.
  std::optional<Response> attempt(const Request& request, const Transfer::Sink* sink) {
    curl_easy_reset(easy_.get());
    Transfer transfer(easy_.get(), socket_, request, sink, limits_);
    transfer.configure();
    require(curl_multi_add_handle(multi_.get(), easy_.get()) == CURLM_OK);
    // Taking an unfinished transfer out closes its connection.
    const ScopeExit remove([&] { curl_multi_remove_handle(multi_.get(), easy_.get()); });
    const CURLcode code = run(transfer, request.awaited ? nullptr : stop_);
    if (code == CURLE_COULDNT_CONNECT) {
      long os_errno = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_errno);
      // libcurl takes EAGAIN for a connection in progress, and finds later that there is none, without an
      // errno.
      if (os_errno == 0 || os_errno == EAGAIN) return std::nullopt;
      if (os_errno == ENOENT || os_errno == ECONNREFUSED) throw NobodyListens{static_cast<int>(os_errno)};
      throw connect_error(socket_, static_cast<int>(os_errno));
    }
    if (transfer.is_unanswered(code)) throw NobodyAnswers{transfer.failure_of(code)};
    return transfer.finish(code);
  }

  CURLcode run(Transfer& transfer, const StopSource* stop) {
    while (true) {
      int running = 0;
      require(curl_multi_perform(multi_.get(), &running) == CURLM_OK);
      int queued = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      if (Clock::now() >= transfer.deadline()) {
        if (!transfer.may_wait_on() || !shows_life(stop)) throw transfer.timed_out();
        transfer.wait_on();
      }
      wait(transfer.deadline(), stop);
    }
  }

  // Engines answer this one without a lock.
  bool shows_life(const StopSource* stop) const {
    constexpr milliseconds limit{2'000};
    try {
      Impl other(socket_, stop, {.connect = limit, .silence = limit, .whole = limit});
      const Request ping{.target = "/_ping"};
      return other.perform(ping, nullptr).status == 200;
    } catch (const Error& error) {
      log::debug("{}", error.what());
      return false;
    }
  }

  void wait(Deadline deadline, const StopSource* stop) {
    curl_waitfd extra{};
    unsigned count = 0;
    if (stop != nullptr) {
      extra.fd = stop->fd();
      extra.events = CURL_WAIT_POLLIN;
      count = 1;
    }
    require(curl_multi_poll(multi_.get(), &extra, count, poll_timeout(deadline), nullptr) == CURLM_OK);
    if (stop != nullptr) stop->check();
  }

  std::string socket_;
  const StopSource* stop_;
  Limits limits_;
  std::function<void()> revive_;
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_{nullptr, &curl_multi_cleanup};
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_{nullptr, &curl_easy_cleanup};
};

Client::Client(std::string socket, const StopSource* stop, const Limits& limits)
    : impl_(std::make_unique<Impl>(std::move(socket), stop, limits)) {}
Client::~Client() = default;

Response Client::send(const Request& request) { return impl_->perform(request, nullptr); }

Response Client::stream(const Request& request, const std::function<bool(std::string_view)>& sink) {
  return impl_->perform(request, &sink);
}

void Client::set_revive(std::function<void()> revive) { impl_->set_revive(std::move(revive)); }

const std::string& Client::socket() const { return impl_->socket(); }

}  // namespace drydock::runtime::http
