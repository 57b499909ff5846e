#include "core/agent_seeds.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "core/toml_texts.hpp"

namespace drydock::core {
namespace {

constexpr const char* project_word = "{project}";
constexpr const char* secret_word = "{secret}";
constexpr const char* end_word = "{secret_end}";
constexpr std::size_t end_size = 20;
constexpr std::size_t least_parts = 4;  // so much of it stays untold
constexpr std::size_t largest_file = std::size_t{1} << 20;
constexpr int deepest = 32;

using Words = std::vector<std::pair<std::string, std::string>>;

bool is_toml(const AgentSeed& seed) { return ends_with(seed.file, ".toml"); }

bool mentions(const AgentSeed& seed, const char* word) {
  return seed.content.find(word) != std::string::npos;
}

const Secret* secret_of(const AgentSeed& seed, const std::vector<Secret>& secrets) {
  const auto found = std::find_if(secrets.begin(), secrets.end(),
                                  [&](const Secret& secret) { return secret.name == seed.secret; });
  return found == secrets.end() ? nullptr : &*found;
}

// As a shell takes it from a file.
std::string value_of(const Secret& secret) {
  return secret.value.substr(0, secret.value.find_last_not_of('\n') + 1);
}

// What stands for a word is not looked at again.
std::string replaced(std::string_view text, const Words& words) {
  std::string made;
  while (!text.empty()) {
    const auto here = std::find_if(words.begin(), words.end(),
                                   [&](const auto& word) { return starts_with(text, word.first); });
    made += here == words.end() ? std::string(text.substr(0, 1)) : here->second;
    text.remove_prefix(here == words.end() ? 1 : here->first.size());
  }
  return made;
}

Json filled_in(const Json& json, const Words& words) {
  if (json.is_string()) return replaced(json.get<std::string>(), words);
  if (!json.is_structured()) return json;
  Json filled = json.is_object() ? Json::object() : Json::array();
  for (const auto& member : json.items()) {
    if (json.is_object()) {
      filled[replaced(member.key(), words)] = filled_in(member.value(), words);
    } else {
      filled.push_back(filled_in(member.value(), words));
    }
  }
  return filled;
}

// Nothing when the seed is not for this session.
std::optional<Json> content_of(const AgentSeed& seed, const SeedFacts& facts) {
  if (seed.login && !facts.logged_in) return std::nullopt;
  if (mentions(seed, project_word) && (facts.project.empty() || !is_utf8(facts.project))) return std::nullopt;
  Words words;
  if (!seed.secret.empty()) {
    const Secret* secret = secret_of(seed, facts.secrets);
    if (secret == nullptr || !is_utf8(secret->value)) return std::nullopt;
    const std::string value = value_of(*secret);
    if (mentions(seed, end_word) && value.size() < end_size * least_parts) return std::nullopt;
    words = {{end_word, value.substr(value.size() - std::min(value.size(), end_size))}, {secret_word, value}};
  }
  words.emplace_back(project_word, facts.project);
  return filled_in(parse_json(seed.content, "a profile's seed"), words);
}

std::optional<Json> read_json(const std::string& text) {
  bool deep = false;
  const auto shallow = [&](int depth, Json::parse_event_t, const Json&) {
    deep = deep || depth > deepest;
    return depth <= deepest;
  };
  Json json = Json::parse(text, shallow, false, true);
  return json.is_object() && !deep ? std::optional(std::move(json)) : std::nullopt;
}

void add_absent(Json& to, const Json& from) {
  for (const auto& member : from.items()) {
    const auto there = to.find(member.key());
    if (there == to.end()) {
      to[member.key()] = member.value();
    } else if (there->is_object() && member.value().is_object()) {
      add_absent(*there, member.value());
    }
  }
}

std::optional<std::string> added_to_json(const std::string& text, const Json& content) {
  auto json = text.empty() ? Json::object() : read_json(text);
  if (!json) return std::nullopt;
  add_absent(*json, content);
  return json->dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A line that gives the key a value: no table of that name can be added then.
bool has_pair(const std::string& text, const std::string& key) {
  for (const std::string& line : split(text, '\n')) {
    std::string_view rest = trim(line);
    const bool quoted = !rest.empty() && (rest.front() == '"' || rest.front() == '\'');
    if (quoted) rest.remove_prefix(1);
    if (!starts_with(rest, key)) continue;
    rest.remove_prefix(key.size());
    if (quoted && !rest.empty()) rest.remove_prefix(1);
    rest = trim(rest);
    if (!rest.empty() && (rest.front() == '=' || rest.front() == '.')) return true;
  }
  return false;
}

// JSON's escapes are TOML's, which wants one more.
std::string toml_text(const Json& value) { return replaced(value.dump(), {{"\x7f", "\\u007f"}}); }

// The tables that are not there, each with its header.
std::string absent_tables(const Json* there, const Json& table, const std::string& header) {
  std::string pairs;
  std::string inner;
  for (const auto& member : table.items()) {
    const std::string key = toml_text(member.key());
    if (member.value().is_object()) {
      const Json* at = there == nullptr ? nullptr : find_member(*there, member.key());
      inner += absent_tables(at, member.value(), header.empty() ? key : header + "." + key);
    } else {
      pairs += key + " = " + toml_text(member.value()) + "\n";
    }
  }
  const bool absent = there == nullptr && !pairs.empty();
  return (absent ? "\n[" + header + "]\n" + pairs : "") + inner;
}

std::optional<std::string> added_to_toml(const std::string& text, const Json& content) {
  const auto there = read_toml_texts(text);
  if (!there) return std::nullopt;
  for (const auto& member : content.items()) {
    if (has_pair(text, member.key())) return std::nullopt;
  }
  return text + (text.empty() || text.back() == '\n' ? "" : "\n") + absent_tables(&*there, content, {});
}

std::string file_of(std::size_t index) { return ".seed-" + std::to_string(index); }

void link_to_memory(const std::string& file, const std::string& target, int home,
                    const std::optional<FileOwner>& owner) {
  const auto slash = file.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : file.substr(0, slash);
  if (parent != ".") make_folders_below(home, parent, owner);
  const UniqueFd folder = open_below(home, parent, O_RDONLY | O_DIRECTORY);
  const std::string leaf = slash == std::string::npos ? file : file.substr(slash + 1);
  const bool made = folder && ::symlinkat(target.c_str(), folder.get(), leaf.c_str()) == 0;
  if (!made && folder && errno == EEXIST) return;
  if (!made ||
      (owner && ::fchownat(folder.get(), leaf.c_str(), owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) != 0)) {
    throw Error(ErrorKind::permission,
                with_errno("cannot make file '" + printable(file, 300) + "' in the session's home", errno));
  }
}

}  // namespace

std::string fault_in_seed(const AgentSeed& seed, const Json& content) {
  AgentSeed written = seed;
  written.content = content.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (seed.secret.empty() && (mentions(written, secret_word) || mentions(written, end_word)))
    return "it has a secret in it, and 'secret' does not say which";
  if (!is_toml(seed)) return {};
  if (is_in_memory(written)) return "a secret is put into a file of JSON only";
  for (const auto& member : content.items()) {
    if (!member.value().is_object()) return "'" + member.key() + "' is no table";
  }
  const Json flat = content.flatten();
  for (const auto& [place, value] : flat.items()) {
    const bool plain = value.is_string() || value.is_boolean() || value.is_number_integer();
    if (!plain || content.at(Json::json_pointer(place).parent_pointer()).is_array())
      return "in TOML it can be texts, numbers, true and false, in tables";
  }
  return {};
}

bool is_in_memory(const AgentSeed& seed) { return mentions(seed, secret_word); }

void sow(const std::vector<AgentSeed>& seeds, const SeedFacts& facts, int home,
         const std::optional<FileOwner>& owner) {
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    const AgentSeed& seed = seeds[i];
    const auto content = content_of(seed, facts);
    if (!content) continue;
    if (is_in_memory(seed)) {
      link_to_memory(seed.file, std::string(secrets_target) + "/" + file_of(i), home, owner);
      continue;
    }
    std::optional<std::string> text = read_below(home, seed.file, largest_file);
    if (!text && !open_below(home, seed.file, O_PATH) && errno == ENOENT) text = "";
    std::optional<std::string> added;
    if (text) added = is_toml(seed) ? added_to_toml(*text, *content) : added_to_json(*text, *content);
    if (!added) {
      log::info("'{}' of the agent is not understood, and stays as it is", seed.file);
    } else if (added != text) {
      write_below(home, seed.file, *added, owner);
    }
  }
}

std::vector<Secret> secrets_of_seeds(const std::vector<AgentSeed>& seeds, const SeedFacts& facts) {
  std::vector<Secret> files;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!is_in_memory(seeds[i])) continue;
    if (const auto content = content_of(seeds[i], facts))
      files.push_back({file_of(i), content->dump() + "\n"});
  }
  return files;
}

bool is_link_to_secret(int file) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(file, "", target.data(), target.size());
  return size > 0 && starts_with(std::string_view(target.data(), static_cast<std::size_t>(size)),
                                 std::string(secrets_target) + "/");
}

}  // namespace drydock::core
