#include "runtime/stream/exec_stream.hpp"

#include <utility>

#include "base/text.hpp"

namespace drydock::runtime::stream {
namespace {

// An engine's refusal is a line or two.
constexpr std::size_t longest_words = 16384;

}  // namespace

ExecStream::ExecStream(std::unique_ptr<AttachStream> inner, Judge judge)
    : inner_(std::move(inner)), judge_(std::move(judge)) {}

std::string ExecStream::words() const {
  std::string text;
  for (const Piece& piece : held_) text += piece.bytes;
  return text;
}

bool ExecStream::read(const std::function<void(Channel, std::span<const std::byte>)>& sink) {
  if (decided_) return inner_->read(sink);
  const bool more = inner_->read([&](Channel channel, std::span<const std::byte> bytes) {
    held_.push_back({channel, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  });
  if (held_.empty()) return more;
  const std::string text = words();
  const bool may_be_engine = starts_with(text, judge_.beginning) || starts_with(judge_.beginning, text);
  if (more && may_be_engine && text.size() < longest_words && !judge_.has_started()) return true;
  if (!more && may_be_engine) judge_.condemn(text);
  decided_ = true;
  for (const Piece& piece : held_) sink(piece.channel, std::as_bytes(std::span(piece.bytes)));
  held_.clear();
  return more;
}

}  // namespace drydock::runtime::stream
