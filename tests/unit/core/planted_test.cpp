#include "core/planted.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_file.hpp"
#include "core/file_tree.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Planted, WhoRunsAFileIsToldByItsPath) {
  for (const auto& [path, clause] : std::vector<std::pair<std::string, std::string>>{
           {".git/config", "git runs what it names"},
           {".git/modules/deep/sub/config", "git runs what it names"},
           {".git/worktrees/x/config.worktree", "git runs what it names"},
           {".git/hooks/pre-commit", "git runs it"},
           {".git/hooks/config", "git runs it"},
           {"sub/.envrc", "direnv runs it"},
           {"/beside/rw/.envrc", "direnv runs it"},
           {".vscode/tasks.json", "VS Code runs its tasks"},
           {".vscode/settings.json", "VS Code takes programs from it"},
           {".vscode/Makefile", "VS Code takes programs from it"},
           {".github/workflows/ci.yml", "GitHub runs it after a push"},
           {"deep/Makefile", "make runs it"},
           {"package.json", "npm runs its scripts"},
           {".claude/settings.json", "Claude Code runs what it names"},
           {"sub/.claude/settings.local.json", "Claude Code runs what it names"},
           {".claude/hooks/x.sh", "Claude Code runs it, where its settings say so"},
           {".claude/hooks/deep/x.sh", "Claude Code runs it, where its settings say so"},
           {".claude/skills/s/SKILL.md", "Claude Code runs commands in it"},
           {".claude/skills/s/.git/config", "git runs what it names"},
           {".claude/worktrees/w/.husky/x", "git runs it, by husky"},
           {".mcp.json", "Claude Code runs what it names"},
           {".opencode/plugin/x.js", "OpenCode runs it"},
           {".opencode/plugins/x.js", "OpenCode runs it"},
           {".opencode/opencode.json", "OpenCode runs what it names"},
           {"opencode.jsonc", "OpenCode runs what it names"},
           {".gemini/settings.json", "Gemini CLI runs what it names"},
           {".codex/config.toml", "Codex runs the servers that it names"},
           {".codex/hooks.json", "Codex runs what it names"},
           {".cursor/mcp.json", "Cursor runs what it names"},
           {".cursor/hooks.json", "Cursor runs what it names"},
           {".idea/runConfigurations/a.xml", "JetBrains IDEs run it"},
           {".run/a.run.xml", "JetBrains IDEs run it"},
           {".zed/tasks.json", "Zed runs its tasks"},
           {".zed/settings.json", "Zed takes programs from it"},
           {"a.code-workspace", "VS Code takes programs from it"},
           {".devcontainer.json", "dev containers are made by it"},
           {".claude/CLAUDE.md", ""},
           {"of-nobody", ""},
           {"", ""}})
    EXPECT_EQ(who_runs(path), clause) << path;
}

TEST(Planted, ProgramsInGitsSettingsAreFound) {
  EXPECT_THAT(programs_of_git_config("[core]\n\tbare = false\n\tfsmonitor = ./evil\n; sshCommand = no\n"
                                     "[user]\n\tname = a\n[Core]\r\n  HooksPath=/tmp\r\n"),
              ElementsAre("core.fsmonitor = ./evil", "core.hookspath = /tmp"));
  EXPECT_THAT(programs_of_git_config(
                  "[filter \"a ] b\"] clean = evil\n[diff.x]\ntextconv = evil\n"
                  "[alias]\nst = !evil\n[include] path = ../x\n[pager]\nlog = evil\nshow = false\n"),
              ElementsAre("filter \"a ] b\" clean = evil", "diff .x textconv = evil", "alias.st = !evil",
                          "include.path = ../x", "pager.log = evil"));
  EXPECT_THAT(
      programs_of_git_config("[core]\nfsmonitor = true\nfsmonitor\n[remote \"o\"]\nurl = https://x\n"),
      IsEmpty());
  for (const char* text : {"", "[", "[]", "[\"", "[core", "= x", "[core]\n=\n", "\\", "[a\\"})
    EXPECT_THAT(programs_of_git_config(text), IsEmpty()) << text;
}

TEST(Planted, CommandsOfTasksAreFound) {
  EXPECT_THAT(commands_of_tasks(
                  "{ // ours\n\"tasks\": [{\"label\": \"a\", \"command\": \"evil\"}, {\"command\": 1}, 2]}"),
              ElementsAre("evil"));
  for (const char* text : {"", "{}", "[]", "{\"tasks\": {}}", "{\"tasks\": 1}"})
    EXPECT_THAT(commands_of_tasks(text), IsEmpty()) << text;
}

TEST(Planted, OfATaskAllIsToldThatItRuns) {
  EXPECT_THAT(commands_of_tasks(R"({"tasks": [
      {"command": "sh", "args": ["-c", "curl evil", {"value": "x", "quoting": "strong"}, 1]},
      {"command": {"value": "a b", "quoting": "escape"}, "args": "no list"},
      {"command": "make", "windows": {"command": "nmake"}, "osx": {}, "linux": {"args": ["evil"]}},
      {"linux": {"command": "only here"}},
      {"label": "none", "linux": 1, "runOptions": 1},
      {"command": "at once", "args": [], "runOptions": {"runOn": "folderOpen"}}]})"),
              ElementsAre("when the folder is opened: at once", "sh -c curl evil x", "a b no list", "make",
                          "make evil", "nmake", "only here"));
  EXPECT_THAT(commands_of_tasks(R"({"command": "of all", "tasks": [{"args": ["x"]}]})"),
              ElementsAre("of all"));
}

TEST(Planted, CommandsOfAnAgentsSettingsAreFound) {
  EXPECT_THAT(commands_of_settings(R"({"permissions": {"allow": ["Bash"]}, // ours
      "apiKeyHelper": "./key", "statusLine": {"type": "command", "command": "./line"},
      "hooks": {
  "PreToolUse" : [ {"matcher" : "*", "hooks" : [ {"type" : "command", "command" : "curl evil"} ]} ]
}
})"),
              UnorderedElementsAre("./key", "./line", "curl evil"));
  EXPECT_THAT(commands_of_settings(R"({"mcpServers": {"a": {"command": "npx", "args": ["-y", "evil"]}}})"),
              ElementsAre("npx -y evil"));
  EXPECT_THAT(commands_of_settings(R"({"mcp": {"a": {"command": ["npx", "evil"]}}, "plugin": ["a", "b"],
      "command": {"test": {"template": "of no program"}}})"),
              UnorderedElementsAre("npx evil", "a b"));
  EXPECT_THAT(commands_of_settings(R"([{"label": "a", "command": "evil", "args": ["x"]}] // Zed's)"),
              ElementsAre("evil x"));
  EXPECT_THAT(commands_of_settings("model = \"x\"\n[mcp_servers.a]\ncommand = \"./evil\"\nargs = [\"x\"]\n"),
              ElementsAre("./evil"));
  const std::string deep(100000, '[');
  for (const std::string& text : {std::string{}, std::string("{}"), std::string("[]"), std::string("1"),
                                  std::string("{\"command\": 1}"), deep, "{\"a\": " + deep})
    EXPECT_THAT(commands_of_settings(text), IsEmpty()) << text.substr(0, 20);
}

TEST(Planted, WhatIsNamedIsToldOfAFileThatIsRead) {
  const TempDir directory;
  const auto write = [&](const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(directory.path() + "/" + path).parent_path());
    std::ofstream(directory.path() + "/" + path) << text;
  };
  const UniqueFd folder = open_folder(directory.path());
  const auto told = [&](const std::string& path) { return what_runs(folder.get(), path); };
  write(".git/config", "[core]\nfsmonitor = ./\x1b[2Jevil\n");
  EXPECT_EQ(told(".git/config"), "git runs what it names: core.fsmonitor = ./?[2Jevil");
  write(".git/config", "[alias]\na = 1x\nb = 2\nc = 3\nd = 4\ne = 5\n");
  EXPECT_EQ(told(".git/config"),
            "git runs what it names: alias.a = 1x, alias.b = 2, alias.c = 3, and 2 more");
  write(".git/config", "[user]\nname = a\n");
  EXPECT_EQ(told(".git/config"), "git runs what it names");
  write(".vscode/tasks.json", R"({"tasks": [{"command": "curl evil"}]})");
  EXPECT_EQ(told(".vscode/tasks.json"), "VS Code runs its tasks: curl evil");
  write(".claude/settings.local.json", R"({"hooks": {"Stop": [{"hooks": [{"command": "evil"}]}]}})");
  EXPECT_EQ(told(".claude/settings.local.json"), "Claude Code runs what it names: evil");
  write(".claude/settings.local.json", "{}");
  EXPECT_EQ(told(".claude/settings.local.json"), "Claude Code runs what it names");
  write(".codex/config.toml", "[mcp_servers]\na.command = 'evil'\n");
  EXPECT_EQ(told(".codex/config.toml"), "Codex runs the servers that it names: evil");
  write("secret", R"({"tasks": [{"command": "secret"}]})");
  fs::remove(directory.path() + "/.vscode/tasks.json");
  fs::create_symlink(directory.path() + "/secret", directory.path() + "/.vscode/tasks.json");
  EXPECT_EQ(told(".vscode/tasks.json"), "VS Code runs its tasks") << "a link is not followed";
  EXPECT_EQ(told("none/.vscode/tasks.json"), "VS Code runs its tasks");
}

}  // namespace
}  // namespace drydock::core
