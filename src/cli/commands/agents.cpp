#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/engines.hpp"
#include "cli/table.hpp"
#include "core/agent_image.hpp"
#include "core/agent_overlay.hpp"
#include "core/agents.hpp"

namespace drydock::cli {
namespace {

enum class ImageState { built, missing, not_needed, unknown };

struct Row {
  explicit Row(core::AgentProfile profile) : agent(std::move(profile)) {}

  core::AgentProfile agent;
  ImageState state = ImageState::unknown;
  std::string reference;
  std::string packages;  // of the image: "name version" lines
};

const char* to_text(ImageState state) {
  switch (state) {
    case ImageState::built:
      return "built";
    case ImageState::missing:
      return "missing";
    case ImageState::not_needed:
      return "not needed";
    case ImageState::unknown:
      break;
  }
  return "unknown";
}

struct Overlay {
  std::string directory;
  std::string files;  // how many
  std::size_t count = 0;
};

std::optional<Overlay> overlay_of(const core::AgentProfile& agent) {
  const auto files =
      agent.state.empty() ? std::nullopt : core::overlay_files(core::session_state(agent, {}, {}));
  if (!files) return std::nullopt;
  const std::size_t count = files->size();
  return Overlay{core::overlay_directory(agent.name),
                 std::to_string(count) + (count == 1 ? " file" : " files"), count};
}

class AgentsCommand : public Command {
 public:
  std::string name() const override { return "agents"; }
  std::string summary() const override { return "list the agents, what each reaches, and its image"; }
  std::string synopsis() const override { return "[NAME...]"; }
  std::vector<Example> examples() const override {
    return {{"drydock agents", "which there are"}, {"drydock --json agents claude", "all about one of them"}};
  }
  std::string description() const override {
    return "An agent is a profile: a file of JSON, drydock's own or one of yours in agents/ of the "
           "configuration "
           "folder.\nIts baseline is what it always reaches. IMAGE says whether the engine has its image, "
           "which "
           "build makes.";
  }
  std::string operand() const override { return {}; }
  std::size_t max_operands() const override { return 100; }

  int run(const Invocation& invocation) const override {
    std::vector<Row> rows;
    if (invocation.operands.empty()) {
      for (core::AgentProfile& agent : core::agent_profiles()) rows.emplace_back(std::move(agent));
    }
    for (const std::string& name : invocation.operands) rows.emplace_back(core::find_agent(name));
    look_at_images(invocation, rows);
    if (invocation.global.json) {
      print_json(invocation, rows);
    } else {
      print(invocation, rows);
    }
    return 0;
  }

 private:
  // Without an engine the list is of use all the same.
  static void look_at_images(const Invocation& invocation, std::vector<Row>& rows) {
    std::optional<core::Selection> selection;
    try {
      selection.emplace(core::select_engine(make_providers(), invocation.global.runtime,
                                            invocation.global.engine, &invocation.stop));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::usage) throw;
      invocation.console.say("whether images are there is not known: " + std::string(error.what()));
    }
    const std::vector<std::string> packages = configured_packages(invocation);
    for (Row& row : rows) {
      row.reference = core::agent_image_reference(row.agent.name, packages);
      const bool needed = row.agent.needs_image() || !packages.empty();
      if (!needed) row.state = ImageState::not_needed;
      if (!needed || !selection) continue;
      const auto image = core::find_agent_image(*selection->engine, row.agent.name, packages);
      row.state = image ? ImageState::built : ImageState::missing;
      if (!image) continue;
      const auto label = image->labels.find(core::image_packages_label);
      if (label != image->labels.end()) row.packages = label->second;
    }
  }

  static void print(const Invocation& invocation, const std::vector<Row>& rows) {
    std::vector<std::vector<std::string>> cells{{"AGENT", "WHAT", "IMAGE", "BASELINE", "FROM"}};
    for (const Row& row : rows) {
      std::vector<std::string> hosts;
      for (const core::BaselineHost& host : row.agent.baseline) hosts.push_back(host.host);
      // The agent's own package is the last.
      const std::string last = row.packages.substr(row.packages.find_last_of('\n') + 1);
      const std::string version = last.substr(std::min(last.size(), last.find(' ')));
      cells.push_back({row.agent.name, one_line(row.agent.summary, 60),
                       to_text(row.state) + one_line(version, 40), hosts.empty() ? "-" : join(hosts, " "),
                       row.agent.shipped ? "drydock" : one_line(row.agent.origin, 300)});
    }
    invocation.console.print(table(cells));
    for (const Row& row : rows) {
      const auto overlay = overlay_of(row.agent);
      if (overlay)
        invocation.console.say("sessions of " + row.agent.name + " begin with " + overlay->files + " of " +
                               overlay->directory);
    }
  }

  static void print_json(const Invocation& invocation, const std::vector<Row>& rows) {
    Json array = Json::array();
    for (const Row& row : rows) {
      const core::AgentProfile& agent = row.agent;
      Json baseline = Json::array();
      for (const core::BaselineHost& host : agent.baseline)
        baseline.push_back({{"host", host.host}, {"reason", host.reason}});
      Json secrets = Json::array();
      for (const core::AgentSecret& secret : agent.secrets) secrets.push_back(secret.name);
      Json npm = Json::array();
      for (const core::NpmPackage& package : agent.npm)
        npm.push_back(
            {{"package", package.package}, {"version", package.version}, {"variant", package.variant}});
      Json packages = Json::array();
      for (const std::string& line : split(row.packages, '\n')) {
        if (!line.empty()) packages.push_back(line);
      }
      const auto overlay = overlay_of(agent);
      array.push_back(
          {{"name", agent.name},
           {"summary", agent.summary},
           {"shipped", agent.shipped},
           {"file", agent.origin},
           {"command", agent.command},
           {"login", agent.login_hint},
           {"baseline", baseline},
           {"secrets", secrets},
           {"npm", npm},
           {"overlay",
            overlay ? Json{{"directory", overlay->directory}, {"files", overlay->count}} : Json(nullptr)},
           {"image",
            {{"reference", row.state == ImageState::not_needed ? Json(nullptr) : Json(row.reference)},
             {"state", to_text(row.state)},
             {"packages", packages}}}});
    }
    const Json json = {{"schema", 1}, {"agents", array}};
    invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
};

}  // namespace

std::unique_ptr<Command> make_agents_command() { return std::make_unique<AgentsCommand>(); }

}  // namespace drydock::cli
