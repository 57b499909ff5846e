// A gate over real sockets on loopback: names and addresses are the test's, tinyproxy is a fake that admits
// all, the web server is a listening socket, and the loop runs in a thread of its own.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "fake_proxy.hpp"
#include "guard/gate.hpp"
#include "support/client_hello_bytes.hpp"

namespace drydock::guard {

inline sockaddr_in loopback(std::uint16_t port, std::uint32_t address = INADDR_LOOPBACK) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

// A blocking socket with a time limit on every read.
class Peer {
 public:
  Peer() = default;
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  static Peer connect(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return Peer(std::move(fd));
  }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // What comes next, at most `limit`; "" at the end, "!" on a reset, "?" when nothing comes.
  std::string receive(std::size_t limit = 65536) const {
    std::string buffer(limit, '\0');
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN ? "?" : "!";
    buffer.resize(static_cast<std::size_t>(count));
    return buffer;
  }
  std::string receive_exactly(std::size_t size) const {
    std::string all;
    while (all.size() < size) {
      const std::string piece = receive(size - all.size());
      if (piece.empty() || piece == "!" || piece == "?") break;
      all += piece;
    }
    return all;
  }
  // Everything up to the end. A reset or a silence instead of an end is the last octet, '!' or '?'.
  std::string receive_all() const {
    std::string all;
    for (std::string piece = receive(); !piece.empty(); piece = receive()) {
      all += piece;
      if (piece == "!" || piece == "?") break;
    }
    return all;
  }
  void end() const { ::shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_.reset();
  }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

class GateHarness : public testing::Test {
 protected:
  GateHarness() {
    ::signal(SIGPIPE, SIG_IGN);  // as the guard does
    timing_.head = timing_.verdict = timing_.hello = timing_.resolve = timing_.dial =
        std::chrono::milliseconds(400);
    timing_.linger = std::chrono::milliseconds(100);
    server_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(server_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(server_.get(), 64), 0);
    ::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    server_port_ = ntohs(address.sin_port);
    const timeval limit{5, 0};
    ::setsockopt(server_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

    for (const std::string pattern : {"allowed.test", "*.wild.test", "other.test", "bad.test"}) {
      EXPECT_EQ(rules_.entries.add({pattern, "hosts:1"}), "");
    }
    rules_.floor.open = {*IpRange::parse("127.0.0.0/8")};
    rules_.canary = "canary-1.drydock.invalid";
  }
  ~GateHarness() override { stop(); }

  // What a name is, look-up after look-up; the last answer stays.
  void set_answers(const std::string& host, std::vector<std::vector<std::string>> answers) {
    const std::lock_guard lock(mutex_);
    answers_[host] = std::move(answers);
  }
  int lookups() const { return lookups_; }

  void start() {
    std::promise<void> up;
    thread_ = std::thread([this, &up] {
      Loop loop;
      wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      std::array<int, 2> ends{};
      EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
      log_reader_ = UniqueFd(ends[0]);
      const UniqueFd log_writer(ends[1]);
      EventLog log(log_writer.get());
      Resolver resolver(loop, limits_, [this](const std::string& host) { return look_up(host); });
      Verdicts verdicts(loop, log, timing_, limits_);
      back_port_ = verdicts.listen(0);
      proxy_.set_back(back_port_);
      verdicts.set_proxy(proxy_.port());
      verdicts_ = &verdicts;
      Gate gate(loop, resolver, verdicts, log, timing_, limits_);
      gate.set_clients(clients_);
      gate.set_target_port(server_port_);
      gate.set_watched([this] { return watched_.load(); });
      gate.set_rules(rules_);
      const Endpoint any{Ip::v4(INADDR_LOOPBACK), 0};
      proxy_port_ = gate.listen(any, Leg::proxy);
      transparent_port_ = gate.listen(any, Leg::transparent);
      loop.add(wake_.get(), EPOLLIN, [this, &loop, &gate](std::uint32_t) {
        eventfd_t count = 0;
        ::eventfd_read(wake_.get(), &count);
        std::function<void(Loop&, Gate&)> action;
        {
          const std::lock_guard lock(mutex_);
          action = std::exchange(action_, nullptr);
        }
        if (action) action(loop, gate);
      });
      up.set_value();
      loop.run();
      loop.remove(wake_.get());
    });
    up.get_future().wait();
  }

  // Runs `action` in the loop's thread and waits for it.
  void in_loop(const std::function<void(Loop&, Gate&)>& action) {
    std::promise<void> done;
    {
      const std::lock_guard lock(mutex_);
      action_ = [&](Loop& loop, Gate& gate) {
        action(loop, gate);
        done.set_value();
      };
    }
    ::eventfd_write(wake_.get(), 1);
    done.get_future().wait();
  }
  void stop() {
    if (!thread_.joinable()) return;
    in_loop([](Loop& loop, Gate&) { loop.stop(); });
    thread_.join();
  }
  std::size_t tunnels() {
    std::size_t count = 0;
    in_loop([&](Loop&, Gate& gate) { count = gate.tunnels(); });
    return count;
  }
  // Waits until no tunnel is left.
  bool is_empty_soon() {
    for (int i = 0; i < 200; ++i) {
      if (tunnels() == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  Peer client() const { return Peer::connect(proxy_port_); }
  Peer direct_client() const { return Peer::connect(transparent_port_); }
  // The next connection that the web server gets.
  Peer accept() const {
    UniqueFd fd(::accept4(server_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(fd) << "nobody called the server";
    return Peer(std::move(fd));
  }
  bool nobody_called() const {
    const timeval limit{0, 50'000};
    ::setsockopt(server_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const UniqueFd fd(::accept4(server_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const timeval usual{5, 0};
    ::setsockopt(server_.get(), SOL_SOCKET, SO_RCVTIMEO, &usual, sizeof usual);
    return !fd;
  }
  static std::string connect_to(const std::string& authority) {
    return "CONNECT " + authority + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  // The reply's head, or what there is of it.
  static std::string head(const Peer& peer) {
    std::string reply;
    while (reply.find("\r\n\r\n") == std::string::npos) {
      const std::string piece = peer.receive(1);
      if (piece.empty() || piece == "!" || piece == "?") break;
      reply += piece;
    }
    return reply;
  }
  static std::string status(const Peer& peer) {
    const std::string reply = head(peer);
    return reply.size() < 12 ? reply : reply.substr(9, 3);
  }
  std::string ask(const std::string& authority) const {
    const Peer peer = client();
    peer.send(connect_to(authority));
    return status(peer);
  }
  // An open tunnel to allowed.test or whatever `host` is; the server's end of it in `server`.
  Peer open_tunnel(Peer& server, const std::string& host = "allowed.test") const {
    Peer peer = client();
    peer.send(connect_to(host + ":443"));
    EXPECT_EQ(status(peer), "200");
    const std::string hello = test::hello_for(host);
    peer.send(hello);
    server = accept();
    EXPECT_EQ(server.receive_exactly(hello.size()), hello);
    return peer;
  }

  std::vector<nlohmann::json> events() {
    std::array<char, 65536> block{};
    std::vector<nlohmann::json> all;
    in_loop([](Loop&, Gate&) {});
    for (ssize_t n = ::read(log_reader_.get(), block.data(), block.size()); n > 0;
         n = ::read(log_reader_.get(), block.data(), block.size())) {
      log_text_.append(block.data(), static_cast<std::size_t>(n));
    }
    for (auto end = log_text_.find('\n'); end != std::string::npos; end = log_text_.find('\n')) {
      all.push_back(nlohmann::json::parse(log_text_.substr(0, end)));
      log_text_.erase(0, end + 1);
    }
    return all;
  }
  // The last event of this name, or an empty object.
  nlohmann::json event(const std::string& name) {
    nlohmann::json found = nlohmann::json::object();
    for (const auto& each : events()) {
      if (each["event"] == name) found = each;
    }
    return found;
  }

  Timing timing_;
  Limits limits_;
  IpRange clients_ = *IpRange::parse("127.0.0.0/8");
  FakeProxy proxy_;
  Verdicts* verdicts_ = nullptr;  // for in_loop()
  std::uint16_t back_port_ = 0;
  Rules rules_;
  std::uint16_t server_port_ = 0;
  std::uint16_t proxy_port_ = 0;
  std::uint16_t transparent_port_ = 0;
  std::atomic<int> lookup_delay_ms_{0};
  std::atomic<bool> watched_{false};

 private:
  Lookup look_up(const std::string& host) {
    ++lookups_;
    std::this_thread::sleep_for(std::chrono::milliseconds(lookup_delay_ms_));
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(host);
    Lookup result;
    if (found == answers_.end()) {
      result.addresses = {Ip::v4(INADDR_LOOPBACK)};
      return result;
    }
    for (const std::string& text : found->second.front()) result.addresses.push_back(*Ip::parse(text));
    if (result.addresses.empty()) result.error = "there is no such name";
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    return result;
  }

  UniqueFd server_;
  UniqueFd wake_;
  UniqueFd log_reader_;
  std::string log_text_;
  std::thread thread_;
  std::atomic<int> lookups_{0};
  std::mutex mutex_;
  std::map<std::string, std::vector<std::vector<std::string>>> answers_;
  std::function<void(Loop&, Gate&)> action_;
};

}  // namespace drydock::guard
