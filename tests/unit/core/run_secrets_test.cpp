// A whole run with secrets, on an engine in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/agent_tokens.hpp"
#include "core/exec.hpp"
#include "core/run.hpp"
#include "orchestration.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunSecrets : public Orchestration {
 protected:
  void SetUp() override {
    options.directory = directory.path() + "/demo";
    options.agent = "shell";
    options.image = "localhost/agent:1";
    options.command = {"true"};
    options.stdin_open = false;
    fresh_engine();
    engine->image_map["localhost/agent:1"] = {};
  }

  RunOptions options;
};

TEST_F(RunSecrets, SecretsAreThereWhileItRunsAndNoLonger) {
  environment.set("DRYDOCK_TEST_TOKEN", "hush-hush");
  options.secrets = {"DRYDOCK_TEST_TOKEN"};
  std::string seen;
  engine->before = [&](const std::string& call, std::size_t) {
    if (call.find("containers.start drydock-demo-") == std::string::npos) return;
    for (const std::string& id : known_sessions()) {
      std::ostringstream text;
      text << std::ifstream(secrets_directory(id) + "/DRYDOCK_TEST_TOKEN").rdbuf();
      seen += text.str();
      EXPECT_THAT(saved_plan(id).dump(), testing::Not(HasSubstr("hush")));
    }
  };
  give_sidecar_image(*engine);
  ::prctl(PR_SET_DUMPABLE, 1);
  const PreparedRun prepared = prepare_run(options);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0) << "a core file of drydock's would have it";
  ::prctl(PR_SET_DUMPABLE, 1);
  const std::string id = execute_run(*engine, prepared, talk, stop, timings).session;
  EXPECT_THAT(seen, HasSubstr("hush-hush"));
  EXPECT_FALSE(fs::exists(secrets_directory(id)));
  expect_nothing_left("a run with a secret");
}

// A session in which the agent works gets what is kept for it; another command, or an image of the user's,
// does not.
TEST_F(RunSecrets, AKeptTokenIsForItsAgentAlone) {
  keep_token("claude", "ANTHROPIC_API_KEY", "hush-hush");
  const auto names = [&] {
    std::vector<std::string> got;
    for (const Secret& secret : prepare_run(options).secrets) got.push_back(secret.name + "=" + secret.value);
    return got;
  };
  EXPECT_THAT(names(), IsEmpty()) << "of another agent";
  options.agent.clear();
  EXPECT_THAT(names(), IsEmpty()) << "a command in an image";
  options.image.clear();
  EXPECT_THAT(names(), IsEmpty()) << "a command";
  options.command = {"--help"};
  EXPECT_THAT(names(), ElementsAre("ANTHROPIC_API_KEY=hush-hush"));
  options.command.clear();
  EXPECT_THAT(names(), ElementsAre("ANTHROPIC_API_KEY=hush-hush"));
  options.image = "localhost/agent:1";
  EXPECT_THAT(names(), IsEmpty()) << "what an image has";
  options.agent = "claude";
  options.command = {"true"};
  EXPECT_THAT(names(), ElementsAre("ANTHROPIC_API_KEY=hush-hush"));

  std::ofstream(directory.path() + "/mine") << "by hand";
  options.secrets = {"ANTHROPIC_API_KEY=" + directory.path() + "/mine"};
  EXPECT_THAT(names(), ElementsAre("ANTHROPIC_API_KEY=by hand"));
  options.secrets.clear();
  options.environment["ANTHROPIC_API_KEY"] = "open";
  EXPECT_THAT(names(), IsEmpty()) << "the variable is the user's choice";
}

TEST_F(RunSecrets, WithAKeptTokenNobodyIsToldToLogIn) {
  give_sidecar_image(*engine);
  options.agent = "claude";
  options.command.clear();
  const auto told = [&] {
    talk.said.clear();
    execute_run(*engine, prepare_run(options), talk, stop, timings);
    return talk.said;
  };
  EXPECT_THAT(told(), testing::Contains(HasSubstr("claude is not logged in here")));
  environment.set("DRYDOCK_TEST_TOKEN", "hush-hush");
  options.secrets = {"DRYDOCK_TEST_TOKEN"};
  EXPECT_THAT(told(), testing::Contains(HasSubstr("not logged in"))) << "that is no key of the agent's";
  options.secrets.clear();
  options.environment["ANTHROPIC_API_KEY"] = "hush-hush";
  EXPECT_THAT(told(), testing::Not(testing::Contains(HasSubstr("not logged in"))));
  options.environment.clear();
  keep_token("claude", "CLAUDE_CODE_OAUTH_TOKEN", "hush-hush");
  EXPECT_THAT(told(), testing::Not(testing::Contains(HasSubstr("not logged in"))));
}

// The agent, started once more in its session, finds its key where the first one did.
TEST_F(RunSecrets, AFurtherCommandHasTheVariablesOfTheFirst) {
  keep_token("claude", "ANTHROPIC_API_KEY", "hush-hush");
  give_sidecar_image(*engine);
  environment.set("DRYDOCK_TEST_TOKEN", "hush-hush");
  options.agent = "claude";
  options.secrets = {"DRYDOCK_TEST_TOKEN"};
  options.detach = true;
  engine->agent_ends_at_once = false;
  execute_run(*engine, prepare_run(options), talk, stop, timings);
  const std::vector<SessionRecord> sessions = find_sessions(*engine);
  ASSERT_EQ(sessions.size(), 1U);
  const auto command = [&](const std::map<std::string, std::string>& given) {
    ExecOptions exec;
    exec.command = {"claude", "-p", "a b"};
    exec.environment = given;
    EXPECT_THROW(exec_in_session(*engine, sessions[0], exec, stop), Error) << "nothing runs in this engine";
    return engine->exec_specs.back().command;
  };
  EXPECT_EQ(command({}), with_secret_variables({"ANTHROPIC_API_KEY"}, {"claude", "-p", "a b"}));
  EXPECT_EQ(command({{"OTHER", "x"}}), command({}));
  EXPECT_THAT(command({{"ANTHROPIC_API_KEY", "mine"}}), ElementsAre("claude", "-p", "a b"))
      << "what is given by hand";
  remove_session(*engine, sessions[0]);
  options.agent = "shell";
  options.secrets.clear();
  execute_run(*engine, prepare_run(options), talk, stop, timings);
  engine->exec_specs.clear();
  ExecOptions exec;
  exec.command = {"true"};
  EXPECT_THROW(exec_in_session(*engine, find_sessions(*engine).at(0), exec, stop), Error);
  EXPECT_THAT(engine->exec_specs.at(0).command, ElementsAre("true")) << "of another agent";
}

TEST_F(RunSecrets, ASecretIsNoVariableToo) {
  environment.set("DRYDOCK_TEST_TOKEN", "hush-hush");
  options.secrets = {"DRYDOCK_TEST_TOKEN"};
  options.environment["DRYDOCK_TEST_TOKEN"] = "hush-hush";
  try {
    prepare_run(options);
    FAIL() << "it was told to the engine";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("hush")));
  }
}

TEST_F(RunSecrets, AProfileSaysWhichAreVariablesToo) {
  AgentProfile agent;
  agent.secrets = {{"TOKEN", true}, {"FILE", false}};
  EXPECT_THAT(secret_variables({{"TOKEN", "a"}, {"FILE", "b"}, {"OTHER", "c"}}, agent), ElementsAre("TOKEN"));
  EXPECT_THAT(secret_variables({}, agent), IsEmpty());
  EXPECT_THROW(secret_variables({{"TOKEN", std::string("a\0b", 3)}}, agent), Error);
}

}  // namespace
}  // namespace drydock::core
