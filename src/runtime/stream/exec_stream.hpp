// The stream of an exec. Both engines tell within the stream that the command could not be run, as if it were
// the command's own output: this holds such words back, and turns them into an Error.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/attach_stream.hpp"

namespace drydock::runtime::stream {

class ExecStream : public AttachStream {
 public:
  struct Judge {
    std::string beginning;              // what the engine's own words begin with
    std::function<bool()> has_started;  // asks the engine; true once the command runs, or has run
    // Called at the end of a stream that began so and whose command was not seen to start: throws if these
    // are the engine's words.
    std::function<void(const std::string& words)> condemn;
  };

  ExecStream(std::unique_ptr<AttachStream> inner, Judge judge);

  int fd() const override { return inner_->fd(); }
  bool has_buffered() const override { return inner_->has_buffered(); }
  bool read(const std::function<void(Channel, std::span<const std::byte>)>& sink) override;
  std::size_t write(std::span<const std::byte> bytes) override { return inner_->write(bytes); }
  void close_input() override { inner_->close_input(); }

 private:
  struct Piece {
    Channel channel;
    std::string bytes;
  };
  // What was held back, as one text.
  std::string words() const;

  std::unique_ptr<AttachStream> inner_;
  Judge judge_;
  std::vector<Piece> held_;
  bool decided_ = false;
};

}  // namespace drydock::runtime::stream
