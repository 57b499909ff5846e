#include "core/sessions.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "core/labels.hpp"

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
}

bool is_session_id(const std::string& id) {
  return id.size() == 8 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

template <typename Removal>
void attempt(std::vector<std::string>& failures, const Removal& removal) {
  try {
    removal();
  } catch (const Error& error) {
    failures.emplace_back(error.what());
  }
}

constexpr const char* owner_link = "owner";

std::string sessions_directory() { return runtime_directory() + "/sessions"; }

void remove_orphaned_directories(const std::vector<SessionRecord>& known, const std::string& engine) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(sessions_directory(), failed)) {
    const std::string id = entry.path().filename().string();
    const bool in_use =
        std::any_of(known.begin(), known.end(), [&](const SessionRecord& record) { return record.id == id; });
    if (!is_session_id(id) || in_use) continue;
    std::error_code unreadable;
    const auto text = std::filesystem::read_symlink(entry.path() / owner_link, unreadable).string();
    runtime::Labels labels;
    for (const std::string& pair : split(text, ',')) {
      const auto equals = pair.find('=');
      if (equals != std::string::npos) labels[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    // A session that is being launched has its folder before its objects; one of another engine is not ours
    // to judge.
    const auto owner = Owner::read_from(labels);
    const bool dead = owner && liveness(*owner) == Liveness::dead;
    if (dead && get(labels, "engine") == engine) remove_tree(entry.path().string());
  }
}

}  // namespace

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
    record.runtime = engine.system().info().engine;
    take_labels(record, labels);
    return &record;
  };

  for (const runtime::ContainerSummary& container : engine.containers().list(key)) {
    SessionRecord* record = record_for(container.labels);
    if (record == nullptr) continue;
    if (get(container.labels, label::role) == "sidecar") {
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

std::vector<std::string> remove_session(runtime::Engine& engine, const SessionRecord& session) {
  std::vector<std::string> failures;
  for (const std::string& name : session.agents) attempt(failures, [&] { engine.containers().remove(name); });
  for (const std::string& name : session.sidecars)
    attempt(failures, [&] { engine.containers().remove(name); });
  for (const std::string& name : session.networks) attempt(failures, [&] { engine.networks().remove(name); });
  // While an object is left, its folder is too: the next collection finds both.
  if (failures.empty()) remove_tree(session_directory(session.id));
  return failures;
}

std::optional<std::string> collectable(const SessionRecord& session) {
  // Without a word on its owner nothing can be said of it.
  if (!session.owner) return std::nullopt;
  const bool agent_lives = session.agent_state == runtime::ContainerState::running ||
                           session.agent_state == runtime::ContainerState::paused;
  if (liveness(*session.owner) != Liveness::dead) {
    // A detached session's launcher may be seen long after it ended, in another pid namespace.
    const bool ended_detached = session.detached && session.agent_state == runtime::ContainerState::exited;
    return ended_detached ? std::optional<std::string>("its agent has ended") : std::nullopt;
  }
  if (session.detached && agent_lives) return std::nullopt;
  if (agent_lives) return "the drydock that kept it is gone";
  const bool started = session.agent_state && session.agent_state != runtime::ContainerState::created;
  return started ? "its agent has ended" : "it was never started";
}

std::vector<Collected> collect_garbage(runtime::Engine& engine, bool dry_run) {
  std::vector<Collected> collected;
  const std::vector<SessionRecord> sessions = find_sessions(engine);
  for (const SessionRecord& session : sessions) {
    const auto reason = collectable(session);
    if (!reason) continue;
    Collected entry{session, *reason, {}};
    if (!dry_run) entry.failures = remove_session(engine, session);
    collected.push_back(std::move(entry));
  }
  if (!dry_run) remove_orphaned_directories(sessions, engine.system().info().engine);
  return collected;
}

}  // namespace drydock::core
