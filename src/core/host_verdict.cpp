#include "core/host_verdict.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/shell.hpp"
#include "base/utf8.hpp"
#include "core/entry_hint.hpp"
#include "policy/judge.hpp"

namespace drydock::core {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::optional<std::string>& shell_folder() {
  static std::optional<std::string> folder;
  return folder;
}

// What a client would ask for.
std::string authority_of(std::string_view asked) {
  const auto colon = asked.find(':');
  std::string host(asked.substr(0, colon));
  if (!is_ascii(host)) {
    const auto pattern = parse_host_pattern(host);
    if (pattern && pattern->kind == HostPattern::Kind::exact) host = pattern->host;
  }
  return host + (colon == std::string_view::npos ? ":443" : std::string(asked.substr(colon)));
}

}  // namespace

policy::Entries matcher_of(const Allowlist& list) {
  policy::Entries entries;
  for (const Entry& entry : list.entries()) {
    const std::string reason = entries.add({entry.pattern.to_string(), entry.source.to_string()});
    if (!reason.empty()) throw Error(ErrorKind::internal, "cannot use the allowlist: " + reason);
  }
  return entries;
}

HostVerdict judge_host(std::string_view asked, const policy::Entries& entries, const std::string& session,
                       const std::string& project) {
  HostVerdict verdict;
  verdict.authority = authority_of(asked);
  const policy::Judgement judgement = policy::judge(verdict.authority, entries);
  verdict.reason = judgement.reason;
  if (judgement.entry != nullptr) {
    verdict.allowed = true;
    verdict.rule = judgement.entry->pattern;
    verdict.source = judgement.entry->source;
    return verdict;
  }
  const std::string host = verdict.authority.substr(0, verdict.authority.find(':'));
  const bool other = verdict.reason == policy::is_a_url || verdict.reason == policy::is_an_address;
  verdict.hint = other ? hint_for_entry(asked, {}, EntryPlace::argument)
                       : allow_line(host, verdict.reason, session, project);
  return verdict;
}

void set_shell_folder(std::string folder) { shell_folder() = std::move(folder); }

std::string allow_host(std::string_view host, std::string_view reason) {
  if (reason != policy::not_listed && reason != policy::no_longer_allowed) return {};
  const auto pattern = parse_host_pattern(host);
  return pattern && pattern->kind == HostPattern::Kind::exact ? pattern->host : std::string{};
}

std::string allow_command(const std::string& project) {
  const std::string command = "drydock egress allow";
  std::error_code failed;
  const std::string here = shell_folder() ? *shell_folder() : std::filesystem::current_path(failed).string();
  if (!here.empty() && here == project) return command;
  if (project.empty() || one_line(project, project.size()) != project) return "in its folder: " + command;
  return command + " --project " + shell_word(project);
}

std::string allow_command(const std::string& project, const std::vector<std::string>& hosts) {
  std::string command = allow_command(project);
  for (const std::string& host : hosts) command += " " + shell_word(host);
  return command;
}

std::string allow_line(std::string_view host, std::string_view reason, const std::string& session,
                       const std::string& project) {
  const std::string admits = allow_host(host, reason);
  if (admits.empty()) return {};
  if (!session.empty()) return "drydock egress allow " + admits + " --session " + session;
  return allow_command(project) + " " + admits;
}

}  // namespace drydock::core
