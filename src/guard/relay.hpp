// Carries bytes between two connected sockets, each direction for itself, with half-close. An idle relay
// holds no buffer; what one side does not take stops the reading from the other. Little is copied; much, by
// splice(2), is not.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"
#include "guard/loop.hpp"
#include "guard/pipe_pool.hpp"

namespace drydock::guard {

class Relay {
 public:
  // `ended` is called once, with an empty text after both ends closed, or else the reason. It may destroy the
  // relay only after the call returned.
  Relay(Loop& loop, UniqueFd client, UniqueFd server, std::function<void(const std::string& reason)> ended);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // `first` goes to the server ahead of everything else.
  void start(std::string first);

  // Calls `action` once, after as many octets as `mark` have been carried, both ways together. It must not
  // destroy the relay.
  void at_mark(std::uint64_t mark, std::function<void()> action);

  std::uint64_t sent() const { return server_.written; }      // to the server
  std::uint64_t received() const { return client_.written; }  // to the client

 private:
  struct Side {
    UniqueFd fd;
    std::string pending;       // to be written here
    std::optional<Pipe> pipe;  // the same, after that
    std::size_t piped = 0;     // octets in it
    bool much = false;         // the last reading from here took all that it could
    bool at_end = false;       // nothing more will be read from here
    bool shut = false;         // nothing more will be written here
    std::uint64_t written = 0;

    bool waits() const { return !pending.empty() || piped > 0; }
  };

  void handle(Side& side, Side& other, std::uint32_t events);
  bool read_from(Side& side, Side& other);
  bool copy(Side& side, Side& other);
  bool splice(Side& side, Side& other);
  bool flush(Side& side);
  bool flush_pipe(Side& side);
  void pass_end_on(Side& side, Side& other);
  void update(Side& side, const Side& other);
  void settle();
  void finish(const std::string& reason);

  Loop& loop_;
  Side client_;
  Side server_;
  std::function<void(const std::string&)> ended_;
  std::uint64_t mark_ = 0;
  std::function<void()> at_mark_;
  bool finished_ = false;
};

}  // namespace drydock::guard
