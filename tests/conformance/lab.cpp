#include "lab.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/process.hpp"
#include "base/text.hpp"

namespace drydock::conformance {
namespace {

// Set by CMake.
const std::string program = DRYDOCK_PROGRAM;
const std::string image_program = DRYDOCK_TEST_IMAGE_PROGRAM;
const std::string lab_directory = DRYDOCK_LAB_SCRIPTS;

std::string lab_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr)
    throw std::runtime_error(std::string(name) + " is not set: run this in tests/lab/lab");
  return value;
}

Outcome run_program(const std::vector<std::string>& argv) {
  ProcessOptions options;
  options.output_limit = std::size_t{64} << 20;
  const ProcessResult result = run_process(argv, options);
  return {result.exit_code, result.output, result.error_output};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  const auto put = [&](const char* name, const std::string& text) {
    stream << "\n--- " << name;
    for (const std::string& line : split(text.substr(0, 3000), '\n')) stream << "\n" << printable(line);
  };
  stream << "status " << outcome.status;
  put("stdout", outcome.out);
  put("stderr", outcome.err);
  return stream << "\n---";
}

Outcome sh(const std::string& script) { return run_program({"/bin/bash", "-c", script}); }

Outcome sh_as_user(const std::string& script) {
  return run_program({lab_directory + "/as-user", "/bin/bash", "-c", script});
}

Outcome sh_as_dev(const std::string& script) {
  return run_program({lab_directory + "/as-dev", "/bin/bash", "-c", script});
}

std::string quote(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Log::Log(std::string name)
    : path_(lab_variable("DRYDOCK_LAB") + "/log/" + std::move(name) + ".log"),
      start_(read_file(path_).size()) {}

std::vector<std::string> Log::lines_with(const std::vector<std::string>& texts) const {
  const Outcome mark = sh(lab_directory + "/mark");
  if (mark.status != 0) throw std::runtime_error("the lab's packet log is dead: " + mark.err);
  std::vector<std::string> lines;
  for (const std::string& line : split(read_file(path_).substr(start_), '\n')) {
    bool all = !line.empty();
    for (const std::string& text : texts) all = all && line.find(text) != std::string::npos;
    if (all) lines.push_back(line);
  }
  return lines;
}

void Conformance::SetUpTestSuite() {
  if (!configuration().empty()) {
    const Outcome versions = sh(lab_directory + "/versions");
    ASSERT_EQ(versions.status, 0) << versions;
    RecordProperty("lab", std::string(trim(versions.out)));
  }
  // Once a process and engine: suites share the lab.
  static std::set<std::string> loaded;
  const std::string archive = lab_variable("TMPDIR") + "/drydock-test-image.tar";
  if (loaded.insert("archive").second) {
    const Outcome made = sh(image_program + " --ca " + quote(lab_variable("DRYDOCK_LAB_CA")) + " " +
                            quote(archive) + " " + test_image + " && chmod 644 " + quote(archive));
    ASSERT_EQ(made.status, 0) << made;
  }
  for (const std::string engine : {"podman", "docker"}) {
    // Podman is there in every lab, for nobody has to start it.
    if (starts_with(configuration(), "D") && engine == "podman") continue;
    if (sh_as_user(engine + " info").status != 0 || !loaded.insert(engine).second) continue;
    const Outcome done = sh_as_user(engine + " load -i " + quote(archive));
    ASSERT_EQ(done.status, 0) << done;
  }
}

void Conformance::SetUp() {
  const Outcome made = sh_as_dev("mktemp -d \"$HOME/project.XXXXXX\"");
  ASSERT_EQ(made.status, 0) << made;
  project_ = std::string(trim(made.out));
  ASSERT_EQ(engine("info").status, 0) << backend() << " does not work in this lab";
}

void Conformance::TearDown() {
  EXPECT_EQ(leftovers(), "") << "the test left something in the engine";
  const Outcome processes =
      sh("for i in $(seq 50); do pgrep -x 'tinyproxy|drydock-guard|conmon' >/dev/null || exit 0; sleep 0.1; "
         "done; "
         "pgrep -xa 'tinyproxy|drydock-guard|conmon'; exit 1");
  EXPECT_EQ(processes.status, 0) << "processes are left: " << processes.out;
  const Outcome files =
      sh("find /run/user/*/drydock ! -type d ! -name podman.sock 2>/dev/null; "
         "find /run/user/*/drydock/sessions -mindepth 1 2>/dev/null");
  EXPECT_EQ(files.out, "") << "files are left";
  if (!project_.empty()) sh("rm -rf " + quote(project_));
}

// The Podman service that drydock started ends when it is idle, and takes its socket along.
void Conformance::TearDownTestSuite() {
  const Outcome processes =
      sh("for i in $(seq 150); do pgrep -u dev -f 'drydock|conmon' >/dev/null || exit 0; sleep 0.1; done; "
         "pgrep -u dev -af 'drydock|conmon'; exit 1");
  EXPECT_EQ(processes.status, 0) << "processes are left: " << processes.out;
  EXPECT_EQ(sh("find /run/user/*/drydock ! -type d 2>/dev/null").out, "") << "files are left";
}

std::string Conformance::configuration() {
  const char* id = std::getenv("DRYDOCK_LAB_CONFIG");
  return id != nullptr ? id : "";
}

std::string Conformance::drydock_words() const { return program + " --runtime " + backend(); }

Outcome Conformance::drydock(const std::string& arguments) const {
  return sh_as_user("cd " + quote(project_) + " && " + drydock_words() + " " + arguments);
}

Outcome Conformance::run(const std::string& options, const std::string& command) const {
  return drydock("run --image " + std::string(test_image) + " " + options + " -- " + command);
}

Outcome Conformance::unjailed(const std::string& command, const std::string& options) const {
  return engine("run --rm -v " + quote(project_) + ":" + quote(project_) + " -w " + quote(project_) + " " +
                options + " " + test_image + " " + command);
}

Outcome Conformance::engine(const std::string& arguments) const {
  return sh_as_user(backend() + " " + arguments);
}

std::string Conformance::start_serving(const std::string& options) const {
  write_project_file("serve.sh",
                     "while :; do if mv todo doing 2>/dev/null; then sh doing > out 2>&1; mv doing done; fi; "
                     "sleep 0.05; done\n");
  const Outcome started = run("-q -d " + options, "sh serve.sh");
  EXPECT_EQ(started.status, 0) << started;
  return std::string(trim(started.out));
}

std::string Conformance::in_agent(const std::string& command) const {
  write_project_file("next", command + "\n");
  const Outcome done =
      sh("cd " + quote(project()) +
         " && rm -f done && mv next todo && for i in $(seq 600); do test -e done && break; sleep 0.05; "
         "done; test -e done && cat out");
  EXPECT_EQ(done.status, 0) << command << " " << done;
  return done.out;
}

std::string Conformance::leftovers() const {
  return engine("ps -aq --filter label=io.drydock.session").out +
         engine("network ls -q --filter label=io.drydock.session").out + engine("volume ls -q").out;
}

void Conformance::write_project_file(const std::string& name, const std::string& content) const {
  const std::string path = project_ + "/" + name;
  std::ofstream(path) << content;
  const Outcome given = sh("chown dev: " + quote(path));
  ASSERT_EQ(given.status, 0) << given;
}

std::string Conformance::proxy_script(const std::string& answer) {
  return "import json, socket\n"
         "address = json.load(open('/etc/drydock/guard.json'))['proxy']['address']\n"
         "server = socket.create_server((address, 8888))\n"
         "print('{\"event\":\"ready\"}', flush=True)\n"
         "while True:\n"
         "    client = server.accept()[0]\n"
         "    client.recv(4096)\n"
         "    client.sendall(b'HTTP/1.1 " +
         answer + " x\\r\\n\\r\\n')\n    client.close()\n";
}

Outcome Conformance::replace_guard(const std::string& script) const {
  const Outcome built = drydock("build");
  if (built.status != 0) return built;
  const std::string reference(trim(
      engine("images --format '{{.Repository}}:{{.Tag}}' --filter reference=localhost/drydock-egress").out));
  const std::string label(trim(
      engine("image inspect --format '{{index .Config.Labels \"io.drydock.content\"}}' " + reference).out));
  if (label.empty()) return {1, reference, "the sidecar's image has no label"};
  write_project_file("guard.py", "#!/usr/bin/python3\n" + script);
  // The test image has Python; the programs bring the libraries that it lacks.
  return sh_as_user("set -e; cd " + quote(project()) + "; " + backend() + " create --name fake " +
                    test_image + " true > /dev/null; rm -rf root; mkdir root; " + backend() +
                    " export fake | tar -C root -x --exclude=dev; " + backend() +
                    " rm fake > /dev/null; guard=$(dirname " + program +
                    ")/drydock-guard; cp $guard root/usr/bin/real-guard; cp $(command -v tinyproxy) "
                    "root/usr/bin/tinyproxy; "
                    "for f in $(ldd $guard root/usr/bin/tinyproxy | grep -o '/[^ )]*' | grep -v ':$'); do "
                    "test -e root/$f || { mkdir -p root/$(dirname $f); cp -L $f root/$f; }; done; mkdir -p "
                    "root/etc/drydock; "
                    "cp guard.py root/usr/bin/drydock-guard; chmod 755 root/usr/bin/drydock-guard "
                    "root/usr/bin/real-guard; chmod 1777 root/run root/tmp; "
                    "tar -C root -c . | " +
                    backend() + " import --change 'LABEL io.drydock.content=" + label + "' - " + reference +
                    " > /dev/null; rm -rf root");
}

std::string Conformance::live_session() const {
  const Outcome found =
      engine("ps --filter label=io.drydock.role=agent --format '{{.Label \"io.drydock.session\"}}'");
  if (found.status == 0 && !trim(found.out).empty()) return std::string(trim(found.out));
  const Outcome podman =
      engine("ps --filter label=io.drydock.role=agent --format '{{index .Labels \"io.drydock.session\"}}'");
  return std::string(trim(podman.out));
}

}  // namespace drydock::conformance
