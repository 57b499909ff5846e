#include "core/model_hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class ModelHosts : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::string file = home.path() + "/" + path;
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << text;
  }
  // "provider at host", or "provider: fault".
  std::vector<std::string> found(const std::string& agent) const {
    std::vector<std::string> lines;
    for (const ModelHost& model : model_hosts(find_agent(agent).models, home.path())) {
      const std::string who = model.file + " " + model.provider;
      lines.push_back(model.host.empty() ? who + ": " + model.fault : who + " at " + model.host);
    }
    return lines;
  }
  TempDir home;
};

TEST_F(ModelHosts, OfClaudeCode) {
  EXPECT_THAT(found("claude"), IsEmpty()) << "there is no file";
  write(".claude/settings.json", R"({"model": "opus", "env": {"OTHER": "https://other.example"}})");
  EXPECT_THAT(found("claude"), IsEmpty());
  write(".claude/settings.json", R"({"env": {"ANTHROPIC_BASE_URL": "https://user:hush@Model.example/v1"}})");
  EXPECT_THAT(found("claude"), ElementsAre(".claude/settings.json  at model.example"));
  write(".claude/settings.json", R"({"env": {"ANTHROPIC_BASE_URL": "http://model.example/"}})");
  EXPECT_THAT(found("claude"), ElementsAre(".claude/settings.json : only https passes"));
}

TEST_F(ModelHosts, OfCodex) {
  const std::string providers =
      "[model_providers.ours]\nname = \"Ours\"\nbase_url = \"https://ours.example/v1\"\n"
      "[model_providers.theirs]\nbase_url = \"https://theirs.example/v1\"\n";
  write(".codex/config.toml", providers);
  EXPECT_THAT(found("codex"), IsEmpty()) << "none is chosen";
  write(".codex/config.toml", "model = \"m\"\nmodel_provider = \"ours\"\n" + providers);
  EXPECT_THAT(found("codex"), ElementsAre(".codex/config.toml ours at ours.example"));
  write(".codex/config.toml", "model_provider = \"unknown\"\n" + providers);
  EXPECT_THAT(found("codex"), IsEmpty());
  write(".codex/config.toml", "openai_base_url = \"https://relay.example/v1\"\n");
  EXPECT_THAT(found("codex"), ElementsAre(".codex/config.toml  at relay.example"));
  write(".codex/config.toml",
        "openai_base_url = \"https://relay.example/v1\"\nmodel_provider = \"ours\"\n" + providers);
  EXPECT_THAT(found("codex"), ElementsAre(".codex/config.toml ours at ours.example"));
}

TEST_F(ModelHosts, OfGeminiCli) {
  write(".gemini/settings.json", R"({"security": {"auth": {"selectedType": "gemini-api-key"}}})");
  EXPECT_THAT(found("gemini"), IsEmpty());
  write(".gemini/settings.json",
        "{ // said\n\"security\": {\"auth\": {\"selectedType\": \"oauth-personal\"}}}");
  EXPECT_THAT(found("gemini"),
              ElementsAre(".gemini/settings.json oauth-personal at cloudcode-pa.googleapis.com"));
}

TEST_F(ModelHosts, OfOpenCode) {
  write(".local/share/opencode/auth.json", R"({"anthropic": {"type": "api", "key": "hush"},
        "groq": {"type": "api", "key": "hush"}, "of-nobody": {"type": "api"}})");
  EXPECT_THAT(found("opencode"), ElementsAre(".local/share/opencode/auth.json anthropic at api.anthropic.com",
                                             ".local/share/opencode/auth.json groq at api.groq.com"));
  write(".config/opencode/opencode.json",
        R"({"provider": {"anthropic": {"options": {"baseURL": "https://relay.example/v1"}}}})");
  EXPECT_THAT(found("opencode"), ElementsAre(".config/opencode/opencode.json anthropic at relay.example",
                                             ".local/share/opencode/auth.json groq at api.groq.com"))
      << "an address comes before what is known of a provider";
  write(".config/opencode/opencode.jsonc", "{/* ours */ \"model\": \"groq/some/model\"}");
  EXPECT_THAT(found("opencode"), ElementsAre(".config/opencode/opencode.jsonc groq at api.groq.com"))
      << "one is chosen";
  write(
      ".config/opencode/opencode.json",
      R"({"model": "ours/m", "provider": {"ours": {"options": {"baseURL": "http://127.0.0.1:11434/v1"}}}})");
  EXPECT_THAT(found("opencode"), ElementsAre(".config/opencode/opencode.json ours: only https passes"));
}

class ModelSwitches : public ModelHosts {
 protected:
  // "VARIABLE at host", or "VARIABLE: fault"; with the file that sets it.
  std::string switched(const std::string& agent, const std::map<std::string, std::string>& environment,
                       bool with_settings = true) const {
    const auto model = switched_model(find_agent(agent), environment, with_settings ? home.path() : "");
    if (!model) return "off";
    return model->variable + (model->fault.empty() ? " at " + model->host : ": " + model->fault) +
           (model->file.empty() ? "" : " by " + model->file);
  }
};

TEST_F(ModelSwitches, ByTheSessionsVariables) {
  EXPECT_EQ(switched("claude", {{"AWS_REGION", "eu-west-1"}}), "off");
  for (const char* off : {"", "0", "false", "No", "off", "2"})
    EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", off}}), "off") << off;
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"}}),
            "CLAUDE_CODE_USE_BEDROCK at bedrock-runtime.us-east-1.amazonaws.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "true"}, {"AWS_DEFAULT_REGION", "eu-west-1"}}),
            "CLAUDE_CODE_USE_BEDROCK at bedrock-runtime.eu-west-1.amazonaws.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"},
                                {"AWS_DEFAULT_REGION", "eu-west-1"},
                                {"AWS_REGION", "us-west-2"}}),
            "CLAUDE_CODE_USE_BEDROCK at bedrock-runtime.us-west-2.amazonaws.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"}, {"AWS_REGION", "a b/"}}),
            "CLAUDE_CODE_USE_BEDROCK at ")
      << "no host can be made of that";
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"},
                                {"ANTHROPIC_BEDROCK_BASE_URL", "https://gate.example/bedrock"}}),
            "CLAUDE_CODE_USE_BEDROCK at gate.example");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"},
                                {"ANTHROPIC_BEDROCK_BASE_URL", "http://gate.example/"}}),
            "CLAUDE_CODE_USE_BEDROCK: only https passes");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_MANTLE", "On"}, {"AWS_REGION", "eu-west-1"}}),
            "CLAUDE_CODE_USE_MANTLE at bedrock-mantle.eu-west-1.api.aws");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_ANTHROPIC_AWS", "yes"}}),
            "CLAUDE_CODE_USE_ANTHROPIC_AWS at aws-external-anthropic.us-east-1.api.aws");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_VERTEX", "1"}, {"CLAUDE_CODE_USE_MANTLE", "1"}}),
            "CLAUDE_CODE_USE_MANTLE at bedrock-mantle.us-east-1.api.aws")
      << "the first in the profile";
  const std::string vertex = "CLAUDE_CODE_USE_VERTEX at ";
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_VERTEX", "1"}}),
            vertex + "us-east5-aiplatform.googleapis.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_VERTEX", "1"}, {"CLOUD_ML_REGION", "global"}}),
            vertex + "aiplatform.googleapis.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_FOUNDRY", "1"}, {"ANTHROPIC_FOUNDRY_RESOURCE", "ours"}}),
            "CLAUDE_CODE_USE_FOUNDRY at ours.services.ai.azure.com");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_FOUNDRY", "1"}}), "CLAUDE_CODE_USE_FOUNDRY at ")
      << "its resource has no default";
  EXPECT_EQ(switched("gemini", {{"GOOGLE_GENAI_USE_VERTEXAI", "true"}}),
            "GOOGLE_GENAI_USE_VERTEXAI at aiplatform.googleapis.com");
  EXPECT_EQ(
      switched("gemini", {{"GOOGLE_GENAI_USE_VERTEXAI", "true"}, {"GOOGLE_CLOUD_LOCATION", "europe-west4"}}),
      "GOOGLE_GENAI_USE_VERTEXAI at europe-west4-aiplatform.googleapis.com");
  EXPECT_EQ(switched("codex", {{"CLAUDE_CODE_USE_BEDROCK", "1"}}), "off") << "another's";
}

TEST_F(ModelSwitches, BySettingsOverThem) {
  write(".claude/settings.json", R"({"env": {"CLAUDE_CODE_USE_BEDROCK": 1, "AWS_REGION": "eu-west-1"}})");
  const std::string told =
      "CLAUDE_CODE_USE_BEDROCK at bedrock-runtime.eu-west-1.amazonaws.com by .claude/settings.json";
  EXPECT_EQ(switched("claude", {}), told);
  EXPECT_EQ(switched("claude", {{"AWS_REGION", "us-west-2"}}), told);
  EXPECT_EQ(switched("claude", {}, false), "off") << "they are not looked at";
  write(".claude/settings.json", R"({"env": {"AWS_REGION": "eu-west-1", "ANTHROPIC_BEDROCK_BASE_URL": ""}})");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"}, {"AWS_REGION", "us-west-2"}}),
            "CLAUDE_CODE_USE_BEDROCK at bedrock-runtime.eu-west-1.amazonaws.com");
  write(".claude/settings.json", R"({"env": {"CLAUDE_CODE_USE_BEDROCK": "0"}})");
  EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_BEDROCK", "1"}}), "off");
  for (const char* odd : {"no JSON", "[]", R"({"env": []})", R"({"env": {"CLAUDE_CODE_USE_BEDROCK": {}}})"}) {
    write(".claude/settings.json", odd);
    EXPECT_EQ(switched("claude", {}), "off") << odd;
    EXPECT_EQ(switched("claude", {{"CLAUDE_CODE_USE_VERTEX", "1"}}).substr(0, 22), "CLAUDE_CODE_USE_VERTEX")
        << odd;
  }
}

TEST_F(ModelHosts, OddFilesSayNothing) {
  const std::string file = ".claude/settings.json";
  const std::string sound = R"({"env": {"ANTHROPIC_BASE_URL": "https://model.example"}})";
  std::string deep = R"({"env": {"ANTHROPIC_BASE_URL": "https://model.example"}, "a": )";
  for (int i = 0; i < 50000; ++i) deep += "[";
  for (const std::string& text :
       {std::string(), std::string("no JSON"), std::string("[]"), std::string("{\"env\": \"text\"}"),
        std::string("{\"env\": {\"ANTHROPIC_BASE_URL\": 1}}"),
        std::string("{\"env\": {\"ANTHROPIC_BASE_URL\": \"\"}}"), deep, sound + std::string(1 << 20, ' ')}) {
    write(file, text);
    EXPECT_THAT(found("claude"), IsEmpty()) << text.substr(0, 100);
  }
  write(file, sound);
  EXPECT_THAT(found("claude"), testing::SizeIs(1)) << "the control";
  write("elsewhere.json", sound);
  fs::remove(home.path() + "/" + file);
  fs::create_symlink("/etc/passwd", home.path() + "/" + file);
  EXPECT_THAT(found("claude"), IsEmpty());
  fs::remove_all(home.path() + "/.claude");
  fs::create_symlink("/tmp", home.path() + "/.claude");
  EXPECT_THAT(found("claude"), IsEmpty());
  EXPECT_THAT(model_hosts(find_agent("claude").models, home.path() + "/none"), IsEmpty());
}

}  // namespace
}  // namespace drydock::core
