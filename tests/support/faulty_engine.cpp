#include "faulty_engine.hpp"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::test {
namespace {

struct Fault {
  enum class Kind { kill, stop, fail, lose } kind;
  int at;
};

std::optional<Fault> fault_from_environment() {
  const char* text = std::getenv("DRYDOCK_FAULT");
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::string_view fault = text;
  const auto colon = fault.find(':');
  const std::string_view kind = fault.substr(0, colon);
  int at = 0;
  if (colon != std::string_view::npos) {
    const std::string_view number = fault.substr(colon + 1);
    std::from_chars(number.data(), number.data() + number.size(), at);
  }
  if (at > 0 && kind == "kill") return Fault{Fault::Kind::kill, at};
  if (at > 0 && kind == "stop") return Fault{Fault::Kind::stop, at};
  if (at > 0 && kind == "fail") return Fault{Fault::Kind::fail, at};
  if (at > 0 && kind == "lose") return Fault{Fault::Kind::lose, at};
  throw Error(ErrorKind::usage,
              "cannot use fault '" + printable(fault) + "': not kill:N, stop:N, fail:N or lose:N");
}

// Counts over all nouns of all engines of the process.
class Counter {
 public:
  explicit Counter(Fault fault) : fault_(fault) {}

  template <typename Call>
  auto run(const std::string& what, const Call& call) -> decltype(call()) {
    const bool due = ++count_ == fault_.at;
    if (due && fault_.kind == Fault::Kind::fail) fail(what);
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      if (due) strike(what);
    } else {
      auto result = call();
      if (due) strike(what);
      return result;
    }
  }

 private:
  [[noreturn]] static void fail(const std::string& what) {
    throw Error(ErrorKind::engine, "cannot " + what + ": a fault was asked for");
  }
  void strike(const std::string& what) const {
    if (fault_.kind == Fault::Kind::kill) std::raise(SIGKILL);
    if (fault_.kind == Fault::Kind::stop) {
      std::raise(SIGSTOP);
      return;
    }
    fail(what);
  }

  Fault fault_;
  int count_ = 0;
};

class FaultyImages : public runtime::Images {
 public:
  FaultyImages(runtime::Images& inner, Counter& counter) : inner_(inner), counter_(counter) {}
  runtime::ImageReport inspect(const std::string& reference) override { return inner_.inspect(reference); }
  void load(const std::string& path) override {
    counter_.run("load an image", [&] { inner_.load(path); });
  }
  std::vector<runtime::ImageSummary> list(const std::string& label) override { return inner_.list(label); }
  void pull(const std::string& reference, const std::function<void(const std::string&)>& progress) override {
    counter_.run("pull an image", [&] { inner_.pull(reference, progress); });
  }
  void save(const std::string& reference, const std::string& path, std::uint64_t limit) override {
    counter_.run("save an image", [&] { inner_.save(reference, path, limit); });
  }
  void remove(const std::string& reference) override {
    counter_.run("remove an image", [&] { inner_.remove(reference); });
  }

 private:
  runtime::Images& inner_;
  Counter& counter_;
};

class FaultyNetworks : public runtime::Networks {
 public:
  FaultyNetworks(runtime::Networks& inner, Counter& counter) : inner_(inner), counter_(counter) {}
  std::string create(const runtime::NetworkSpec& spec) override {
    return counter_.run("create a network", [&] { return inner_.create(spec); });
  }
  runtime::NetworkReport inspect(const std::string& name) override { return inner_.inspect(name); }
  std::vector<runtime::NetworkReport> list() override { return inner_.list(); }
  void remove(const std::string& name) override {
    counter_.run("remove a network", [&] { inner_.remove(name); });
  }

 private:
  runtime::Networks& inner_;
  Counter& counter_;
};

class FaultyContainers : public runtime::Containers {
 public:
  FaultyContainers(runtime::Containers& inner, Counter& counter) : inner_(inner), counter_(counter) {}
  std::string create(const runtime::ContainerSpec& spec) override {
    return counter_.run("create a container", [&] { return inner_.create(spec); });
  }
  std::unique_ptr<runtime::AttachStream> attach(const std::string& name, bool tty, bool with_stdin) override {
    return inner_.attach(name, tty, with_stdin);
  }
  void start(const std::string& name) override {
    counter_.run("start a container", [&] { inner_.start(name); });
  }
  void resize(const std::string& name, runtime::TerminalSize size) override { inner_.resize(name, size); }
  int wait(const std::string& name) override { return inner_.wait(name); }
  runtime::ContainerReport inspect(const std::string& name) override { return inner_.inspect(name); }
  std::vector<runtime::ContainerSummary> list(const std::string& label) override {
    return inner_.list(label);
  }
  void kill(const std::string& name, const std::string& signal) override {
    counter_.run("signal a container", [&] { inner_.kill(name, signal); });
  }
  void stop(const std::string& name, int seconds) override {
    counter_.run("stop a container", [&] { inner_.stop(name, seconds); });
  }
  void remove(const std::string& name) override {
    counter_.run("remove a container", [&] { inner_.remove(name); });
  }
  void read_log(const std::string& name, const runtime::LogRequest& request,
                const runtime::LogSink& sink) override {
    inner_.read_log(name, request, sink);
  }

 private:
  runtime::Containers& inner_;
  Counter& counter_;
};

class FaultyExecs : public runtime::Execs {
 public:
  FaultyExecs(runtime::Execs& inner, Counter& counter) : inner_(inner), counter_(counter) {}
  std::string create(const std::string& container, const runtime::ExecSpec& spec) override {
    return counter_.run("make an exec", [&] { return inner_.create(container, spec); });
  }
  std::unique_ptr<runtime::AttachStream> start(const std::string& id, const runtime::ExecSpec& spec,
                                               runtime::TerminalSize size) override {
    return counter_.run("start an exec", [&] { return inner_.start(id, spec, size); });
  }
  void resize(const std::string& id, runtime::TerminalSize size) override { inner_.resize(id, size); }
  int exit_code(const std::string& id) override { return inner_.exit_code(id); }

 private:
  runtime::Execs& inner_;
  Counter& counter_;
};

class FaultyEngine : public runtime::Engine {
 public:
  FaultyEngine(std::unique_ptr<runtime::Engine> inner, Counter& counter)
      : inner_(std::move(inner)),
        images_(inner_->images(), counter),
        networks_(inner_->networks(), counter),
        containers_(inner_->containers(), counter),
        execs_(inner_->execs(), counter) {}
  runtime::System& system() override { return inner_->system(); }
  runtime::Images& images() override { return images_; }
  runtime::Networks& networks() override { return networks_; }
  runtime::Containers& containers() override { return containers_; }
  runtime::Execs& execs() override { return execs_; }

 private:
  std::unique_ptr<runtime::Engine> inner_;
  FaultyImages images_;
  FaultyNetworks networks_;
  FaultyContainers containers_;
  FaultyExecs execs_;
};

class FaultyProvider : public runtime::EngineProvider {
 public:
  FaultyProvider(std::unique_ptr<runtime::EngineProvider> inner, Fault fault)
      : inner_(std::move(inner)), counter_(std::make_shared<Counter>(fault)) {}
  std::string name() const override { return inner_->name(); }
  bool present() const override { return inner_->present(); }
  std::vector<std::string> sockets() const override { return inner_->sockets(); }
  std::vector<std::string> programs() const override { return inner_->programs(); }
  runtime::Findings judge(const runtime::HostFacts& host, const runtime::EngineInfo* info) const override {
    return inner_->judge(host, info);
  }
  std::unique_ptr<runtime::Engine> connect(const runtime::ConnectOptions& options) const override {
    // The counter lives as long as the process: engines outlive their providers.
    static const std::shared_ptr<Counter> counter = counter_;
    return std::make_unique<FaultyEngine>(inner_->connect(options), *counter);
  }

 private:
  std::unique_ptr<runtime::EngineProvider> inner_;
  std::shared_ptr<Counter> counter_;
};

}  // namespace

std::unique_ptr<runtime::EngineProvider> with_fault(std::unique_ptr<runtime::EngineProvider> provider) {
  const auto fault = fault_from_environment();
  if (!fault) return provider;
  return std::make_unique<FaultyProvider>(std::move(provider), *fault);
}

}  // namespace drydock::test
