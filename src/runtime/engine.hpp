// A container engine, as drydock needs it: six nouns. Implementations live in folders of their own and are
// named in one file (cli/engines.cpp). Every call may throw Error (kinds not_found, conflict, permission,
// unavailable, timeout, engine, protocol, unsupported) or Interrupted. An engine object is used from one
// thread; wait() and the streams open connections of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/attach_stream.hpp"
#include "runtime/types.hpp"

namespace drydock::runtime {

class System {
 public:
  virtual ~System() = default;
  virtual std::string name() const = 0;  // "podman", "docker"; the engine is not asked
  // Asked once, remembered.
  virtual const EngineInfo& info() = 0;
};

class Images {
 public:
  virtual ~Images() = default;
  // Throws not_found when the image is not in the engine's store; nothing is pulled.
  virtual ImageReport inspect(const std::string& reference) = 0;
  // Every image in the store that carries the label ("key=value").
  virtual std::vector<ImageSummary> list(const std::string& label) = 0;
  // Has the engine fetch what the reference names in its registry now, with whatever login the engine has.
  // `progress` may be empty. Throws not_found, permission, unavailable (no way to the registry), engine.
  virtual void pull(const std::string& reference,
                    const std::function<void(const std::string& text)>& progress) = 0;
  // Loads a docker-archive tar (manifest.json, config, layers) from `path`; the tag is in the archive.
  virtual void load(const std::string& path) = 0;
  // Writes the image to the file `path`, which is replaced: a tar with a manifest.json, the config and the
  // layers, in whichever layout the engine has (core/saved_image.hpp). Throws Error(invalid) for one of more
  // than `limit` bytes.
  virtual void save(const std::string& reference, const std::string& path, std::uint64_t limit) = 0;
  virtual void remove(const std::string& reference) = 0;
};

class Networks {
 public:
  virtual ~Networks() = default;
  virtual std::string create(const NetworkSpec& spec) = 0;  // throws conflict when name or subnet are taken
  virtual NetworkReport inspect(const std::string& name) = 0;
  virtual std::vector<NetworkReport> list() = 0;
  virtual void remove(const std::string& name) = 0;  // not_found is not an error
};

struct TerminalSize {
  unsigned rows = 0;
  unsigned columns = 0;
};

// Bytes of a log; a sink that returns false wants no more.
using LogSink = std::function<bool(Channel, std::string_view)>;

class Containers {
 public:
  virtual ~Containers() = default;
  // Makes it, starts nothing. A warning of the engine's is an Error: what was asked for would not hold.
  virtual std::string create(const ContainerSpec& spec) = 0;
  // Attaches to a container that was created and not yet started, or that runs. Detaching keys of the
  // engine's own are off. With `with_stdin` false nothing is sent.
  virtual std::unique_ptr<AttachStream> attach(const std::string& name, bool tty, bool with_stdin) = 0;
  // Throws command_not_found or command_not_executable when it is the command that could not be started.
  virtual void start(const std::string& name) = 0;
  // The same beside what is done meanwhile: get() returns when it is started, or throws. A future that is
  // dropped waits until the engine has answered. This one starts it at once and is ready; an engine that
  // can do two things at a time does so on a connection of its own.
  virtual std::future<void> begin_start(const std::string& name);
  virtual void resize(const std::string& name, TerminalSize size) = 0;
  // Blocks until a started container has ended; its exit code. Throws command_not_found or
  // command_not_executable when the engine's init could not execute the command and its code does not say so.
  virtual int wait(const std::string& name) = 0;
  virtual ContainerReport inspect(const std::string& name) = 0;
  // Every container that carries the label, running or not.
  virtual std::vector<ContainerSummary> list(const std::string& label) = 0;
  virtual void kill(const std::string& name, const std::string& signal) = 0;
  // Asks it to end, and ends it after `seconds`.
  virtual void stop(const std::string& name, int seconds) = 0;
  virtual void remove(const std::string& name) = 0;  // running or not; not_found is not an error
  // What it wrote, as the engine has kept it, handed on as it comes. With `follow` goes on until the
  // container ends; the sink ends it early by returning false.
  virtual void read_log(const std::string& name, const LogRequest& request, const LogSink& sink) = 0;
};

// More commands in a running container. Each has an id of its own.
class Execs {
 public:
  virtual ~Execs() = default;
  // Makes it, starts nothing. Throws conflict when the container does not run.
  virtual std::string create(const std::string& container, const ExecSpec& spec) = 0;
  // Starts it, attached. A command that cannot be run is told here or by the stream's read(): Error
  // (command_not_found, command_not_executable), and nothing of it has been handed on then.
  virtual std::unique_ptr<AttachStream> start(const std::string& id, const ExecSpec& spec,
                                              TerminalSize size) = 0;
  virtual void resize(const std::string& id, TerminalSize size) = 0;
  // Of one whose stream has ended.
  virtual int exit_code(const std::string& id) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual System& system() = 0;
  virtual Images& images() = 0;
  virtual Networks& networks() = 0;
  virtual Containers& containers() = 0;
  virtual Execs& execs() = 0;
};

}  // namespace drydock::runtime
