#include "core/agent_state.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "base/digest.hpp"
#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "core/agent_overlay.hpp"
#include "core/agent_seeds.hpp"
#include "core/conversations.hpp"
#include "core/file_tree.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_login = std::size_t{1} << 20;
constexpr std::size_t largest_record = std::size_t{1} << 20;
constexpr const char* record_file = "state.json";
constexpr std::time_t unfinished_for = 600;  // seconds after which a folder without a record is nobody's

std::string agents_directory() { return state_directory() + "/agents"; }

std::optional<FileOwner> agent_owner(std::uint32_t uid, std::uint32_t gid) {
  return ::geteuid() == 0 ? std::optional(FileOwner{uid, gid}) : std::nullopt;
}

// A line each, but not for thousands.
class RefusedLog {
 public:
  void operator()(const std::string& path, const std::string& reason) {
    if (++count_ < 10) log::warn("'{}' of the session's state is left: {}", printable(path, 300), reason);
    if (count_ == 10) log::warn("and so is more of the session's state");
  }

 private:
  int count_ = 0;
};

// The folders with the copies of one session: one, unless a profile was renamed.
std::vector<std::string> folders_of(const std::string& session) {
  std::vector<std::string> folders;
  std::error_code failed;
  for (const auto& agent : fs::directory_iterator(agents_directory(), failed)) {
    const std::string folder = agent.path().string() + "/sessions/" + session;
    if (::access(folder.c_str(), F_OK) == 0) folders.push_back(folder);
  }
  return folders;
}

Json read_record(const std::string& folder) {
  const UniqueFd opened = open_folder(folder);
  const auto text = read_below(opened.get(), record_file, largest_record);
  return text ? parse_json(*text, "a session's state") : Json(nullptr);
}

// A login that was written, or taken away, since the session began.
void harvest_login(int home, int agent, const std::string& path, const std::string& seed) {
  const auto text = read_below(home, path, largest_login);
  const std::string kept = "login/" + path;
  if (text) {
    if (sha256_hex(*text) != seed) copy_below(home, path, agent, kept, std::nullopt, true);
    return;
  }
  const UniqueFd there = open_below(home, path, O_PATH);
  if (there && is_link_to_secret(there.get())) return;
  const auto stored = read_below(agent, kept, largest_login);
  if (there) {
    RefusedLog()(path, "it is no file of at most 1 MiB");
  } else if (errno == ENOENT && !seed.empty() && stored && sha256_hex(*stored) == seed) {
    const UniqueFd parent = open_below(agent, fs::path(kept).parent_path().string(), O_RDONLY | O_DIRECTORY);
    if (parent) ::unlinkat(parent.get(), fs::path(kept).filename().c_str(), 0);
  }
}

void write_record(const std::string& folder, const Json& record) {
  TempFile file("state", folder);
  file.write(record.dump(2) + "\n");
  file.move_to(folder + "/" + record_file);
}

// Of what is not a continuation of what is stored: one line, however many there are.
void tell_beside(const std::vector<std::string>& names, const std::string& store) {
  if (names.empty()) return;
  const std::string count =
      names.size() == 1 ? "a conversation does" : std::to_string(names.size()) + " conversations do";
  log::warn("{} not continue what is stored, which was kept; this session's copy is beside it: '{}/{}'{}",
            count, printable(store, 300), printable(names.front(), 300),
            names.size() == 1 ? "" : " and so on");
}

void harvest_transcripts(int home, const std::string& agent_folder, int agent, const Json& record,
                         const std::string& session) {
  const std::string store = "transcripts/" + require_string(record, "project");
  tell_beside(bring_conversations(home, strings_or_empty(record, "transcripts"),
                                  strings_or_empty(record, "whole"), agent, store, session, RefusedLog()),
              agent_folder + "/" + store);
}

void harvest_whole(int home, const std::string& agent_folder, int agent, Json& record,
                   const std::string& session) {
  const std::vector<std::string> patterns = strings_or_empty(record, "whole");
  if (patterns.empty()) return;
  const std::string store = "whole/" + require_string(record, "project");
  const std::string what =
      "'~/" + printable(patterns.front(), 300) + "'" + (patterns.size() == 1 ? "" : " and the like");
  const WholeCopy began{string_or(record, "whole_of"), string_or(record, "whole_digest")};
  try {
    const WholeCopyResult result =
        bring_whole_copy(home, patterns, agent, agent_folder, store, session, began);
    record["whole_of"] = result.now.session;
    record["whole_digest"] = result.now.digest;
    if (result.displaced.empty()) return;
    log::warn(
        "session {} ended while this one ran: the next one begins with this one's {}; that of {} is in "
        "'{}/{}/{}'",
        result.displaced, what, result.displaced, printable(agent_folder, 300), store, result.displaced);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::refused) throw;
    log::warn("the session's {} is not kept: {}", what, error.what());
  }
}

void harvest(const std::string& folder) {
  Json record = read_record(folder);
  if (record.is_null()) return;
  const std::string agent_folder = fs::path(folder).parent_path().parent_path().string();
  const std::string id = fs::path(folder).filename().string();
  const DirectoryLock lock(agent_folder);
  remove_beginning_with(agent_folder, unfinished_prefix);
  const UniqueFd agent = open_folder(agent_folder);
  const UniqueFd session = open_folder(folder);
  const UniqueFd home = open_below(session.get(), "home", O_RDONLY | O_DIRECTORY);
  if (!home) return;
  harvest_transcripts(home.get(), agent_folder, agent.get(), record, id);
  harvest_whole(home.get(), agent_folder, agent.get(), record, id);
  const auto logins = record.find("login");
  if (logins != record.end() && logins->is_object()) {
    for (auto login : logins->items()) {
      if (!login.value().is_string()) continue;
      harvest_login(home.get(), agent.get(), login.key(), login.value().get<std::string>());
      // A session that is kept is harvested again when it goes: what others have stored by then stays.
      const auto text = read_below(home.get(), login.key(), largest_login);
      login.value() = text ? sha256_hex(*text) : "";
    }
  }
  write_record(folder, record);
}

// A file of one folder, to another, unless one is there.
auto copy_new(int from, int to, const std::optional<FileOwner>& owner) {
  return [=](const std::string& file, const struct stat&) {
    if (!open_below(to, file, O_PATH)) copy_below(from, file, to, file, owner, false);
  };
}

// All that is in `patterns`, and not in `except`, below a folder of the agent's, which need not be there.
void copy_stored(int agent, const std::string& store, const std::vector<std::string>& patterns,
                 const std::vector<std::string>& except, const TreeLimits& limits, int home,
                 const std::optional<FileOwner>& owner) {
  const UniqueFd from = open_below(agent, store, O_RDONLY | O_DIRECTORY);
  if (!from) return;
  const auto copy = copy_new(from.get(), home, owner);
  for (const std::string& pattern : patterns) {
    walk_pattern(
        from.get(), pattern, limits,
        [&](const std::string& file, const struct stat& status) {
          if (!is_in_any(file, except)) copy(file, status);
        },
        RefusedLog());
  }
}

void make_mount_point(int home, const StatePath& point, const std::optional<FileOwner>& owner) {
  if (point.folder) {
    make_folders_below(home, point.path, owner);
    return;
  }
  const std::string parent = fs::path(point.path).parent_path().string();
  make_folders_below(home, parent, owner);
  const UniqueFd file = open_below(home, point.path, O_WRONLY | O_CREAT, 0600);
  if (!file || (owner && ::fchown(file.get(), owner->uid, owner->gid) != 0)) {
    throw Error(
        ErrorKind::permission,
        with_errno("cannot make file '" + printable(point.path, 300) + "' in the session's home", errno));
  }
}

bool is_orphan(const std::string& folder, const std::string& engine) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const Json record = read_record(folder);
  if (record.is_null()) return std::time(nullptr) - status.st_ctime > unfinished_for;
  runtime::Labels labels;
  if (const Json* owner = find_member(record, "owner")) {
    for (const auto& [key, value] : owner->items()) {
      if (value.is_string()) labels[key] = value.get<std::string>();
    }
  }
  const auto owner = Owner::read_from(labels);
  return owner && liveness(*owner) == Liveness::dead && string_or(record, "engine") == engine;
}

}  // namespace

std::string agent_state_directory(const std::string& agent) { return agents_directory() + "/" + agent; }

SessionState session_state(const AgentProfile& agent, const std::string& project,
                           const std::string& session) {
  return {
      agent.name,  project,           agent_state_directory(agent.name) + "/sessions/" + session + "/home",
      agent.state, agent.transcripts, agent.whole,
      agent.login, agent.seed};
}

bool has_kept_login(const AgentProfile& agent) {
  const std::string kept = agent_state_directory(agent.name) + "/login/";
  return std::any_of(agent.login.begin(), agent.login.end(),
                     [&](const std::string& file) { return ::access((kept + file).c_str(), F_OK) == 0; });
}

std::string engine_key(const runtime::EngineInfo& engine) {
  return engine.engine + (engine.rootless ? " rootless" : " rootful");
}

void make_session_state(const SessionState& state, const StateRequest& request) {
  // Before anything is made.
  const auto overlay = overlay_files(state);
  const std::string agent_folder = agent_state_directory(state.agent);
  const auto owner = agent_owner(request.uid, request.gid);
  make_directories(agent_folder + "/prototype", 0700);
  make_directories(agent_folder + "/sessions", 0700);
  const DirectoryLock lock(agent_folder);
  const UniqueFd agent = open_folder(agent_folder);
  const std::string own = "sessions/" + request.session;
  make_folders_below(agent.get(), own, std::nullopt);

  Json logins = Json::object();
  for (const std::string& path : state.login) {
    const auto text = read_below(agent.get(), "login/" + path, largest_login);
    logins[path] = text ? sha256_hex(*text) : "";
  }
  runtime::Labels labels;
  request.owner.write_to(labels);
  Json record = {{"schema", 1},
                 {"agent", state.agent},
                 {"project", state.project},
                 {"engine", request.engine},
                 {"owner", labels},
                 {"transcripts", state.transcripts},
                 {"login", logins}};
  const std::string folder = agent_folder + "/" + own;
  write_record(folder, record);
  make_folders_below(agent.get(), own + "/home", owner);
  const UniqueFd home = open_below(agent.get(), own + "/home", O_RDONLY | O_DIRECTORY);
  if (!home) throw Error(ErrorKind::permission, with_errno("cannot open folder '" + state.home + "'", errno));
  for (const StatePath& path : state.paths) {
    if (path.folder) make_folders_below(home.get(), path.path, owner);
  }
  // What comes first stays: a login is not overridden by anything else, and the overlay is over the
  // prototype.
  if (const UniqueFd from = open_below(agent.get(), "login", O_RDONLY | O_DIRECTORY)) {
    for (const std::string& path : state.login)
      walk_files(from.get(), path, {}, copy_new(from.get(), home.get(), owner), RefusedLog());
  }
  if (overlay) copy_overlay(state.agent, *overlay, home.get(), owner);
  const UniqueFd prototype = open_below(agent.get(), "prototype", O_RDONLY | O_DIRECTORY);
  if (prototype)
    walk_files(prototype.get(), "", {}, copy_new(prototype.get(), home.get(), owner), RefusedLog());
  copy_stored(agent.get(), "transcripts/" + state.project, state.transcripts, state.whole, {}, home.get(),
              owner);
  const std::string copy = latest_copy(agent.get(), "whole/" + state.project);
  if (!copy.empty()) copy_stored(agent.get(), copy, state.whole, {}, whole_copy_limits, home.get(), owner);
  sow(state.seeds, {request.project, state.logged_in, request.secrets}, home.get(), owner);
  // Half of a copy, after a crash, is not to be taken for the session's.
  record["whole"] = state.whole;
  record["whole_of"] = fs::path(copy).filename().string();
  record["whole_digest"] = digest_of_copy(home.get(), state.whole);
  write_record(folder, record);
  for (const StatePath& point : request.mount_points) make_mount_point(home.get(), point, owner);
}

void harvest_session_state(const std::string& session) {
  for (const std::string& folder : folders_of(session)) harvest(folder);
}

void end_session_state(const std::string& session) {
  for (const std::string& folder : folders_of(session)) {
    harvest(folder);
    remove_tree(folder);
  }
}

void collect_session_states(const std::vector<std::string>& known, const std::string& engine) {
  std::error_code failed;
  for (const auto& agent : fs::directory_iterator(agents_directory(), failed)) {
    std::error_code none;
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(agent.path() / "sessions", none))
      folders.push_back(entry.path());
    for (const fs::path& folder : folders) {
      const std::string id = folder.filename().string();
      if (std::find(known.begin(), known.end(), id) != known.end()) continue;
      try {
        if (!is_orphan(folder.string(), engine)) continue;
        harvest(folder.string());
        remove_tree(folder.string());
      } catch (const Error& error) {
        log::info("the state of session {} is not collected: {}", id, error.what());
      }
    }
  }
}

}  // namespace drydock::core
