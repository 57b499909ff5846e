#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/engine.hpp"
#include "runtime/http/api.hpp"

namespace drydock::docker {

class DockerSystem : public runtime::System {
 public:
  explicit DockerSystem(runtime::http::Api& api) : api_(api) {}
  std::string name() const override { return "docker"; }
  const runtime::EngineInfo& info() override;

 private:
  runtime::http::Api& api_;
  std::optional<runtime::EngineInfo> info_;
};

class DockerImages : public runtime::Images {
 public:
  explicit DockerImages(runtime::http::Api& api) : api_(api) {}
  runtime::ImageReport inspect(const std::string& reference) override;
  std::vector<runtime::ImageSummary> list(const std::string& label) override;
  void pull(const std::string& reference, const std::function<void(const std::string&)>& progress) override;
  void load(const std::string& path) override;
  void save(const std::string& reference, const std::string& path, std::uint64_t limit) override;
  void remove(const std::string& reference) override;

 private:
  runtime::http::Api& api_;
};

class DockerNetworks : public runtime::Networks {
 public:
  explicit DockerNetworks(runtime::http::Api& api) : api_(api) {}
  std::string create(const runtime::NetworkSpec& spec) override;
  runtime::NetworkReport inspect(const std::string& name) override;
  std::vector<runtime::NetworkReport> list() override;
  void remove(const std::string& name) override;

 private:
  runtime::http::Api& api_;
};

class DockerContainers : public runtime::Containers {
 public:
  explicit DockerContainers(runtime::http::Api& api) : api_(api) {}
  std::string create(const runtime::ContainerSpec& spec) override;
  std::unique_ptr<runtime::AttachStream> attach(const std::string& name, bool tty, bool with_stdin) override;
  void start(const std::string& name) override;
  std::future<void> begin_start(const std::string& name) override;
  void resize(const std::string& name, runtime::TerminalSize size) override;
  int wait(const std::string& name) override;
  runtime::ContainerReport inspect(const std::string& name) override;
  std::vector<runtime::ContainerSummary> list(const std::string& label) override;
  void kill(const std::string& name, const std::string& signal) override;
  void stop(const std::string& name, int seconds) override;
  void remove(const std::string& name) override;
  void read_log(const std::string& name, const runtime::LogRequest& request,
                const runtime::LogSink& sink) override;

 private:
  runtime::http::Api& api_;
};

class DockerExecs : public runtime::Execs {
 public:
  explicit DockerExecs(runtime::http::Api& api) : api_(api) {}
  std::string create(const std::string& container, const runtime::ExecSpec& spec) override;
  std::unique_ptr<runtime::AttachStream> start(const std::string& id, const runtime::ExecSpec& spec,
                                               runtime::TerminalSize size) override;
  void resize(const std::string& id, runtime::TerminalSize size) override;
  int exit_code(const std::string& id) override;

 private:
  runtime::http::Api& api_;
};

class DockerEngine : public runtime::Engine {
 public:
  // Pings and agrees on a version. Throws as EngineProvider::connect.
  DockerEngine(std::string socket, const StopSource* stop);
  runtime::System& system() override { return system_; }
  runtime::Images& images() override { return images_; }
  runtime::Networks& networks() override { return networks_; }
  runtime::Containers& containers() override { return containers_; }
  runtime::Execs& execs() override { return execs_; }

 private:
  runtime::http::Api api_;
  DockerSystem system_;
  DockerImages images_;
  DockerNetworks networks_;
  DockerContainers containers_;
  DockerExecs execs_;
};

}  // namespace drydock::docker
