// The conformance suite's hold on the lab it runs in: drydock as the lab's normal user, the engines' own
// command lines as the witness, and the fake internet's logs as the judge.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace drydock::conformance {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome);

// A POSIX shell script, run as root in the lab.
Outcome sh(const std::string& script);
// The same as the one who uses drydock in this configuration: the lab's normal user, or root where the engine
// is root's Podman. In a fresh login's environment, and the engine's own command line finds the engine.
Outcome sh_as_user(const std::string& script);
// The same as the lab's normal user in every configuration.
Outcome sh_as_dev(const std::string& script);
// A word for either.
std::string quote(const std::string& word);

// The last lines of a lab log that came after `mark()` was called.
class Log {
 public:
  explicit Log(std::string name);  // packets, requests, dns, host
  // Lines since construction that hold all of the texts. Whatever was sent before the call is in them.
  std::vector<std::string> lines_with(const std::vector<std::string>& texts) const;

 private:
  std::string path_;
  std::size_t start_;
};

inline constexpr const char* test_image = "localhost/drydock-test:latest";

// A backend (parameter: the name of a runtime), a project folder of the user's, and the demand that a test
// leaves the engine as it found it.
class Conformance : public ::testing::TestWithParam<std::string> {
 public:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

 protected:
  void SetUp() override;
  void TearDown() override;

  const std::string& backend() const { return GetParam(); }
  // The lab's, such as "P5r" (tests/lab/README.md), or empty in a lab of whatever this machine has.
  static std::string configuration();
  const std::string& project() const { return project_; }

  // "drydock --runtime BACKEND" and the options that the tests share, as a shell word list.
  std::string drydock_words() const;
  // drydock ARGUMENTS, as the user, in the project folder. ARGUMENTS is shell text.
  Outcome drydock(const std::string& arguments) const;
  // drydock run with the test image: OPTIONS -- COMMAND.
  Outcome run(const std::string& options, const std::string& command) const;
  // A detached session with the test image, whose agent does what in_agent() asks; its id. An engine's own
  // exec would leave its helper processes behind for minutes.
  std::string start_serving(const std::string& options) const;
  // What the command wrote in that agent, stdout and stderr.
  std::string in_agent(const std::string& command) const;
  // The positive control: the same command in a container of the engine's own making that is not jailed, on
  // its default network, with the project mounted.
  Outcome unjailed(const std::string& command, const std::string& options = {}) const;
  // The engine's own command line, as the user.
  Outcome engine(const std::string& arguments) const;
  // What the engine holds of drydock's: names of containers, networks and all volumes.
  std::string leftovers() const;
  // Writes a file of the user's in the project.
  void write_project_file(const std::string& name, const std::string& content) const;
  // Puts a Python program in the guard's place in the sidecar's image, under the same name and label; the
  // real one is /usr/bin/real-guard there. Undone by `drydock build --no-cache`.
  Outcome replace_guard(const std::string& script) const;
  // Python: a proxy at tinyproxy's address that gives every request this answer. Imports re and socket.
  static std::string proxy_script(const std::string& answer);
  // The only session that runs; its id.
  std::string live_session() const;

 private:
  std::string project_;
};

}  // namespace drydock::conformance
