#include "core/kept_log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/obstacle.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "base/timestamp.hpp"
#include "base/version.hpp"
#include "core/find_session.hpp"
#include "core/session_log.hpp"
#include "policy/line_chain.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;

constexpr int guard_grace = 2;  // seconds; it needs 0.2 at most
constexpr std::size_t write_size = std::size_t{256} << 10;
constexpr std::string_view suffix = ".jsonl";
constexpr const char* unfinished = ".unfinished";
constexpr std::int64_t unfinished_age = 3600;
constexpr std::size_t shortest_beginning = 2;

[[noreturn]] void cannot_read(const std::string& noun, const std::string& path, Access access, int cause) {
  const Obstacle obstacle = obstacle_to(access, path, cause);
  throw Error(ErrorKind::permission, "cannot read " + noun + " '" + path + "': " + obstacle.reason,
              obstacle.hint);
}

void make_decisions_directory() {
  const std::string path = decisions_directory();
  make_directories(path, 0700);
  if (::chmod(path.c_str(), 0700) != 0)
    throw Error(ErrorKind::permission, with_errno("cannot set the mode of directory '" + path + "'", errno));
}

void end_guard(runtime::Engine& engine, const std::string& sidecar) {
  try {
    engine.containers().stop(sidecar, guard_grace);
  } catch (const Error& error) {
    // It may have ended, or never have been started.
    log::debug("{}", error.what());
  }
}

// What closes a kept log, behind the guard's lines.
class Copy {
 public:
  explicit Copy(const TempFile& file) : file_(file) {}

  void add(std::string_view line) {
    if (line.empty() || line.front() != '{') return;  // of the program, not of the log
    const auto parts = policy::read_chained(line);
    if (parts && lines_ == 0) gone_ = parts->seq;
    if (parts) chain_ = policy::LineChain(parts->seq + 1, std::string(parts->chain));
    if (const auto counts = counts_in(line)) counts_ = *counts;
    ++lines_;
    put(line);
  }
  void close(const SessionRecord& session, const std::string& runtime) {
    Json json = {{"time", to_rfc3339(std::time(nullptr))},
                 {"event", "kept"},
                 {"schema", 1},
                 {"drydock", version},
                 {"session", session.id},
                 {"runtime", runtime},
                 {"lines", lines_},
                 {"opened", counts_.allowed},
                 {"refused", counts_.denied}};
    if (!session.project.empty()) json["project"] = session.project;
    if (gone_ > 0) json["gone"] = gone_;
    put(chain_.seal(json.dump(-1, ' ', true, Json::error_handler_t::replace)));
    file_.write(pending_);
  }
  std::uint64_t lines() const { return lines_; }
  std::uint64_t size() const { return size_; }

 private:
  void put(std::string_view line) {
    pending_ += line;
    pending_ += '\n';
    size_ += line.size() + 1;
    if (pending_.size() < write_size) return;
    file_.write(pending_);
    pending_.clear();
  }

  const TempFile& file_;
  policy::LineChain chain_;
  EgressCounts counts_;
  std::string pending_;
  std::uint64_t lines_ = 0;
  std::uint64_t gone_ = 0;  // lines before the first that the engine still has
  std::uint64_t size_ = 0;
};

void copy_log(runtime::Engine& engine, const SessionRecord& session) {
  make_decisions_directory();
  TempFile file(unfinished, decisions_directory());
  Copy copy(file);
  read_egress_log(engine, session, false, [&](std::string_view line) {
    copy.add(line);
    return true;
  });
  if (copy.lines() == 0) return;
  copy.close(session, engine.system().name());
  const std::string path = decisions_directory() + "/" + session.id + std::string(suffix);
  struct stat there {};
  // An earlier attempt at its removal may have got more from the engine than there is now.
  if (::stat(path.c_str(), &there) == 0 && static_cast<std::uint64_t>(there.st_size) > copy.size()) return;
  file.move_to(path);
  prune_kept_logs({}, std::time(nullptr), session.id);
}

}  // namespace

std::string decisions_directory() { return state_directory() + "/decisions"; }

void keep_decisions(runtime::Engine& engine, const SessionRecord& session) {
  if (session.sidecars.empty() || !session.log) return;
  try {
    end_guard(engine, session.sidecars.front());
    copy_log(engine, session);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) {
      log::debug("{}", error.what());
    } else {
      log::warn("the decision log of session {} is not kept: {}", session.id, error.what());
    }
  }
}

std::vector<KeptLog> kept_logs() {
  std::vector<KeptLog> logs;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(decisions_directory(), failed)) {
    const std::string name = entry.path().filename().string();
    struct stat status {};
    if (!ends_with(name, suffix) || ::lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    logs.push_back({name.substr(0, name.size() - suffix.size()), entry.path().string(),
                    static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec});
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    cannot_read("folder", decisions_directory(), Access::list_folder, failed.value());
  std::sort(logs.begin(), logs.end(), [](const KeptLog& a, const KeptLog& b) {
    return a.ended != b.ended ? a.ended > b.ended : a.session < b.session;
  });
  return logs;
}

std::optional<KeptLog> find_kept_log(const std::string& wanted, const std::string& directory) {
  const std::vector<KeptLog> logs = kept_logs();
  std::vector<const KeptLog*> hits;
  for (const KeptLog& log : logs) {
    if (!wanted.empty() && log.session == wanted) return log;
    if (wanted.size() >= shortest_beginning && starts_with(log.session, wanted)) hits.push_back(&log);
  }
  if (hits.size() > 1) {
    throw Error(ErrorKind::conflict,
                "cannot choose a log for '" + printable(wanted, 80) + "': more than one ended session fits",
                "see: drydock egress log --list");
  }
  if (!hits.empty()) return *hits.front();
  const std::string place = real_path(wanted.empty() ? directory : wanted);
  for (const KeptLog& log : logs) {
    const std::string project = place.empty() ? std::string{} : summary_of(log).project;
    if (wanted.empty() ? is_inside(place, project) : !project.empty() && place == project) return log;
  }
  return std::nullopt;
}

KeptSummary summary_of(const KeptLog& log) {
  constexpr std::streamoff longest_line = 32768;
  std::ifstream file(log.path, std::ios::binary);
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - longest_line));
  std::string last;
  std::string line;
  while (std::getline(file, line)) last = line;
  const Json json = Json::parse(last, nullptr, false);
  KeptSummary summary;
  if (!json.is_object() || string_or(json, "event") != "kept") return summary;
  summary.project = string_or(json, "project");
  summary.runtime = string_or(json, "runtime");
  summary.lines = static_cast<std::uint64_t>(std::max<std::int64_t>(0, int_or(json, "lines", 0)));
  summary.counts = {int_or(json, "opened", 0), int_or(json, "refused", 0)};
  return summary;
}

void read_kept_log(const KeptLog& log, const std::function<bool(std::string_view line, bool whole)>& sink) {
  std::ifstream file(log.path, std::ios::binary);
  std::string line;
  while (std::getline(file, line)) {
    if (!sink(line, !file.eof())) return;
  }
  if (!file.eof()) cannot_read("file", log.path, Access::read_file, errno);
}

void prune_kept_logs(const KeptLimits& limits, std::int64_t now, const std::string& spared) {
  std::size_t files = 0;
  std::uint64_t octets = 0;
  for (const KeptLog& log : kept_logs()) {
    ++files;
    octets += log.size;
    const bool admitted = files <= limits.files && octets <= limits.octets && now - log.ended <= limits.age;
    if (!admitted && log.session != spared) ::unlink(log.path.c_str());
  }
  // Of a drydock that was killed while it wrote.
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(decisions_directory(), failed)) {
    struct stat status {};
    if (starts_with(entry.path().filename().string(), unfinished) &&
        ::lstat(entry.path().c_str(), &status) == 0 && now - status.st_mtim.tv_sec > unfinished_age) {
      ::unlink(entry.path().c_str());
    }
  }
}

}  // namespace drydock::core
