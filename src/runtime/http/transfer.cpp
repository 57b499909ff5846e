#include "runtime/http/transfer.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace drydock::runtime::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t head_limit = std::size_t{256} << 10;
constexpr std::size_t body_limit = std::size_t{64} << 20;

std::string in_mebibytes(std::size_t size) { return std::to_string(size >> 20) + " MiB"; }

Error upload_error(const std::string& path, int errno_value) {
  ErrorKind kind = ErrorKind::invalid;
  if (errno_value == ENOENT) kind = ErrorKind::not_found;
  if (errno_value == EACCES) kind = ErrorKind::permission;
  return Error(kind, with_errno("cannot read file '" + printable(path) + "'", errno_value));
}

template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  if (code != CURLE_OK) {
    throw Error(ErrorKind::internal, std::string("cannot prepare a request: ") + curl_easy_strerror(code));
  }
}

}  // namespace

Transfer::Transfer(CURL* handle, const std::string& socket, const Request& request, const Sink* sink,
                   const Limits& limits)
    : handle_(handle), socket_(socket), request_(request), sink_(sink), limits_(limits) {
  if (request.target.empty() || request.target.front() != '/') {
    throw Error(ErrorKind::internal,
                "cannot ask the engine for '" + printable(request.target) + "': no path");
  }
  if (request.upload_file.empty()) return;
  upload_.reset(::open(request.upload_file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!upload_ || ::fstat(upload_.get(), &status) != 0) throw upload_error(request.upload_file, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::invalid,
                "cannot upload file '" + printable(request.upload_file) + "': not a regular file");
  }
  upload_left_ = static_cast<std::size_t>(status.st_size);
}

// Runs a callback's body without letting an exception unwind through C; `failed` tells libcurl to stop.
template <typename Function>
auto Transfer::guarded(Function function, decltype(function()) failed) noexcept {
  try {
    if (!exception_) return function();
  } catch (...) {
    exception_ = std::current_exception();
  }
  return failed;
}

void Transfer::configure() {
  set(handle_, CURLOPT_URL, ("http://localhost" + request_.target).c_str());
  set(handle_, CURLOPT_PATH_AS_IS, 1L);
  set(handle_, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
  set(handle_, CURLOPT_PROXY, "");
  set(handle_, CURLOPT_PROTOCOLS_STR, "http");
  set(handle_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle_, CURLOPT_NOSIGNAL, 1L);

  set(handle_, CURLOPT_HEADERDATA, this);
  set(
      handle_, CURLOPT_HEADERFUNCTION,
      +[](char* data, std::size_t, std::size_t size, void* self) noexcept -> std::size_t {
        auto& transfer = *static_cast<Transfer*>(self);
        return transfer.guarded(
            [&] {
              transfer.add_header({data, size});
              return size;
            },
            std::size_t{CURL_WRITEFUNC_ERROR});
      });
  set(handle_, CURLOPT_WRITEDATA, this);
  set(
      handle_, CURLOPT_WRITEFUNCTION,
      +[](char* data, std::size_t, std::size_t size, void* self) noexcept -> std::size_t {
        auto& transfer = *static_cast<Transfer*>(self);
        constexpr std::size_t failed = CURL_WRITEFUNC_ERROR;
        return transfer.guarded([&] { return transfer.add_body({data, size}) ? size : failed; }, failed);
      });
  const bool has_body = !request_.upload_file.empty() || !request_.body.empty();
  const bool is_read = (request_.method == "GET" || request_.method == "HEAD") && !has_body;
  // libcurl repeats a request by itself when a reused connection dies before the first byte of an answer. The
  // engine may have acted on it by then, so only reads use an old connection.
  set(handle_, CURLOPT_FRESH_CONNECT, is_read ? 0L : 1L);
  configure_body(!request_.upload_file.empty());
}

void Transfer::configure_body(bool upload) {
  const bool has_body = upload || !request_.body.empty();
  if (request_.method == "HEAD") {
    set(handle_, CURLOPT_NOBODY, 1L);
  } else if (has_body || request_.method == "POST" || request_.method == "PUT") {
    set(handle_, CURLOPT_POST, 1L);
    set(handle_, CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(upload ? upload_left_ : request_.body.size()));
    if (!upload) set(handle_, CURLOPT_POSTFIELDS, request_.body.c_str());
  }
  if (request_.method != "HEAD") set(handle_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (upload) {
    set(handle_, CURLOPT_READDATA, this);
    set(
        handle_, CURLOPT_READFUNCTION,
        +[](char* buffer, std::size_t, std::size_t size, void* self) noexcept -> std::size_t {
          auto& transfer = *static_cast<Transfer*>(self);
          return transfer.guarded([&] { return transfer.read_upload(buffer, size); },
                                  std::size_t{CURL_READFUNC_ABORT});
        });
  }
  const std::string type = has_body ? "Content-Type: " + request_.content_type : "Content-Type:";
  for (const char* header : {type.c_str(), "Expect:"}) {
    curl_slist* longer = curl_slist_append(request_headers_.get(), header);
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(request_headers_.release());
    request_headers_.reset(longer);
  }
  set(handle_, CURLOPT_HTTPHEADER, request_headers_.get());
}

void Transfer::add_header(std::string_view line) {
  progress_ = Clock::now();
  if (begun_ == Deadline{}) begun_ = progress_;
  head_size_ += line.size();
  if (head_size_ > head_limit) throw protocol_error(socket_, "its answer's head is too long");
  line = trim(line);
  if (starts_with(line, "HTTP/") && response_.body.empty()) {
    response_.headers.clear();
    head_complete_ = false;
    return;
  }
  if (head_complete_) return;  // a trailer
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    head_complete_ = true;
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string& value = response_.headers[to_lower_ascii(line.substr(0, colon))];
  if (!value.empty()) value += ", ";
  value += trim(line.substr(colon + 1));
}

bool Transfer::add_body(std::string_view piece) {
  if (sink_ != nullptr && response_.status / 100 == 2) {
    sink_ended_ = !(*sink_)(piece);
    progress_ = Clock::now();
    return !sink_ended_;
  }
  progress_ = Clock::now();
  if (response_.body.size() + piece.size() > body_limit) {
    throw protocol_error(socket_, "its answer is longer than " + in_mebibytes(body_limit));
  }
  response_.body += piece;
  return true;
}

std::size_t Transfer::read_upload(char* buffer, std::size_t size) {
  progress_ = Clock::now();
  const std::size_t wanted = std::min(size, upload_left_);
  if (wanted == 0) return 0;
  ssize_t got = 0;
  do {
    got = ::read(upload_.get(), buffer, wanted);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw upload_error(request_.upload_file, errno);
  if (got == 0) {
    throw Error(ErrorKind::invalid,
                "cannot upload file '" + printable(request_.upload_file) + "': it became shorter meanwhile");
  }
  upload_left_ -= static_cast<std::size_t>(got);
  return static_cast<std::size_t>(got);
}

Deadline Transfer::deadline() const {
  if (request_.patient) {
    if (request_.patience.count() == 0) return Deadline::max();
    return std::min(progress_ + limits_.silence, started_ + request_.patience);
  }
  const bool streaming = sink_ != nullptr && head_complete_ && response_.status / 100 == 2;
  if (begun_ == Deadline{} || streaming) return progress_ + limits_.silence;
  return std::min(progress_ + limits_.silence, begun_ + limits_.whole);
}

bool Transfer::may_wait_on() const {
  if (request_.patient) return Clock::now() < started_ + request_.patience;
  return begun_ == Deadline{} && Clock::now() < started_ + limits_.busy;
}

Error Transfer::timed_out() const {
  if (request_.patient && Clock::now() >= started_ + request_.patience)
    return no_answer(socket_, request_.patience);
  if (request_.patient || begun_ == Deadline{}) return no_answer(socket_, limits_.silence);
  const bool silent = Clock::now() >= progress_ + limits_.silence;
  Error error =
      protocol_error(socket_, silent ? "it fell silent in its answer for " + to_text(limits_.silence)
                                     : "its answer did not end in " + to_text(limits_.whole));
  return Error(ErrorKind::timeout, error.what());
}

Response Transfer::finish(CURLcode code) {
  if (exception_) std::rethrow_exception(exception_);
  if (code != CURLE_OK && !sink_ended_) throw failure_of(code);
  // libcurl takes a connection that closes after the status line for a whole answer.
  if (!head_complete_) throw protocol_error(socket_, "it closed the connection in its answer's head");
  if (response_.status < 200 || response_.status > 599) {
    throw protocol_error(socket_, "it answered HTTP " + std::to_string(response_.status));
  }
  return std::move(response_);
}

bool Transfer::is_unanswered(CURLcode code) const {
  const bool closed = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
  return closed && head_size_ == 0 && !exception_;
}

Error Transfer::failure_of(CURLcode code) const {
  log::debug("libcurl: {} ({})", curl_easy_strerror(code), static_cast<int>(code));
  const auto reason = [&]() -> std::string {
    switch (code) {
      case CURLE_GOT_NOTHING:
        return "it closed the connection without an answer";
      case CURLE_PARTIAL_FILE:
        return "it closed the connection in the middle of an answer";
      case CURLE_SEND_ERROR:
        return "it closed the connection before it had the whole request";
      case CURLE_RECV_ERROR:
        return head_size_ == 0 ? "it closed the connection without an answer"
                               : "the connection broke in an answer, or the answer is malformed";
      case CURLE_OUT_OF_MEMORY:  // libcurl's word for a line over 100 KiB, before 8.6
#if LIBCURL_VERSION_NUM >= 0x080600
      case CURLE_TOO_LARGE:
#endif
        return "its answer's head is too long";
      case CURLE_WEIRD_SERVER_REPLY:
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_HTTP2:
        return "its answer is not HTTP";
      default:
        return curl_easy_strerror(code);
    }
  }();
  return protocol_error(socket_, reason);
}

}  // namespace drydock::runtime::http
