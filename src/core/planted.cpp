#include "core/planted.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/commented_json.hpp"
#include "core/file_tree.hpp"
#include "core/toml_texts.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t largest_file = std::size_t{256} << 10;
constexpr std::size_t most_told = 3;
constexpr std::size_t longest_told = 100;  // characters of one

struct Runner {
  std::string_view name;
  std::string_view clause;
};

struct Place {
  std::string_view folder;
  std::string_view name;  // in it
  std::string_view clause;
};

constexpr const char* of_git_settings = "git runs what it names";
constexpr const char* of_tasks = "VS Code runs its tasks";
constexpr const char* of_claude_settings = "Claude Code runs what it names";
constexpr const char* of_claude_words = "Claude Code runs commands in it";
constexpr const char* of_codex_settings = "Codex runs what it names";
constexpr const char* of_codex_toml = "Codex runs the servers that it names";
constexpr const char* of_cursor_settings = "Cursor runs what it names";
constexpr const char* of_gemini_settings = "Gemini CLI runs what it names";
constexpr const char* of_opencode_settings = "OpenCode runs what it names";
constexpr const char* of_opencode_words = "OpenCode runs commands in it";
constexpr const char* of_opencode_code = "OpenCode runs it";
constexpr const char* of_jetbrains = "JetBrains IDEs run it";
constexpr const char* of_zed_tasks = "Zed runs its tasks";

// Those whose programs are found by the names of their keys.
constexpr std::array<std::string_view, 7> of_agents{
    of_claude_settings, of_codex_settings,    of_codex_toml, of_cursor_settings,
    of_gemini_settings, of_opencode_settings, of_zed_tasks};

// By the names of a folder on the way and of what comes behind it, the last ones first.
constexpr std::array<Place, 34> by_place{
    {{".claude", "agents", of_claude_words},
     {".claude", "commands", of_claude_words},
     {".claude", "hooks", "Claude Code runs it, where its settings say so"},
     {".claude", "launch.json", of_claude_settings},
     {".claude", "settings.json", of_claude_settings},
     {".claude", "settings.local.json", of_claude_settings},
     {".claude", "skills", of_claude_words},
     {".claude", "workflows", "Claude Code runs it"},
     {".codex", "config.toml", of_codex_toml},
     {".codex", "hooks", "Codex runs it, where its settings say so"},
     {".codex", "hooks.json", of_codex_settings},
     {".codex", "rules", "Codex runs what it allows without asking"},
     {".cursor", "environment.json", of_cursor_settings},
     {".cursor", "hooks", "Cursor runs it, where its settings say so"},
     {".cursor", "hooks.json", of_cursor_settings},
     {".cursor", "mcp.json", of_cursor_settings},
     {".gemini", "commands", "Gemini CLI runs commands in it"},
     {".gemini", "extensions", "Gemini CLI takes programs from it"},
     {".gemini", "hooks", "Gemini CLI runs it, where its settings say so"},
     {".gemini", "settings.json", of_gemini_settings},
     {".idea", "runConfigurations", of_jetbrains},
     {".idea", "startup.xml", of_jetbrains},
     {".idea", "watcherTasks.xml", of_jetbrains},
     {".opencode", "agent", of_opencode_words},
     {".opencode", "agents", of_opencode_words},
     {".opencode", "command", of_opencode_words},
     {".opencode", "commands", of_opencode_words},
     {".opencode", "plugin", of_opencode_code},
     {".opencode", "plugins", of_opencode_code},
     {".opencode", "tool", of_opencode_code},
     {".opencode", "tools", of_opencode_code},
     {".vscode", "mcp.json", "VS Code runs the servers that it names"},
     {".vscode", "tasks.json", of_tasks},
     {".zed", "tasks.json", of_zed_tasks}}};

// By the name of a folder on the way, the last one first.
constexpr std::array<Runner, 8> by_folder{{{"hooks", "git runs it"},
                                           {".husky", "git runs it, by husky"},
                                           {".githooks", "git runs it, where core.hooksPath says so"},
                                           {".run", of_jetbrains},
                                           {".vscode", "VS Code takes programs from it"},
                                           {".zed", "Zed takes programs from it"},
                                           {".devcontainer", "dev containers are made by it"},
                                           {".circleci", "CircleCI runs it after a push"}}};

constexpr std::array<Runner, 30> by_name{{{".devcontainer.json", "dev containers are made by it"},
                                          {".envrc", "direnv runs it"},
                                          {".git", "git takes its settings from where it leads"},
                                          {".gitlab-ci.yml", "GitLab runs it after a push"},
                                          {".lefthook.yml", "lefthook runs it"},
                                          {".mcp.json", of_claude_settings},
                                          {".mise.toml", "mise runs it"},
                                          {".pre-commit-config.yaml", "pre-commit runs it"},
                                          {".travis.yml", "Travis runs it after a push"},
                                          {"GNUmakefile", "make runs it"},
                                          {"Jenkinsfile", "Jenkins runs it after a push"},
                                          {"Justfile", "just runs it"},
                                          {"Makefile", "make runs it"},
                                          {"Taskfile.yaml", "task runs it"},
                                          {"Taskfile.yml", "task runs it"},
                                          {"Vagrantfile", "vagrant runs it"},
                                          {"attributes", "git runs the filters that it names"},
                                          {"commondir", "git takes its settings from where it leads"},
                                          {"config", of_git_settings},
                                          {"config.worktree", of_git_settings},
                                          {"hooks", "git runs what is in it"},
                                          {"justfile", "just runs it"},
                                          {"lefthook.yml", "lefthook runs it"},
                                          {"makefile", "make runs it"},
                                          {"mise.toml", "mise runs it"},
                                          {"opencode.json", of_opencode_settings},
                                          {"opencode.jsonc", of_opencode_settings},
                                          {"package.json", "npm runs its scripts"},
                                          {"tasks.json", of_tasks},
                                          {"workflows", "GitHub runs what is in it after a push"}}};

const Place* place_of(std::string_view folder, std::string_view name) {
  const auto found = std::find_if(by_place.begin(), by_place.end(), [&](const Place& place) {
    return place.folder == folder && place.name == name;
  });
  return found == by_place.end() ? nullptr : &*found;
}

// Of git's settings those that name a program, or more settings; "*" is any word, also none.
constexpr std::array<std::pair<std::string_view, std::string_view>, 35> git_programs{
    {{"alias", "*"},
     {"browser", "cmd"},
     {"browser", "path"},
     {"core", "alternaterefscommand"},
     {"core", "askpass"},
     {"core", "attributesfile"},
     {"core", "editor"},
     {"core", "fsmonitor"},
     {"core", "gitproxy"},
     {"core", "hookspath"},
     {"core", "pager"},
     {"core", "sshcommand"},
     {"credential", "helper"},
     {"diff", "command"},
     {"diff", "external"},
     {"diff", "textconv"},
     {"difftool", "cmd"},
     {"difftool", "path"},
     {"filter", "clean"},
     {"filter", "process"},
     {"filter", "smudge"},
     {"gpg", "program"},
     {"gpg", "defaultkeycommand"},
     {"guitool", "cmd"},
     {"hook", "command"},
     {"include", "path"},
     {"includeif", "path"},
     {"interactive", "difffilter"},
     {"merge", "driver"},
     {"mergetool", "cmd"},
     {"mergetool", "path"},
     {"pager", "*"},
     {"remote", "uploadpack"},
     {"sequence", "editor"},
     {"submodule", "update"}}};

bool is_yes_or_no(const std::string& value) {
  constexpr std::array<std::string_view, 8> words{"true", "false", "yes", "no", "on", "off", "1", "0"};
  return std::find(words.begin(), words.end(), to_lower_ascii(value)) != words.end();
}

bool names_program(std::string_view section, std::string_view key, const std::string& value) {
  if (value.empty() || is_yes_or_no(value)) return false;
  return std::any_of(git_programs.begin(), git_programs.end(), [&](const auto& known) {
    return known.first == section && (known.second == "*" || known.second == key);
  });
}

// Of a header what stands between its brackets; `rest` is what stands behind it.
std::string take_header(std::string_view line, std::string_view& rest) {
  bool quoted = false;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (quoted && line[i] == '\\') ++i;
    if (quoted || i >= line.size() || line[i] != ']') continue;
    rest = trim(line.substr(i + 1));
    return std::string(line.substr(1, i - 1));
  }
  rest = {};
  return {};
}

std::string told(const std::vector<std::string>& found) {
  std::vector<std::string> shown;
  for (const std::string& one : found) {
    if (shown.size() == most_told) {
      shown.push_back("and " + std::to_string(found.size() - most_told) + " more");
      break;
    }
    shown.push_back(one_line(one, longest_told));
  }
  return join(shown, ", ");
}

// What a task's "command" or "args" comes to.
std::string words_of(const Json* value) {
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  if (value->is_object()) return string_or(*value, "value");  // with how it is to be quoted
  if (!value->is_array()) return {};
  std::vector<std::string> words;
  for (const Json& one : *value) {
    if (std::string word = one.is_array() ? std::string{} : words_of(&one); !word.empty())
      words.push_back(std::move(word));
  }
  return join(words, " ");
}

std::string command_line(const std::string& command, const std::string& arguments) {
  return command.empty() || arguments.empty() ? command : command + " " + arguments;
}

constexpr std::string_view when_opened = "when the folder is opened: ";

// And those that it has for one system.
void add_commands_of_task(const Json& task, std::vector<std::string>& found) {
  if (!task.is_object()) return;
  const Json* options = find_member(task, "runOptions");
  const bool opened =
      options != nullptr && options->is_object() && string_or(*options, "runOn") == "folderOpen";
  const std::string command = words_of(find_member(task, "command"));
  const std::string arguments = words_of(find_member(task, "args"));
  std::vector<std::string> lines{command_line(command, arguments)};
  for (const char* system : {"linux", "osx", "windows"}) {
    const Json* own = find_member(task, system);
    if (own == nullptr || !own->is_object()) continue;
    const std::string own_command = words_of(find_member(*own, "command"));
    const Json* own_arguments = find_member(*own, "args");
    const std::string line = command_line(own_command.empty() ? command : own_command,
                                          own_arguments == nullptr ? arguments : words_of(own_arguments));
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  }
  for (const std::string& line : lines) {
    if (!line.empty()) found.push_back(opened ? std::string(when_opened) + line : line);
  }
}

// Keys by which agents name what they run: hooks, servers, helpers.
constexpr std::array<std::string_view, 10> program_keys{
    "apiKeyHelper",     "awsAuthRefresh", "awsCredentialExport", "callCommand", "command",
    "discoveryCommand", "gcpAuthRefresh", "otelHeadersHelper",   "plugin",      "runtimeExecutable"};

// Nothing is nested so deeply that this would not end.
void add_commands(const Json& value, std::vector<std::string>& found) {
  if (value.is_array()) {
    for (const Json& one : value) add_commands(one, found);
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    const bool names = std::find(program_keys.begin(), program_keys.end(), key) != program_keys.end();
    if (!names || member.is_object()) {
      add_commands(member, found);
      continue;
    }
    const std::string line = command_line(
        words_of(&member), key == "command" ? words_of(find_member(value, "args")) : std::string{});
    if (!line.empty()) found.push_back(line);
  }
}

}  // namespace

std::string who_runs(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  for (auto part = std::next(parts.rbegin()); part < parts.rend(); ++part) {
    if (*part == ".git") break;
    // "hooks" may be an agent's.
    const std::string_view above = std::next(part) < parts.rend() ? *std::next(part) : std::string_view{};
    for (const auto& [folder, name] : {std::pair{std::string_view(*part), std::string_view(*std::prev(part))},
                                       std::pair{above, std::string_view(*part)}}) {
      if (const Place* place = place_of(folder, name)) return std::string(place->clause);
    }
    const auto known = std::find_if(by_folder.begin(), by_folder.end(),
                                    [&](const Runner& runner) { return runner.name == *part; });
    if (known != by_folder.end()) return std::string(known->clause);
    if (*part == "workflows") return "GitHub runs it after a push";
  }
  if (ends_with(parts.back(), ".code-workspace")) return "VS Code takes programs from it";
  const auto known = std::find_if(by_name.begin(), by_name.end(),
                                  [&](const Runner& runner) { return runner.name == parts.back(); });
  return known == by_name.end() ? std::string{} : std::string(known->clause);
}

std::string what_runs(int folder, const std::string& path) {
  std::string clause = who_runs(path);
  using Finder = std::vector<std::string> (*)(std::string_view);
  Finder find = nullptr;
  if (clause == of_git_settings) find = programs_of_git_config;
  if (clause == of_tasks) find = commands_of_tasks;
  if (std::find(of_agents.begin(), of_agents.end(), clause) != of_agents.end()) find = commands_of_settings;
  const auto text = find == nullptr ? std::nullopt : read_below(folder, path, largest_file);
  if (!text) return clause;
  const std::string found = told(find(*text));
  return found.empty() ? clause : clause + ": " + found;
}

std::vector<std::string> programs_of_git_config(std::string_view text) {
  std::vector<std::string> found;
  std::string header;
  for (const std::string& each : split(std::string(text), '\n')) {
    std::string_view line = trim(each);
    if (!line.empty() && line.front() == '[') header = take_header(line, line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const std::string section = to_lower_ascii(header.substr(0, header.find_first_of(" \t.\"")));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key = to_lower_ascii(trim(line.substr(0, equals)));
    const std::string value(trim(line.substr(equals + 1)));
    if (!names_program(section, key, value)) continue;
    const std::string part(trim(std::string_view(header).substr(section.size())));
    found.push_back(section + (part.empty() ? "" : " " + part) + (part.empty() ? "." : " ") + key + " = " +
                    value);
  }
  return found;
}

std::vector<std::string> commands_of_tasks(std::string_view text) {
  std::vector<std::string> found;
  const auto file = parse_commented_json(text);
  if (!file) return found;
  // The file itself may be one task, and its settings are those of each.
  add_commands_of_task(*file, found);
  const Json* tasks = find_member(*file, "tasks");
  if (tasks == nullptr || !tasks->is_array()) return found;
  for (const Json& task : *tasks) add_commands_of_task(task, found);
  std::stable_partition(found.begin(), found.end(),
                        [](const std::string& one) { return starts_with(one, when_opened); });
  return found;
}

std::vector<std::string> commands_of_settings(std::string_view text) {
  std::vector<std::string> found;
  auto settings = parse_commented_json(text);
  // A list, as Zed has it.
  if (!settings) settings = parse_commented_json("{\"all\": " + std::string(text) + "\n}");
  if (!settings) settings = read_toml_texts(text);
  if (settings) add_commands(*settings, found);
  return found;
}

bool has_watched_places(std::string_view folder) {
  return std::any_of(by_place.begin(), by_place.end(),
                     [&](const Place& place) { return place.folder == folder; });
}

bool is_watched_place(std::string_view folder, std::string_view name) {
  return place_of(folder, name) != nullptr;
}

}  // namespace drydock::core
