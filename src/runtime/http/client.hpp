// HTTP/1.1 to an engine over its unix socket, by libcurl. Sources: Docker Engine API and Podman libpod API
// references.
//
// Connecting is limited to 10 s. A request that is not `patient` is given up on as `timeout` when the engine
// sends nothing for 10 s, before its answer or within it, and when an answer (but a streamed 2xx one) has not
// ended 30 s after it began. A `patient` one (wait, logs -f) has no limit once connected; one with
// `patience` has that long, as every other one has Limits::busy, while the engine shows that it lives: before
// it is given up on for its silence, it is asked for a sign of life (GET /_ping, 2 s). A request is given up
// on with Interrupted when the stop source given to the client is triggered, unless its answer is complete or
// it is to be `awaited`. Heads are limited to 256 KiB, bodies to 64 MiB.
//
// A failed connect is told by the operating system's own errno: unavailable (ENOENT, ECONNREFUSED),
// permission (EACCES). No answer in time is `timeout`. An answer that is not the engine's is `protocol`, as
// is a connection that closes too early.
//
// No request but GET and HEAD is ever sent twice: those alone use a kept connection, and are repeated on a
// new one if it turns out dead, or if set_revive() has one made. The others get a new connection each. A
// client is for one thread, and is not to be used from a sink.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/http/limits.hpp"

namespace drydock {
class StopSource;
}

namespace drydock::runtime::http {

struct Request {
  std::string method = "GET";
  std::string target{};  // path and query, already encoded: "/v1.41/containers/json?all=1"
  std::string body{};    // sent with content_type when not empty
  std::string content_type = "application/json";
  std::string upload_file{};  // when set, the body is this file's content, streamed
  bool patient = false;
  std::chrono::milliseconds patience{0};  // of a patient one: at most so long; 0: without a limit
  // Once sent, it goes on when stop is requested. Of what makes something: an engine makes it all the same,
  // and who has not waited cannot remove it.
  bool awaited = false;
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class Client {
 public:
  // `socket` is the path of the unix socket. `stop` may be null; otherwise it must outlive the client.
  Client(std::string socket, const StopSource* stop, const Limits& limits = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The whole answer, whatever its status. Bodies over 64 MiB are an Error(protocol).
  Response send(const Request& request);
  // Streams a 2xx body to `sink` as it comes; a sink that returns false ends the request quietly. For other
  // statuses the body is in the Response.
  Response stream(const Request& request, const std::function<bool(std::string_view)>& sink);

  const std::string& socket() const;

  // Called when nobody listens on the socket, or when who did has ended without a word of an answer to a GET
  // or HEAD; at most once a request, which is tried again then. What it throws is what the caller gets.
  void set_revive(std::function<void()> revive);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drydock::runtime::http
