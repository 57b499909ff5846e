// A state folder of its own and an agent whose sessions begin and end in it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/directories.hpp"
#include "base/temp_file.hpp"
#include "core/agent_state.hpp"
#include "environment.hpp"

namespace drydock::core {

namespace fs = std::filesystem;

inline constexpr const char* first = "00000001";
inline constexpr const char* second = "00000002";

class AgentState : public testing::Test {
 protected:
  AgentState() {
    environment.set("XDG_STATE_HOME", folder.path());
    profile.name = "demo";
    profile.state = {{".demo", true}, {".demo.json", false}};
    profile.transcripts = {".demo/talks"};
    profile.login = {".demo/login"};
  }
  SessionState state(const std::string& session, const std::string& project = "one-11111111") const {
    return session_state(profile, project, session);
  }
  void begin(const std::string& session, const std::string& project = "one-11111111") const {
    StateRequest request{session, "podman rootless", Owner::self(), ::getuid(), ::getgid(), {}};
    make_session_state(state(session, project), request);
  }
  std::string home(const std::string& session) const { return state(session).home; }
  std::string own() const { return agent_state_directory("demo"); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::trunc) << text;
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static unsigned mode(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
  }
  std::vector<std::string> sessions() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(own() + "/sessions"))
      names.push_back(entry.path().filename());
    return names;
  }

  TempDir folder;
  test::Environment environment;
  AgentProfile profile;
};

}  // namespace drydock::core
