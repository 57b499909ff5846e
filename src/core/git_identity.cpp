#include "core/git_identity.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace drydock::core {
namespace {

constexpr std::size_t longest_value = 300;
constexpr std::size_t output_limit = std::size_t{64} << 10;

bool is_fit(const std::string& value) {
  return value.size() <= longest_value && std::none_of(value.begin(), value.end(), [](unsigned char octet) {
           return octet < 0x20 || octet == 0x7f;
         });
}

std::string quoted(const std::string& value) {
  std::string text = "\"";
  for (const char letter : value) {
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
  return text + "\"";
}

}  // namespace

GitIdentity read_git_identity() {
  GitIdentity identity;
  ProcessOptions options;
  options.output_limit = output_limit;
  try {
    const ProcessResult result = run_process(
        {"git", "-C", "/", "config", "--global", "--includes", "-z", "--get-regexp", "^user\\.(name|email)$"},
        options);
    if (result.exit_code != 0) return identity;
    // "user.name\nA Name\0"; of several the last counts.
    for (const std::string& entry : split(result.output, '\0')) {
      const auto newline = entry.find('\n');
      if (newline == std::string::npos) continue;
      const std::string value = entry.substr(newline + 1);
      if (!is_fit(value)) continue;
      (entry.substr(0, newline) == "user.name" ? identity.name : identity.email) = value;
    }
  } catch (const Error& error) {
    log::debug("{}", error.what());
  }
  return identity;
}

std::string git_config_text(const GitIdentity& identity) {
  if (identity.name.empty() && identity.email.empty()) return {};
  std::string text = "[include]\n\tpath = /etc/gitconfig\n[user]\n";
  if (!identity.name.empty()) text += "\tname = " + quoted(identity.name) + "\n";
  if (!identity.email.empty()) text += "\temail = " + quoted(identity.email) + "\n";
  return text;
}

}  // namespace drydock::core
