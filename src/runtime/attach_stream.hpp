// The two-way stream of an attached container, after the HTTP upgrade. One thread uses it; `fd()` is for
// poll().
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace drydock::runtime {

enum class Channel { out, err };

class AttachStream {
 public:
  virtual ~AttachStream() = default;
  // To poll for input and output. -1 once closed.
  virtual int fd() const = 0;
  // True when bytes that came with the upgrade response wait to be read: poll would not report them.
  virtual bool has_buffered() const = 0;
  // Reads what is there without blocking and hands it to the sink, demultiplexed (with a TTY all is `out`).
  // False when the stream has ended.
  virtual bool read(const std::function<void(Channel, std::span<const std::byte>)>& sink) = 0;
  // Writes without blocking; the number of bytes taken, 0 when the other side does not take any now.
  virtual std::size_t write(std::span<const std::byte> bytes) = 0;
  // End of input: the command reads EOF. Output goes on.
  virtual void close_input() = 0;
};

}  // namespace drydock::runtime
