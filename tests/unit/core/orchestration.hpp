// What the tests of a session and of a whole run share: an engine in memory, folders of their own, and the
// demand that nothing is left.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/stop_source.hpp"
#include "base/temp_file.hpp"
#include "core/own_image.hpp"
#include "core/sessions.hpp"
#include "core/sidecar_image.hpp"
#include "core/talk.hpp"
#include "core/timings.hpp"
#include "environment.hpp"
#include "fake_engine.hpp"

namespace drydock::core {

class Recorder : public Talk {
 public:
  void say(const std::string& text) override { said.push_back(text); }
  void warn(const std::string& text) override { warned.push_back(text); }
  void progress(const std::string&) override {}
  std::vector<std::string> said;
  std::vector<std::string> warned;
};

// What went wrong on the way through a run, for messages.
enum class Moment { before, after };

// The label of the sidecar's image, which is made from this machine's tinyproxy. Throws Error(not_found) when
// that is not installed.
inline std::string make_sidecar_label() {
  test::FakeEngine engine;
  std::string content;
  engine.on_load = [&](const std::string& path) {
    const std::string config = run_checked({"tar", "--wildcards", "-xOf", path, "*.json"}).output;
    const std::string key = std::string("\"") + image_content_label + "\":\"";
    content = config.substr(config.find(key) + key.size(), 64);
    engine.image_map[sidecar_image_reference()].labels = {{image_content_label, content}};
  };
  ensure_sidecar_image(engine);
  return content;
}

// The engine has the sidecar's image already, so that no call of a test's makes it.
inline void give_sidecar_image(test::FakeEngine& engine) {
  static const std::string content = make_sidecar_label();
  engine.image_map[sidecar_image_reference()].labels = {{image_content_label, content}};
}

inline bool has_tinyproxy() {
  try {
    return !find_program("tinyproxy").empty();
  } catch (const Error&) {
    return false;
  }
}

class Orchestration : public testing::Test {
 protected:
  Orchestration() {
    environment.set("XDG_RUNTIME_DIR", directory.path() + "/runtime");
    environment.set("XDG_STATE_HOME", directory.path() + "/state");
    environment.set("XDG_CONFIG_HOME", directory.path() + "/config");
    environment.set("XDG_STATE_HOME", directory.path() + "/state");
    for (const char* name : {"DRYDOCK_DOOD", "DRYDOCK_CONTAIN"}) environment.set(name, std::nullopt);
    // Root runs the agent as somebody else.
    environment.set("SUDO_UID", "1000");
    environment.set("SUDO_GID", "1000");
    for (const char* name : {"runtime", "config", "demo"})
      std::filesystem::create_directories(directory.path() + "/" + name);
  }
  static std::vector<std::string> session_folders() {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(session_directory("x")).parent_path(), none)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  // Everything that a failed or ended session might have left.
  void expect_nothing_left(const std::string& when) {
    EXPECT_THAT(engine->objects(), testing::IsEmpty()) << when;
    EXPECT_THAT(session_folders(), testing::IsEmpty()) << when;
  }
  void fresh_engine() { engine = std::make_unique<test::FakeEngine>(); }
  void fail_at(std::size_t number, Moment moment, ErrorKind kind = ErrorKind::engine) {
    const auto failing = [this, number, kind](const std::string& call, std::size_t at) {
      if (at != number) return;
      failed_call = call;
      throw Error(kind, "cannot " + call + ": told to fail");
    };
    (moment == Moment::before ? engine->before : engine->after) = failing;
  }

  TempDir directory;
  test::Environment environment;
  std::unique_ptr<test::FakeEngine> engine = std::make_unique<test::FakeEngine>();
  StopSource stop;
  Recorder talk;
  Timings timings;
  std::string failed_call;
};

}  // namespace drydock::core
