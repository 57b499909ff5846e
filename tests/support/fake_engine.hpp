// An engine in memory: it keeps what it is told to make, reports it as made, records every call, and fails
// where a test wants it to. Containers do not run; their output is what the test says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine.hpp"

namespace drydock::test {

struct FakeContainer {
  runtime::ContainerSpec spec;
  runtime::ContainerState state = runtime::ContainerState::created;
  int exit_code = 0;
  int output = -1;  // the write end of an attached stream, owned by the engine
};

class FakeEngine : public runtime::Engine {
 public:
  FakeEngine();
  ~FakeEngine() override;
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  runtime::System& system() override;
  runtime::Images& images() override;
  runtime::Networks& networks() override;
  runtime::Containers& containers() override;
  runtime::Execs& execs() override;

  // Called with each call ("containers.create NAME") and its number from 0, before it has its effect and
  // after; what they throw is what the caller gets.
  std::function<void(const std::string& call, std::size_t number)> before;
  std::function<void(const std::string& call, std::size_t number)> after;
  // The last word on what inspect reports.
  std::function<void(runtime::ContainerReport&)> alter_container;
  std::function<void(runtime::NetworkReport&)> alter_network;
  std::function<void(const std::string& path)> on_load;
  std::function<void(const std::string& reference)> on_pull;  // none: there is no such image
  std::function<void(const std::string& path, std::uint64_t limit)> on_save;

  runtime::EngineInfo info;
  std::map<std::string, FakeContainer> container_map;
  std::map<std::string, runtime::NetworkSpec> network_map;
  std::map<std::string, runtime::ImageReport> image_map;
  std::string sidecar_output = "{\"event\":\"ready\"}\n";
  // What a container has written, all of it to stderr; by default nothing.
  std::function<std::string(const std::string& container)> log_of;
  std::string probe_output;        // empty: all that was to be checked holds
  bool agent_ends_at_once = true;  // else it runs until it is stopped or killed
  int agent_exit_code = 0;
  std::vector<runtime::ExecSpec> exec_specs;  // of what was to be run, which nothing is

  const std::vector<std::string>& calls() const { return calls_; }
  void forget_calls() { calls_.clear(); }
  // The names of all containers and networks that are left.
  std::vector<std::string> objects() const;

 private:
  friend class FakeSystem;
  friend class FakeImages;
  friend class FakeNetworks;
  friend class FakeContainers;
  friend class FakeExecs;
  // Records the call and runs `effect` between `before` and `after`.
  void perform(const std::string& call, const std::function<void()>& effect);

  std::vector<std::string> calls_;
  std::unique_ptr<runtime::System> system_;
  std::unique_ptr<runtime::Images> images_;
  std::unique_ptr<runtime::Networks> networks_;
  std::unique_ptr<runtime::Containers> containers_;
  std::unique_ptr<runtime::Execs> execs_;
};

// The report of a container that was made exactly as specified.
runtime::ContainerReport report_of(const runtime::ContainerSpec& spec, runtime::ContainerState state);
runtime::NetworkReport report_of(const runtime::NetworkSpec& spec);

}  // namespace drydock::test
