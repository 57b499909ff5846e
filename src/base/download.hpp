// Files and short texts from https servers, by libcurl. Proxies are taken from the environment (https_proxy,
// no_proxy), a further certificate authority from SSL_CERT_FILE, as curl(1) has them. Only https is spoken,
// also where a server redirects to; http is for a server on loopback.
// No error tells an address' password.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace drydock {

class StopSource;

struct DownloadOptions {
  const StopSource* stop = nullptr;
  // Told now and then how many bytes there are, and how many there will be; 0: not known.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  std::string accept;  // the header of that name
};

// An address without the user name and password in it: for words, and for what others read.
std::string without_credentials(const std::string& address);

// The body of a 200 answer of at most `limit` bytes. Throws Error: not_found for a 404, permission for 401
// and 403, unavailable when there is no connection, timeout when nothing comes for 30 s, protocol for all
// else; and Interrupted.
std::string download_text(const std::string& url, std::size_t limit, const DownloadOptions& options = {});

// The same into the file `path`, which is created or replaced. What is there after an error is no use.
void download_file(const std::string& url, const std::string& path, std::int64_t limit,
                   const DownloadOptions& options = {});

}  // namespace drydock
