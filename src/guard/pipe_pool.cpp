#include "guard/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace drydock::guard {

std::optional<Pipe> PipePool::take() {
  if (!pipes_.empty()) {
    Pipe pipe = std::move(pipes_.back());
    pipes_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return std::nullopt;
  ::fcntl(ends[1], F_SETPIPE_SZ, size);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void PipePool::give_back(Pipe pipe) {
  if (pipes_.size() < kept) pipes_.push_back(std::move(pipe));
}

}  // namespace drydock::guard
