// A web server on loopback for tests: paths and what is answered, one connection each.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace drydock::test {

class WebServer {
 public:
  WebServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (!listener_ || ::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), any, &size) != 0) {
      throw std::runtime_error("no listener");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~WebServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The whole answer to GET `path`; what is not set is a 404.
  void set_answer(const std::string& path, const std::string& answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = answer;
  }
  void set_body(const std::string& path, const std::string& body) {
    set_answer(path, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                         "\r\nConnection: close\r\n\r\n" + body);
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    while (true) {
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      std::string head;
      char buffer[4096];
      ssize_t got = 0;
      while (head.find("\r\n\r\n") == std::string::npos &&
             (got = ::read(client.get(), buffer, sizeof buffer)) > 0)
        head.append(buffer, static_cast<std::size_t>(got));
      const auto begin = head.find(' ') + 1;
      const std::string path = head.substr(begin, head.find(' ', begin) - begin);
      std::string answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(path);
        if (const auto found = answers_.find(path); found != answers_.end()) answer = found->second;
      }
      for (std::size_t sent = 0; sent < answer.size();) {
        const ssize_t wrote = ::send(client.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (wrote <= 0) break;
        sent += static_cast<std::size_t>(wrote);
      }
    }
  }

  UniqueFd listener_;
  unsigned port_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

}  // namespace drydock::test
