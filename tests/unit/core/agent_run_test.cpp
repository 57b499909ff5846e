#include <fstream>

#include "core/agent_image.hpp"
#include "core/agent_state.hpp"
#include "core/agents.hpp"
#include "core/bootstrap.hpp"
#include "core/run.hpp"
#include "orchestration.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class AgentRun : public Orchestration {
 protected:
  void SetUp() override {
    if (!has_tinyproxy())
      GTEST_SKIP() << "the sidecar's image is made from tinyproxy, which is not installed";
    options.directory = directory.path() + "/demo";
    options.agent = "claude";
    options.image = "localhost/agent:1";
    options.command = {"true"};
    options.stdin_open = false;
    fresh_engine();
    engine->image_map[options.image] = {};
    give_sidecar_image(*engine);
  }
  RunResult run() { return execute_run(*engine, prepare_run(options), talk, stop, timings); }

  RunOptions options;
};

TEST_F(AgentRun, ItsOwnCommandIsToldFromAnother) {
  const auto runs_it = [&](const std::string& agent, const std::string& image,
                           const std::vector<std::string>& command) {
    options.agent = agent;
    options.image = image;
    options.command = command;
    return runs_its_agent(prepare_run(options));
  };
  EXPECT_TRUE(runs_it("", "", {}));
  EXPECT_TRUE(runs_it("", "", {"-p", "hello"}));
  EXPECT_TRUE(runs_it("", "", {"claude", "-p", "hello"}));
  EXPECT_TRUE(runs_it("codex", "", {"codex"}));
  EXPECT_TRUE(runs_it("claude", "localhost/agent:1", {}));
  EXPECT_FALSE(runs_it("", "", {"npm", "ci"}));
  EXPECT_FALSE(runs_it("claude", "", {"npm", "ci"}));
  EXPECT_FALSE(runs_it("codex", "", {"claude"}));
  EXPECT_FALSE(runs_it("", "localhost/agent:1", {})) << "it runs what the image has";
  options.shell = true;
  EXPECT_FALSE(runs_it("claude", "", {}));
}

TEST_F(AgentRun, AnAgentRunsInItsOwnImageAndIsToldItsArguments) {
  options.agent = "claude";
  options.image.clear();
  options.command.clear();
  try {
    plan_run(*engine, prepare_run(options), stop);
    FAIL() << "planned without its image";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot run agent 'claude': podman does not have its image");
    EXPECT_EQ(error.hint(), "make it with: drydock build --agent claude");
  }
  const auto planned = [&](const std::vector<std::string>& command) {
    options.command = command;
    return plan_run(*engine, prepare_run(options), stop).agent;
  };
  engine->image_map[base_image_reference()].labels = {{image_kind_label, "base"}};
  EXPECT_EQ(planned({"make"}).image, base_image_reference()) << "a command needs no agent";
  EXPECT_THROW(planned({"--version"}), Error) << "but this is told to the agent";
  engine->image_map[agent_image_reference("claude")].labels = {{image_kind_label, "agent"}};
  EXPECT_EQ(planned({"make"}).image, agent_image_reference("claude"));
  EXPECT_THAT(planned({"make"}).command, ElementsAre("make"));
  EXPECT_THAT(planned({"--version"}).command, ElementsAre("claude", "--version"));
  EXPECT_THAT(planned({}).command, ElementsAre("claude"));
  EXPECT_EQ(planned({}).environment.at("DISABLE_AUTOUPDATER"), "1");
  options.environment["DISABLE_AUTOUPDATER"] = "0";
  EXPECT_EQ(planned({}).environment.at("DISABLE_AUTOUPDATER"), "0") << "the user has the last word";
}

TEST_F(AgentRun, AListOfPackagesHasAnImageOfItsOwn) {
  options.image.clear();
  options.packages = {"gcc", "make"};
  const std::string listed = agent_image_reference("claude", options.packages);
  engine->image_map[base_image_reference()].labels = {{image_kind_label, "base"}};
  engine->image_map[agent_image_reference("claude")].labels = {{image_kind_label, "agent"}};
  ASSERT_NE(listed, agent_image_reference("claude"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{}, {"make"}}) {
    options.command = command;
    try {
      plan_run(*engine, prepare_run(options), stop);
      FAIL() << "planned without its packages";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(),
                   "cannot run agent 'claude': podman does not have its image with the packages gcc, make");
      EXPECT_EQ(error.hint(), "make it with: drydock build --agent claude, in this folder");
    }
  }
  engine->image_map[listed].labels = {{image_kind_label, "agent"}};
  EXPECT_EQ(plan_run(*engine, prepare_run(options), stop).agent.image, listed);
  options.agent = "shell";
  EXPECT_THROW(plan_run(*engine, prepare_run(options), stop), Error) << "also where the agent needs no image";
  options.packages.clear();
  EXPECT_EQ(plan_run(*engine, prepare_run(options), stop).agent.image, base_image_reference());
}

TEST_F(AgentRun, AnImageOfAnotherProfileIsTold) {
  options.image.clear();
  auto& labels = engine->image_map[agent_image_reference("claude")].labels;
  labels = {{image_kind_label, "agent"},
            {image_agent_label, "claude"},
            {image_profile_label, profile_key(find_agent("claude"))}};
  run();
  EXPECT_THAT(talk.said, Not(Contains(HasSubstr("another profile"))));
  labels[image_profile_label] = "other";
  run();
  EXPECT_THAT(talk.said, Contains(HasSubstr("was made of another profile of it")));
}

TEST_F(AgentRun, ItsPolicyIsMountedWhereTheImageIsNotOfItsProfile) {
  const AgentProfile agent = find_agent("claude");
  ASSERT_THAT(agent.files, Not(testing::IsEmpty()));
  const auto mounted = [&] {
    std::vector<std::string> targets;
    const Plan plan = plan_run(*engine, prepare_run(options), stop);
    for (const runtime::BindMount& bind : plan.agent.binds) {
      if (bind.read_only && bind.source.find("/policy/") != std::string::npos) targets.push_back(bind.target);
    }
    return targets;
  };
  std::vector<std::string> all;
  for (const AgentFile& file : agent.files) all.push_back(file.path);
  EXPECT_EQ(mounted(), all);
  // What is in them is there when the container is made, and gone when it has ended.
  std::vector<std::string> seen;
  engine->before = [&](const std::string& call, std::size_t) {
    if (call.find("containers.start") == std::string::npos || session_folders().empty()) return;
    seen.clear();
    for (std::size_t i = 0; i < agent.files.size(); ++i) {
      const std::string path = session_directory(session_folders().front()) + "/policy/" + std::to_string(i);
      std::ifstream file(path);
      seen.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      const bool executable = (fs::status(path).permissions() & fs::perms::others_exec) != fs::perms::none;
      EXPECT_EQ(executable, agent.files[i].executable) << path;
    }
  };
  EXPECT_EQ(run().status, 0);
  ASSERT_EQ(seen.size(), agent.files.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], agent.files[i].text);
  EXPECT_THAT(talk.said,
              Contains(HasSubstr("was not made with the policy of agent 'claude': its files are mounted")));
  expect_nothing_left("after it");
  engine->before = {};

  auto& labels = engine->image_map[options.image].labels;
  labels = {{image_agent_label, "claude"}, {image_profile_label, profile_key(agent)}};
  EXPECT_THAT(mounted(), testing::IsEmpty()) << "it is in the image";
  for (const auto& [name, value] : {std::pair(image_agent_label, "codex"), {image_profile_label, "other"}}) {
    const auto whole = labels;
    labels[name] = value;
    EXPECT_EQ(mounted(), all) << name;
    labels = whole;
  }
  labels.clear();
  options.agent.clear();
  EXPECT_THAT(mounted(), testing::IsEmpty()) << "no session of the agent's: an image and its command";
  options.agent = "claude";
  const std::string own = directory.path() + "/own";
  fs::create_directories(own);
  options.view.mounts = {own + ":/etc/claude-code"};
  EXPECT_THAT(mounted(), ElementsAre("/opt/drydock/policy/guard-rail"))
      << "the user has put another in its place";
}

TEST_F(AgentRun, AnImageIsFetchedWhenAsked) {
  options.image = "example.org/a:1";
  options.pull = PullPolicy::missing;
  engine->on_pull = [&](const std::string& name) { engine->image_map[name] = {}; };
  EXPECT_THROW(plan_run(*engine, prepare_run(options), stop), Error) << "a dry run changes nothing";
  EXPECT_EQ(run().status, 0);
  EXPECT_THAT(engine->calls(), Contains("images.pull example.org/a:1"));
}

TEST_F(AgentRun, AnAgentWhoseModelIsElsewhereIsToldWhenItIsNotAllowed) {
  options.agent = "claude";
  engine->image_map[options.image].labels = {};
  environment.set("ANTHROPIC_BASE_URL", "https://me:hush@model.example/v1");
  run();
  EXPECT_THAT(talk.warned, Contains(HasSubstr("ANTHROPIC_BASE_URL is 'https://model.example/v1', which is")));
  EXPECT_THAT(talk.warned,
              Contains(HasSubstr("which is not allowed; allow it: drydock egress allow --project " +
                                 options.directory + " model.example")));
  talk.warned.clear();
  options.allow.hosts.push_back({"model.example"});
  run();
  EXPECT_THAT(talk.warned, Not(Contains(HasSubstr("model.example"))));
  environment.set("ANTHROPIC_BASE_URL", "http://10.0.0.1:8000");
  run();
  EXPECT_THAT(talk.warned, Contains(HasSubstr("which the agent cannot reach: only https passes")));
}

TEST_F(AgentRun, AKeyForAHostThatIsNotAllowedIsTold) {
  options.agent = "opencode";
  engine->image_map[options.image].labels = {};
  environment.set("ANTHROPIC_API_KEY", "hush");
  options.secrets = {"ANTHROPIC_API_KEY"};
  run();
  EXPECT_THAT(talk.warned,
              Contains(HasSubstr("ANTHROPIC_API_KEY is for api.anthropic.com, which is not allowed; "
                                 "allow it: drydock egress allow --project " +
                                 options.directory + " api.anthropic.com")));
  EXPECT_THAT(talk.warned, Not(Contains(HasSubstr("api.openai.com")))) << "of a key that is not there";
  talk.warned.clear();
  environment.set("ANTHROPIC_API_KEY", "hush");
  options.allow.hosts.push_back({"api.anthropic.com"});
  run();
  EXPECT_THAT(talk.warned, Not(Contains(HasSubstr("api.anthropic.com"))));
}

TEST_F(AgentRun, AModelThatItsOwnSettingsNameIsToldWhenItIsNotAllowed) {
  environment.set("XDG_STATE_HOME", directory.path() + "/state");
  const auto write = [&](const std::string& path, const std::string& text) {
    const std::string file = agent_state_directory(options.agent) + "/" + path;
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << text;
  };
  const auto warned = [&](const std::vector<std::string>& command = {}) {
    options.command = command;
    talk.warned.clear();
    run();
    return talk.warned;
  };
  options.agent = "codex";
  engine->image_map[options.image].labels = {};
  write("prototype/.codex/config.toml",
        "model_provider = 'ours'\n[model_providers.ours]\nbase_url = 'https://model.example/v1'\n");
  const auto told = HasSubstr(
      "by the agent's '~/.codex/config.toml' (ours) its model is at model.example, which is not allowed; "
      "allow "
      "it: drydock egress allow --project " +
      options.directory + " model.example");
  EXPECT_THAT(warned(), Contains(told));
  EXPECT_THAT(warned({"make"}), Not(Contains(HasSubstr("model.example")))) << "another command runs";
  options.allow.hosts.push_back({"model.example"});
  EXPECT_THAT(warned(), Not(Contains(HasSubstr("model.example"))));

  options.agent = "opencode";
  write("login/.local/share/opencode/auth.json", R"({"groq": {"type": "api", "key": "hush"}})");
  EXPECT_THAT(warned(), Contains(HasSubstr("its model is at api.groq.com, which is not allowed")));
  write("prototype/.config/opencode/opencode.json",
        R"({"model": "x/m", "provider": {"x": {"options": {"baseURL": "http://10.0.0.1/v1"}}}})");
  EXPECT_THAT(warned(), Contains(HasSubstr("its model is where it cannot be reached: only https passes")));
  options.secrets = {"ANTHROPIC_API_KEY"};
  environment.set("ANTHROPIC_API_KEY", "hush");
  EXPECT_THAT(warned(), Not(Contains(HasSubstr("ANTHROPIC_API_KEY is for")))) << "the address is another";
}

TEST_F(AgentRun, AModelThatASwitchPutsElsewhereIsToldWhenItIsNotAllowed) {
  options.agent = "claude";
  engine->image_map[options.image].labels = {};
  options.command.clear();
  const std::string host = "bedrock-runtime.eu-west-1.amazonaws.com";
  const auto warned = [&] {
    talk.warned.clear();
    talk.said.clear();
    run();
    return talk.warned;
  };
  const auto login = Contains(HasSubstr("not logged in"));
  EXPECT_THAT(warned(), Not(Contains(HasSubstr("amazonaws"))));
  EXPECT_THAT(talk.said, login) << "the control";
  options.environment = {{"CLAUDE_CODE_USE_BEDROCK", "1"}, {"AWS_REGION", "eu-west-1"}};
  EXPECT_THAT(warned(), Contains("CLAUDE_CODE_USE_BEDROCK is set, and by it the model is at " + host +
                                 ", which is not allowed; allow it: drydock egress allow --project " +
                                 options.directory + " " + host));
  EXPECT_THAT(talk.said, Not(login)) << "its keys are another vendor's";
  options.environment["ANTHROPIC_BEDROCK_BASE_URL"] = "http://10.0.0.1/";
  EXPECT_THAT(warned(), Contains(HasSubstr("the model is where it cannot be reached: only https passes")));
  options.environment.clear();

  const std::string file = agent_state_directory("claude") + "/prototype/.claude/settings.json";
  fs::create_directories(fs::path(file).parent_path());
  std::ofstream(file) << R"({"env": {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "eu-west-1",
      "ANTHROPIC_BASE_URL": "https://unused.example"}})";
  EXPECT_THAT(warned(),
              Contains(HasSubstr("CLAUDE_CODE_USE_BEDROCK is set in the agent's '~/.claude/settings.json', "
                                 "and by it the model is at " +
                                 host)));
  EXPECT_THAT(talk.warned, Not(Contains(HasSubstr("unused.example"))));
  EXPECT_THAT(talk.said, Not(login));
  options.command = {"make"};
  EXPECT_THAT(warned(), Not(Contains(HasSubstr("amazonaws")))) << "another command runs";
  options.command.clear();
  options.allow.hosts.push_back({host});
  EXPECT_THAT(warned(), Not(Contains(HasSubstr("amazonaws"))));
  EXPECT_THAT(talk.said, Not(login));
}

TEST_F(AgentRun, AnAgentThatIsNotLoggedInSaysHow) {
  environment.set("XDG_STATE_HOME", directory.path() + "/state");
  options.agent = "claude";
  const auto told = testing::Contains(HasSubstr("claude is not logged in here: "));
  run();
  EXPECT_THAT(talk.said, Not(told)) << "another command runs";
  options.image.clear();
  options.command.clear();
  engine->image_map[agent_image_reference("claude")].labels = {{image_kind_label, "agent"}};
  run();
  EXPECT_THAT(talk.said, told);
  EXPECT_FALSE(plan_run(*engine, prepare_run(options), stop).agent.no_core_files);
  talk.said.clear();
  const std::string login = agent_state_directory("claude") + "/login/.claude";
  fs::create_directories(login);
  std::ofstream(login + "/.credentials.json") << "{}";
  run();
  EXPECT_THAT(talk.said, Not(told));
  EXPECT_TRUE(plan_run(*engine, prepare_run(options), stop).agent.no_core_files)
      << "it would be in a core file";
}

TEST_F(AgentRun, AnOverlayThatIsNotFitStopsTheRunBeforeAnythingIsMade) {
  environment.set("XDG_STATE_HOME", directory.path() + "/state");
  environment.set("XDG_CONFIG_HOME", directory.path() + "/config");
  const std::string overlay = directory.path() + "/config/drydock/agents/claude.overlay";
  fs::create_directories(overlay + "/.claude");
  std::ofstream(overlay + "/.claude/CLAUDE.md") << "mine";
  EXPECT_EQ(run().status, 0) << "the control";
  fs::create_symlink("CLAUDE.md", overlay + "/.claude/link");
  try {
    plan_run(*engine, prepare_run(options), stop);
    FAIL() << "planned";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot use overlay file '" + overlay + "/.claude/link': it is a link");
  }
}

}  // namespace
}  // namespace drydock::core
