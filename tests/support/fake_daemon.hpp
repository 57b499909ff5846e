// A daemon on a real unix socket, scripted per test. Every connection has a thread of its own; nothing a
// script waits for outlives the daemon.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/temp_file.hpp"
#include "base/unique_fd.hpp"

namespace drydock::test {

class FakeDaemon;

// The daemon's side of one connection, for a script. When the script returns, the connection is closed.
class Peer {
 public:
  // The next request with its body, which the daemon records. Empty when the client has closed.
  std::string read_request();
  // What comes up to the client's end of sending.
  std::string read_to_end();
  // Waits until something waits to be read, and leaves it there.
  void await_input();
  void send(std::string_view bytes);
  // In pieces of 1, 2, 3, 5, 8, 13 bytes and over again, with a moment between each two when `pause` is
  // given.
  void send_in_pieces(std::string_view bytes, std::chrono::milliseconds pause = {});
  // Says nothing until the client closes or the daemon ends.
  void hang();
  // No more output; input still comes.
  void finish_output();
  // False when the daemon ended meanwhile.
  bool sleep(std::chrono::milliseconds duration);

 private:
  friend class FakeDaemon;
  Peer(FakeDaemon& daemon, int fd) : daemon_(daemon), fd_(fd) {}
  bool wait(short events);
  bool receive();

  FakeDaemon& daemon_;
  int fd_;
  std::string received_;
};

class FakeDaemon {
 public:
  using Script = std::function<void(Peer&)>;

  // The n-th connection plays the n-th script, and those after them the last one.
  explicit FakeDaemon(std::vector<Script> scripts);
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  const std::string& socket() const { return socket_; }
  std::size_t connections() const;
  // The requests that were read, in order.
  std::vector<std::string> requests() const;
  // How many of them begin so: "POST /x".
  std::size_t count(std::string_view beginning) const;

 private:
  friend class Peer;
  void accept_all();
  void record(const std::string& request);

  TempDir directory_;
  std::string socket_;
  std::vector<Script> scripts_;
  UniqueFd listener_;
  UniqueFd stop_read_;
  UniqueFd stop_write_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A listener that accepts nobody and whose backlog is full.
class FullListener {
 public:
  FullListener();
  const std::string& socket() const { return socket_; }

 private:
  TempDir directory_;
  std::string socket_;
  std::vector<UniqueFd> fds_;
};

// "HTTP/1.1 200 OK" with a Content-Length.
std::string ok(std::string_view body);
// The same for any status line, as "404 Not Found".
std::string answer(std::string_view status, std::string_view body,
                   std::string_view type = "application/json");
// Reads a request and sends `bytes` in pieces, for every request of the connection.
FakeDaemon::Script always(std::string bytes);
// Reads one request, sends `bytes` at once and closes.
FakeDaemon::Script once(std::string bytes);

}  // namespace drydock::test
