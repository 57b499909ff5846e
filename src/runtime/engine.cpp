#include "runtime/engine.hpp"

namespace drydock::runtime {

std::future<void> Containers::begin_start(const std::string& name) {
  std::packaged_task<void()> task([&] { start(name); });
  task();
  return task.get_future();
}

}  // namespace drydock::runtime
