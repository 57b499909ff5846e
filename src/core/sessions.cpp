#include "core/sessions.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "core/agent_state.hpp"
#include "core/attendance.hpp"
#include "core/kept_log.hpp"
#include "core/labels.hpp"
#include "core/plan_json.hpp"
#include "core/secrets.hpp"

namespace drydock::core {
namespace {

std::string get(const runtime::Labels& labels, std::string_view name) {
  const auto found = labels.find(std::string(name));
  return found == labels.end() ? std::string{} : found->second;
}

void take_labels(SessionRecord& record, const runtime::Labels& labels) {
  if (record.project.empty()) record.project = get(labels, label::project);
  if (record.agent.empty()) record.agent = get(labels, label::agent);
  if (record.mode.empty()) record.mode = get(labels, label::mode);
  if (record.name.empty()) record.name = get(labels, label::name);
  if (record.created == 0) record.created = parse_rfc3339(get(labels, label::created)).value_or(0);
  if (!record.owner) record.owner = Owner::read_from(labels);
  if (get(labels, label::detached) == "1") record.detached = true;
  if (get(labels, label::keep) == "1") record.keep = true;
  if (get(labels, label::capture) == "1") record.capture = true;
  if (get(labels, label::no_log) == "1") record.log = false;
  if (record.expires == 0) record.expires = parse_rfc3339(get(labels, label::expires)).value_or(0);
}

bool is_session_id(const std::string& id) {
  return id.size() == 8 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// False when there is no point in going on: the engine is gone.
template <typename Removal>
bool attempt(std::vector<std::string>& failures, const Removal& removal) {
  try {
    removal();
  } catch (const Error& error) {
    failures.emplace_back(error.what());
    return error.kind() != ErrorKind::unavailable && error.kind() != ErrorKind::timeout;
  }
  return true;
}

constexpr int guard_grace = 2;  // seconds, for its last words
constexpr const char* owner_link = "owner";
constexpr const char* plan_file = "/plan.json";

std::string sessions_directory() { return runtime_directory() + "/sessions"; }

void remove_orphaned_directories(const std::vector<SessionRecord>& known, const std::string& engine) {
  for (const std::string& id : known_sessions()) {
    const bool in_use =
        std::any_of(known.begin(), known.end(), [&](const SessionRecord& record) { return record.id == id; });
    if (in_use) continue;
    const std::filesystem::path folder = session_directory(id);
    std::error_code unreadable;
    const auto text = std::filesystem::read_symlink(folder / owner_link, unreadable).string();
    runtime::Labels labels;
    for (const std::string& pair : split(text, ',')) {
      const auto equals = pair.find('=');
      if (equals != std::string::npos) labels[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    // A session that is being launched has its folder before its objects; one of another engine is not ours
    // to judge.
    const auto owner = Owner::read_from(labels);
    const bool dead = owner && liveness(*owner) == Liveness::dead;
    if (!dead || get(labels, "engine") != engine) continue;
    remove_secrets(id);
    remove_tree(folder.string());
  }
}

}  // namespace

std::vector<std::string> known_sessions() {
  std::vector<std::string> ids;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(sessions_directory(), failed)) {
    const std::string id = entry.path().filename().string();
    if (is_session_id(id)) ids.push_back(id);
  }
  return ids;
}

std::string session_directory(const std::string& id) { return sessions_directory() + "/" + id; }

void make_session_directory(const std::string& id, const std::string& engine, const Owner& owner) {
  const std::string directory = session_directory(id);
  make_directories(directory, 0700);
  runtime::Labels labels;
  owner.write_to(labels);
  std::string text = "engine=" + engine;
  for (const auto& [key, value] : labels) text += "," + key + "=" + value;
  if (::symlink(text.c_str(), (directory + "/" + owner_link).c_str()) != 0) {
    throw Error(ErrorKind::internal, with_errno("cannot write to directory '" + directory + "'", errno));
  }
}

void save_plan(const Plan& plan) {
  const std::string path = session_directory(plan.session) + plan_file;
  std::ofstream file(path, std::ios::trunc);
  if (::chmod(path.c_str(), 0600) != 0 ||
      !(file << to_json(plan).dump(-1, ' ', false, Json::error_handler_t::replace))) {
    log::info("the plan of session {} is not kept: {}", plan.session, std::strerror(errno));
  }
}

Json saved_plan(const std::string& id) {
  std::ifstream file(session_directory(id) + plan_file);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return nullptr;
  try {
    return parse_json(text.str(), "the session's plan");
  } catch (const Error& error) {
    log::info("{}", error.what());
    return nullptr;
  }
}

void mark_detached(const std::string& id) {
  const UniqueFd file(
      ::open((session_directory(id) + "/detached").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file)
    throw Error(ErrorKind::internal, with_errno("cannot mark session '" + id + "' as detached", errno));
}

std::vector<SessionRecord> find_sessions(runtime::Engine& engine) {
  std::map<std::string, SessionRecord> records;
  const std::string key(label::session);
  const auto record_for = [&](const runtime::Labels& labels) -> SessionRecord* {
    const std::string id = get(labels, key);
    if (!is_session_id(id)) return nullptr;
    const auto owner = Owner::read_from(labels);
    const bool ours = ::geteuid() == 0 || (owner && owner->uid == ::geteuid());
    if (!ours) return nullptr;
    SessionRecord& record = records[id];
    record.id = id;
    record.runtime = engine.system().name();
    take_labels(record, labels);
    return &record;
  };

  for (const runtime::ContainerSummary& container : engine.containers().list(key)) {
    SessionRecord* record = record_for(container.labels);
    if (record == nullptr) continue;
    if (get(container.labels, label::role) == "probe") {
      record->probes.push_back(container.name);
    } else if (get(container.labels, label::role) == "sidecar") {
      record->sidecars.push_back(container.name);
      record->sidecar_state = container.state;
    } else {
      record->agents.push_back(container.name);
      record->agent_state = container.state;
      record->status = container.status;
      record->image = container.image;
      if (get(container.labels, label::name).empty()) record->name = container.name;
    }
  }
  for (const runtime::NetworkReport& network : engine.networks().list()) {
    if (SessionRecord* record = record_for(network.labels)) record->networks.push_back(network.name);
  }

  std::vector<SessionRecord> sessions;
  for (auto& [id, record] : records) {
    if (::access((session_directory(id) + "/detached").c_str(), F_OK) == 0) record.detached = true;
    sessions.push_back(std::move(record));
  }
  std::stable_sort(sessions.begin(), sessions.end(),
                   [](const SessionRecord& a, const SessionRecord& b) { return a.created > b.created; });
  return sessions;
}

bool is_live(const SessionRecord& session) {
  return session.agent_state == runtime::ContainerState::running ||
         session.agent_state == runtime::ContainerState::paused;
}

std::string status_word(const SessionRecord& session) {
  if (!session.agent_state) return "incomplete";
  switch (*session.agent_state) {
    case runtime::ContainerState::created:
      return "starting";
    case runtime::ContainerState::running:
      return session.detached ? "detached" : "running";
    case runtime::ContainerState::paused:
      return "paused";
    case runtime::ContainerState::exited:
      return "ended";
    case runtime::ContainerState::other:
      return "unknown";
  }
  return "unknown";
}

void end_session(runtime::Engine& engine, const SessionRecord& session, int grace) {
  if (!is_live(session)) return;
  for (const std::string& agent : session.agents) {
    try {
      engine.containers().stop(agent, grace);
      record_status(session.id, engine.containers().inspect(agent).exit_code);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::unavailable) throw;
      log::debug("{}", error.what());
    }
  }
}

std::vector<std::string> remove_session(runtime::Engine& engine, const SessionRecord& session,
                                        const Farewell& farewell) {
  const std::string directory = session_directory(session.id);
  std::optional<DirectoryLock> lock;
  if (::access(directory.c_str(), F_OK) == 0) {
    try {
      lock.emplace(directory);
    } catch (const Error& error) {
      log::debug("{}", error.what());  // another one has removed it meanwhile
    }
  }
  std::vector<std::string> failures;
  bool reachable = true;
  const auto remove_all = [&](const std::vector<std::string>& names, const auto& remove) {
    for (const std::string& name : names) {
      reachable = reachable && attempt(failures, [&] { remove(name); });
    }
  };
  const auto container = [&](const std::string& name) { engine.containers().remove(name); };
  remove_all(session.agents, container);
  if (farewell && failures.empty()) farewell(session);
  remove_all(session.probes, container);
  if (reachable) keep_decisions(engine, session);
  remove_all(session.sidecars, container);
  remove_all(session.networks, [&](const std::string& name) { engine.networks().remove(name); });
  // While an object is left, its folder is too: the next collection finds both.
  if (failures.empty()) attempt(failures, [&] { end_session_state(session.id); });
  if (failures.empty()) {
    remove_secrets(session.id);
    remove_tree(directory);
  }
  return failures;
}

std::optional<std::string> collectable(const SessionRecord& session) {
  // Without a word on its owner nothing can be said of it.
  if (!session.owner) return std::nullopt;
  const bool agent_lives = is_live(session);
  const bool ended = session.agent_state == runtime::ContainerState::exited;
  if (ended && session.keep) return std::nullopt;
  // Whoever is attached sees to its end.
  if (!others_attached(session.id).empty()) return std::nullopt;
  if (session.detached && agent_lives && session.expires != 0 && std::time(nullptr) > session.expires) {
    return "its time limit has passed";
  }
  if (liveness(*session.owner) != Liveness::dead) {
    // A detached session's launcher may be seen long after it ended, in another pid namespace.
    const bool ended_detached = session.detached && ended;
    return ended_detached ? std::optional<std::string>("its agent has ended") : std::nullopt;
  }
  if (session.detached && agent_lives) return std::nullopt;
  if (agent_lives) return "the drydock that kept it is gone";
  const bool started = session.agent_state && session.agent_state != runtime::ContainerState::created;
  return started ? "its agent has ended" : "it was never started";
}

void rest_sidecars(runtime::Engine& engine, const std::vector<std::string>& sidecars) {
  for (const std::string& sidecar : sidecars) {
    std::vector<std::string> failures;
    attempt(failures, [&] { engine.containers().stop(sidecar, guard_grace); });
    for (const std::string& failure : failures) log::info("{}", failure);
  }
}

std::vector<Collected> collect_garbage(runtime::Engine& engine, bool dry_run, const Farewell& farewell) {
  std::vector<Collected> collected;
  const std::vector<SessionRecord> sessions = find_sessions(engine);
  for (const SessionRecord& session : sessions) {
    const auto reason = collectable(session);
    if (!reason) {
      const bool at_rest = session.sidecar_state != runtime::ContainerState::running;
      const bool ended = session.agent_state == runtime::ContainerState::exited;
      if (!dry_run && session.keep && ended) {
        remove_secrets(session.id);
        if (!at_rest) rest_sidecars(engine, session.sidecars);
      }
      continue;
    }
    Collected entry{session, *reason, {}};
    if (!dry_run) {
      if (is_live(session) && session.detached) end_session(engine, session, default_grace);
      entry.failures = remove_session(engine, session, farewell);
    }
    collected.push_back(std::move(entry));
  }
  if (dry_run) return collected;
  std::vector<std::string> known;
  for (const SessionRecord& session : sessions) known.push_back(session.id);
  collect_session_states(known, engine_key(engine.system().info()));
  remove_orphaned_directories(sessions, engine_key(engine.system().info()));
  return collected;
}

}  // namespace drydock::core
