#include "base/download.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <memory>

#include "base/error.hpp"
#include "base/stop_source.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/version.hpp"

namespace drydock {
namespace {

constexpr long connect_seconds = 15;
constexpr long silent_seconds = 30;
constexpr long most_redirects = 5;

using Handle = std::unique_ptr<CURL, decltype([](CURL* handle) { curl_easy_cleanup(handle); })>;
using Headers = std::unique_ptr<curl_slist, decltype([](curl_slist* list) { curl_slist_free_all(list); })>;

bool is_loopback(const std::string& url) {
  for (const char* host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    const std::string start = host;
    if (starts_with(url, start) &&
        (url.size() == start.size() || url[start.size()] == ':' || url[start.size()] == '/'))
      return true;
  }
  return false;
}

class Download {
 public:
  Download(const std::string& url, std::function<void(std::string_view)> sink, std::int64_t limit,
           const DownloadOptions& options)
      : url_(url), sink_(std::move(sink)), limit_(limit), options_(options) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    handle_.reset(ready == CURLE_OK ? curl_easy_init() : nullptr);
    if (!handle_) throw Error(ErrorKind::internal, "cannot prepare a request: out of memory");
  }

  void run() {
    CURL* curl = handle_.get();
    // The names of protocols are an option of their own since libcurl 7.85.
    const char* protocols = is_loopback(url_) ? "http,https" : "https";
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, most_redirects);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_seconds);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, silent_seconds);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    const std::string agent = std::string("drydock/") + version;
    curl_easy_setopt(curl, CURLOPT_USERAGENT, agent.c_str());
    if (const char* authority = std::getenv("SSL_CERT_FILE"); authority != nullptr && *authority != '\0')
      curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    Headers headers;
    if (!options_.accept.empty()) {
      headers.reset(curl_slist_append(nullptr, ("Accept: " + options_.accept).c_str()));
      curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Download::on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Download::on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
    char words[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (failure_) std::rethrow_exception(failure_);
    if (options_.stop != nullptr) options_.stop->check();
    require_answer(code, words);
  }

 private:
  // Runs a callback's body without letting an exception unwind through C.
  template <typename Body>
  bool guarded(const Body& body) {
    try {
      body();
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  static std::size_t on_data(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& download = *static_cast<Download*>(self);
    long status = 0;
    curl_easy_getinfo(download.handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return count;  // an error's page
    const bool well = download.guarded([&] {
      download.got_ += static_cast<std::int64_t>(count);
      if (download.got_ > download.limit_) {
        throw Error(ErrorKind::protocol, "cannot download '" +
                                             printable(without_credentials(download.url_), 300) +
                                             "': it is over " + std::to_string(download.limit_) + " bytes");
      }
      download.sink_({bytes, count});
    });
    return well ? count : 0;
  }

  static int on_progress(void* self, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
    auto& download = *static_cast<Download*>(self);
    const bool well = download.guarded([&] {
      if (download.options_.stop != nullptr) download.options_.stop->check();
      if (download.options_.progress) download.options_.progress(done, total);
    });
    return well ? 0 : 1;
  }

  void require_answer(CURLcode code, const char* words) const {
    const std::string what = "cannot download '" + printable(without_credentials(url_), 300) + "': ";
    const std::string reason = *words != '\0' ? printable(words, 300) : std::string(curl_easy_strerror(code));
    if (code == CURLE_OPERATION_TIMEDOUT) throw Error(ErrorKind::timeout, what + reason);
    if (code == CURLE_UNSUPPORTED_PROTOCOL)
      throw Error(ErrorKind::refused, what + "only https is spoken", "use an https address");
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
        code == CURLE_COULDNT_CONNECT)
      throw Error(ErrorKind::unavailable, what + reason, "see to the network, or set https_proxy");
    if (code != CURLE_OK) throw Error(ErrorKind::protocol, what + reason);
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return;
    ErrorKind kind = ErrorKind::protocol;
    if (status == 404) kind = ErrorKind::not_found;
    if (status == 401 || status == 403) kind = ErrorKind::permission;
    throw Error(kind, what + "the server answers " + std::to_string(status));
  }

  std::string url_;
  std::function<void(std::string_view)> sink_;
  std::int64_t limit_;
  const DownloadOptions& options_;
  Handle handle_;
  std::int64_t got_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

std::string without_credentials(const std::string& address) {
  const auto authority = address.find("://");
  if (authority == std::string::npos) return address;
  const auto path = address.find('/', authority + 3);
  const auto at = address.rfind('@', path);
  if (at == std::string::npos || at < authority) return address;
  return address.substr(0, authority + 3) + address.substr(at + 1);
}

std::string download_text(const std::string& url, std::size_t limit, const DownloadOptions& options) {
  std::string text;
  Download(
      url, [&](std::string_view bytes) { text += bytes; }, static_cast<std::int64_t>(limit), options)
      .run();
  return text;
}

void download_file(const std::string& url, const std::string& path, std::int64_t limit,
                   const DownloadOptions& options) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) throw Error(ErrorKind::permission, with_errno("cannot write file '" + path + "'", errno));
  const auto write_all = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0)
        throw Error(ErrorKind::permission, with_errno("cannot write file '" + path + "'", errno));
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
  };
  Download(url, write_all, limit, options).run();
}

}  // namespace drydock
