#include "core/planted.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/text.hpp"
#include "core/commented_json.hpp"
#include "core/file_tree.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t largest_file = std::size_t{256} << 10;
constexpr std::size_t most_told = 3;
constexpr std::size_t longest_told = 100;  // characters of one

struct Runner {
  std::string_view name;
  std::string_view clause;
};

constexpr const char* of_git_settings = "git runs what it names";
constexpr const char* of_tasks = "VS Code runs its tasks";

// By the name of a folder on the way, the last one first.
constexpr std::array<Runner, 6> by_folder{{{"hooks", "git runs it"},
                                           {".husky", "git runs it, by husky"},
                                           {".githooks", "git runs it, where core.hooksPath says so"},
                                           {".vscode", "VS Code takes programs from it"},
                                           {".devcontainer", "dev containers are made by it"},
                                           {".circleci", "CircleCI runs it after a push"}}};

constexpr std::array<Runner, 26> by_name{{{".envrc", "direnv runs it"},
                                          {".git", "git takes its settings from where it leads"},
                                          {".gitlab-ci.yml", "GitLab runs it after a push"},
                                          {".lefthook.yml", "lefthook runs it"},
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
                                          {"package.json", "npm runs its scripts"},
                                          {"tasks.json", of_tasks},
                                          {"workflows", "GitHub runs what is in it after a push"}}};

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
    shown.push_back(printable(one, longest_told));
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

}  // namespace

std::string who_runs(const std::string& path) {
  const std::vector<std::string> parts = split(path, '/');
  for (auto part = std::next(parts.rbegin()); part < parts.rend(); ++part) {
    const auto known = std::find_if(by_folder.begin(), by_folder.end(),
                                    [&](const Runner& runner) { return runner.name == *part; });
    if (known != by_folder.end() && !(known->name == ".vscode" && parts.back() == "tasks.json"))
      return std::string(known->clause);
    if (*part == "workflows") return "GitHub runs it after a push";
  }
  const auto known = std::find_if(by_name.begin(), by_name.end(),
                                  [&](const Runner& runner) { return runner.name == parts.back(); });
  return known == by_name.end() ? std::string{} : std::string(known->clause);
}

std::string what_runs(int folder, const std::string& path) {
  std::string clause = who_runs(path);
  if (clause != of_git_settings && clause != of_tasks) return clause;
  const auto text = read_below(folder, path, largest_file);
  if (!text) return clause;
  const std::string found =
      told(clause == of_tasks ? commands_of_tasks(*text) : programs_of_git_config(*text));
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

}  // namespace drydock::core
