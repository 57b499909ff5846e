// What stands where tinyproxy would: it reads a head, and does with it what the test says.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::guard {

class FakeProxy {
 public:
  enum class Does { hand_on, answer, hang_up, keep };

  struct Plan {
    Does does = Does::hand_on;
    std::string text;  // the answer, or what is handed on instead of the head
  };
  using Planner = std::function<Plan(const std::string& head)>;

  FakeProxy() {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 256);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeProxy() {
    over_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  FakeProxy(const FakeProxy&) = delete;
  FakeProxy& operator=(const FakeProxy&) = delete;

  std::uint16_t port() const { return port_; }
  void set_back(std::uint16_t port) { back_ = port; }
  void set_planner(Planner planner) {
    const std::lock_guard lock(mutex_);
    planner_ = std::move(planner);
  }
  void always(Does does, const std::string& text = {}) {
    set_planner([does, text](const std::string&) { return Plan{does, text}; });
  }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

  // Everything that comes, to the end.
  static std::string read_all(int fd) {
    std::string all;
    std::string block(65536, '\0');
    for (ssize_t n = ::recv(fd, block.data(), block.size(), 0); n > 0;
         n = ::recv(fd, block.data(), block.size(), 0)) {
      all.append(block, 0, static_cast<std::size_t>(n));
    }
    return all;
  }
  static UniqueFd connect(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bound(fd.get());
    const sockaddr_in address = loopback(port);
    ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return fd;
  }
  static void send(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  static void bound(int fd) {
    const timeval limit{3, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  void run() {
    while (!over_) {
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      bound(client.get());
      serve(std::move(client));
    }
  }

  void serve(UniqueFd client) {
    std::string head;
    while (head.find("\n\r\n") == std::string::npos && head.find("\n\n") == std::string::npos) {
      char c = 0;
      if (::recv(client.get(), &c, 1, 0) != 1) break;
      head += c;
    }
    if (head.empty()) return;
    Plan plan;
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(head);
      plan = planner_(head);
    }
    if (plan.does == Does::keep) kept_.push_back(std::move(client));
    if (plan.does == Does::answer) send(client.get(), plan.text);
    if (plan.does != Does::hand_on) return;
    const UniqueFd back = connect(back_);
    send(back.get(), plan.text.empty() ? head : plan.text);
    send(client.get(), read_all(back.get()));
  }

  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<std::uint16_t> back_{0};
  std::atomic<bool> over_{false};
  mutable std::mutex mutex_;
  Planner planner_ = [](const std::string&) { return Plan{}; };
  std::vector<std::string> heads_;
  std::vector<UniqueFd> kept_;
  std::thread thread_;
};

}  // namespace drydock::guard
