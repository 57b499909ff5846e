#include "cli/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/temp_file.hpp"
#include "cli/command_line.hpp"
#include "cli/run_options.hpp"
#include "core/project.hpp"
#include "environment.hpp"
#include "nobody.hpp"

namespace drydock::cli {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Config : public testing::Test {
 protected:
  Config() {
    environment.set("XDG_CONFIG_HOME", folder.path() + "/config");
    fs::create_directories(folder.path() + "/project");
    key = core::resolve_project(project()).key;
  }
  std::string project() const { return folder.path() + "/project"; }
  std::string write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::trunc) << text;
    return path;
  }
  void user(const std::string& text) const { write(user_configuration_path(), text); }
  void own(const std::string& text) const { write(project_configuration_path(key), text); }
  std::vector<std::string> packages() const {
    const Configuration configuration = sound(read_configuration(project(), {}));
    GlobalOptions global;
    const po::variables_map values;
    const std::vector<std::string> operands;
    const std::optional<std::vector<std::string>> command;
    Console console;
    StopSource stop;
    return configured_packages({global, values, operands, command, console, stop, &configuration});
  }
  static Configuration sound(Configuration configuration) {
    if (!configuration.problems().empty()) throw configuration.problems().front();
    return configuration;
  }
  // The options of drydock run WORDS in the project.
  core::RunOptions run(std::vector<std::string> words, const std::string& file = {}) const {
    words.insert(words.begin(), {"run", "--no-tty"});
    GlobalOptions partial;
    CommandLine line = parse_command_line(words, partial);
    const Configuration configuration = sound(read_configuration(project(), file));
    po::options_description options;
    line.command->declare(options);
    configuration.merge_into(line.values, options);
    Console console;
    StopSource stop;
    core::RunOptions result;
    name_origins(configuration, [&] {
      result = read_run_options(
          {line.global, line.values, line.operands, line.container_command, console, stop, &configuration});
    });
    return result;
  }
  Error error(const std::string& text) const {
    user(text);
    try {
      run({});
    } catch (const Error& thrown) {
      EXPECT_EQ(thrown.kind(), ErrorKind::invalid);
      EXPECT_FALSE(thrown.hint().empty()) << thrown.what();
      EXPECT_THAT(thrown.what(), HasSubstr("cannot read configuration '" + user_configuration_path()));
      return thrown;
    }
    ADD_FAILURE() << "took " << text;
    return {ErrorKind::internal, ""};
  }

  TempDir folder;
  test::Environment environment;
  std::string key;
};

TEST_F(Config, TheNearerOneDecides) {
  EXPECT_EQ(run({}).limits.memory, std::nullopt);
  user("memory = 1g\n image = user:1 # the usual one\nkeep = true\n");
  EXPECT_EQ(run({}).limits.memory, 1U << 30);
  EXPECT_EQ(run({}).image, "user:1");
  EXPECT_TRUE(run({}).keep);
  own("memory = 512m\n");
  EXPECT_EQ(run({}).limits.memory, 512U << 20);
  EXPECT_EQ(run({}).image, "user:1") << "what it does not say is the user's";
  EXPECT_EQ(run({"--memory", "64m"}).limits.memory, 64U << 20);
}

TEST_F(Config, ListsAddUpAndTheNearerComesLast) {
  user("allow = a.example\nallow = b.example\nenv = X=user\nenv = Y=user\n");
  own("allow=c.example\nenv = X=project\n");
  const core::RunOptions options = run({"--allow", "d.example", "-e", "Y=flag"});
  std::vector<std::string> hosts;
  for (const core::Given& given : options.allow.hosts)
    hosts.push_back(given.value + " " + given.origin.substr(given.origin.rfind('/') + 1));
  EXPECT_THAT(hosts,
              ElementsAre("a.example config:1", "b.example config:2", "c.example config:1", "d.example "));
  EXPECT_EQ(options.environment.at("X"), "project");
  EXPECT_EQ(options.environment.at("Y"), "flag");
}

// For whoever says what is wrong instead of ending with it.
TEST_F(Config, AWrongFileIsAProblemAndSaysNothing) {
  user("memory = 1g\nallow = a.example\nmemoyr = 2g\n");
  own("cpus = 2\n");
  const Configuration configuration = read_configuration(project(), {});
  ASSERT_EQ(configuration.problems().size(), 1U);
  EXPECT_THAT(configuration.problems().front().what(), HasSubstr("config:3'"));
  EXPECT_EQ(configuration.value("memory"), "");
  EXPECT_EQ(configuration.value("cpus"), "2");
  std::vector<std::string> states;
  for (const core::ConfigurationFile& file : configuration.files()) states.push_back(file.state);
  EXPECT_THAT(states, ElementsAre(testing::AnyOf("absent", "read"), "wrong", "read"));
}

TEST_F(Config, AFileThatIsNamedStandsInForBoth) {
  user("memory = 1g\n");
  own("cpus = 1\n");
  const std::string file = write(folder.path() + "/other", "pids-limit = 7\r\n");
  const core::RunOptions options = run({}, file);
  EXPECT_EQ(options.limits.memory, std::nullopt);
  EXPECT_EQ(options.limits.nano_cpus, std::nullopt);
  EXPECT_EQ(options.limits.pids, 7);
  EXPECT_THROW(run({}, folder.path() + "/none"), Error) << "it must be there";
}

TEST_F(Config, AFaultIsToldWithFileAndLine) {
  EXPECT_THAT(error("# a comment\n\nmemroy = 1g\n").what(), HasSubstr("/config:3': 'memroy' is no key"));
  EXPECT_EQ(error("memroy = 1g\n").hint(), "did you mean 'memory'?");
  EXPECT_THAT(error("memory = much\n").what(), HasSubstr("/config:1': cannot use option '--memory': 'much'"));
  EXPECT_THAT(error("cpus = 1\nkeep = perhaps\n").what(),
              HasSubstr("/config:2': 'keep' cannot be 'perhaps'"));
  EXPECT_THAT(error("memory\n").what(), HasSubstr("/config:1': it is not key = value"));
  EXPECT_THAT(error("[run]\n").what(), HasSubstr("/config:1': there are no sections"));
  EXPECT_THAT(error("cpus = 1\ncpus = 2\n").what(),
              HasSubstr("/config:2': 'cpus' is there already, in line 1"));
  EXPECT_THAT(error("dry-run = true\n").what(), HasSubstr("'dry-run' is a matter of a single run"));
  EXPECT_THAT(error("mode = dood\n").hint(), HasSubstr("drydock dood"));
  EXPECT_THAT(error("runtime = podmann\n").what(), HasSubstr("/config:1': 'podmann' is no engine"));
  EXPECT_THAT(error("public-range = 198.18.0.0/15\n").what(), HasSubstr("'public-range' is no key"));
  fs::remove(user_configuration_path());
  fs::create_directory(user_configuration_path());
  EXPECT_THROW(run({}), Error) << "a folder is no file";
}

TEST_F(Config, AFileWithoutPermissionIsToldWithWhatMendsIt) {
  user("cpus = 1\n");
  test::give_to_nobody(folder.path());
  const auto problem = [&](const std::string& named) {
    const test::AsNobody nobody;
    const std::vector<Error> problems = read_configuration(project(), named).problems();
    return problems.empty() ? std::string("none")
                            : std::string(problems[0].what()) + " => " + problems[0].hint();
  };
  const std::string file = user_configuration_path();
  EXPECT_EQ(problem({}), "none") << "the control";
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  const std::string told = "cannot read configuration '" + file + "': Permission denied => ";
  EXPECT_EQ(problem({}), told + "make it readable for you: chmod u+r " + file);
  EXPECT_EQ(problem(file), problem({})) << "named or not";
  const std::string closed = fs::path(file).parent_path().string();
  ASSERT_EQ(::chmod(closed.c_str(), 0), 0);
  EXPECT_EQ(problem({}), told + "open the folder for yourself: chmod u+rwx " + closed);
  ASSERT_EQ(::chmod(closed.c_str(), 0700), 0);
  EXPECT_THAT(problem(folder.path() + "/none"),
              HasSubstr("No such file or directory => name one that is there"));
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  test::give_to_nobody(folder.path());
  EXPECT_THAT(problem({}), HasSubstr("it is not a regular file => put a file in its place")) << "and no wait";
}

TEST_F(Config, AFaultOfTheCommandLineIsNotTheFiles) {
  user("memory = 1g\n");
  try {
    run({"--memory", "much"});
    FAIL();
  } catch (const Error& thrown) {
    EXPECT_EQ(thrown.kind(), ErrorKind::usage);
    EXPECT_THAT(thrown.what(), Not(HasSubstr("config")));
  }
}

TEST_F(Config, NoFileOfTheProjectItselfIsRead) {
  for (const char* name : {"/config", "/.drydock/config", "/drydock/config"})
    write(project() + name, "memory = 1g\n");
  EXPECT_EQ(run({}).limits.memory, std::nullopt);
}

TEST_F(Config, KeysAreThoseOfTheOptions) {
  const auto keys = configurable_keys();
  for (const char* name : {"runtime", "agent", "allow", "memory", "secret", "project-ro", "detach-keys"})
    EXPECT_THAT(keys, Contains(name));
  for (const char* name : {"mode", "dry-run", "name", "detach", "no-canary"})
    EXPECT_THAT(keys, Not(Contains(name)));
}

TEST_F(Config, PackagesOfTheUserAndOfTheProjectAddUp) {
  user("package = make\npackage = gcc\n");
  EXPECT_THAT(packages(), ElementsAre("gcc", "make"));
  own("package = cmake\npackage = gcc\n");
  EXPECT_THAT(packages(), ElementsAre("cmake", "gcc", "make"));
  EXPECT_THAT(every_package_list(),
              ElementsAre(ElementsAre("gcc", "make"), ElementsAre("cmake", "gcc", "make")));
}

TEST_F(Config, APackageIsAName) {
  own("package = gcc make\n");
  try {
    packages();
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("config:1': 'gcc make' is more than one name"));
    EXPECT_THAT(error.hint(), HasSubstr("package = build-essential"));
  }
}

}  // namespace
}  // namespace drydock::cli
