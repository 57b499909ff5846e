// `link`, `unlink` and `links`: what a project's sessions see beside it.
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/egress_options.hpp"
#include "cli/table.hpp"
#include "core/links.hpp"

namespace drydock::cli {
namespace {

const std::string& path_operand(const Invocation& invocation, const char* verb) {
  if (invocation.operands.empty()) {
    throw Error(ErrorKind::usage, std::string("cannot ") + verb + " a folder: none is named",
                std::string("name one, as in: drydock ") + verb + " ../library");
  }
  return invocation.operands.front();
}

std::string mode_of(const core::Link& link) { return link.read_only ? "ro" : "rw"; }

void print_json(const Invocation& invocation, const Json& json) {
  invocation.console.print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_change(const Invocation& invocation, const core::Project& project, const core::LinkChange& change,
                  bool linked) {
  if (invocation.global.json) {
    print_json(invocation, {{"schema", 1},
                            {"project", project.path},
                            {"path", change.link.path},
                            {"mode", mode_of(change.link)},
                            {"linked", linked},
                            {"changed", change.changed}});
    return;
  }
  const std::string shown = "'" + printable(change.link.path, 300) + "'";
  if (!linked) {
    invocation.console.say(shown + " is no longer linked");
    return;
  }
  invocation.console.say(shown + (change.changed ? " is linked " : " was linked already ") +
                         (change.link.read_only ? "read-only" : "read-write") + " to '" +
                         printable(project.path, 300) + "', for sessions from now on");
}

class LinkCommand : public Command {
 public:
  std::string name() const override { return "link"; }
  std::string summary() const override { return "let a project's sessions see a folder beside it"; }
  std::string synopsis() const override { return "[--rw] [--project DIR] PATH"; }
  std::vector<Example> examples() const override {
    return {{"drydock link ../library", "sessions here may read it"},
            {"drydock link --rw ../sibling", "and change this one"}};
  }
  std::string description() const override {
    return "PATH is a folder or a file. Each session of the project has it at its own path, read-only unless "
           "--rw "
           "is\ngiven. What --mount refuses is refused here too, and again at every run. The list is in "
           "your\n"
           "configuration folder, not in the project.";
  }
  void declare(po::options_description& options) const override {
    options.add_options()("rw", po::bool_switch(), "sessions may change it");
    declare_project(options);
  }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  int run(const Invocation& invocation) const override {
    const std::string& path = path_operand(invocation, "link");
    const core::Project project = read_project(invocation);
    print_change(invocation, project, core::add_link(project, path, !invocation.flag("rw")), true);
    return 0;
  }
};

class UnlinkCommand : public Command {
 public:
  std::string name() const override { return "unlink"; }
  std::string summary() const override { return "take a link back"; }
  std::string synopsis() const override { return "[--project DIR] PATH"; }
  std::vector<Example> examples() const override {
    return {{"drydock unlink ../library", "sessions here no longer see it"}};
  }
  std::string description() const override {
    return "Nothing of PATH itself is changed, nor what a live session sees.";
  }
  void declare(po::options_description& options) const override { declare_project(options); }
  std::string operand() const override { return "folder"; }
  std::size_t max_operands() const override { return 1; }
  int run(const Invocation& invocation) const override {
    const std::string& path = path_operand(invocation, "unlink");
    const core::Project project = read_project(invocation);
    print_change(invocation, project, core::remove_link(project, path), false);
    return 0;
  }
};

class LinksCommand : public Command {
 public:
  std::string name() const override { return "links"; }
  std::string summary() const override { return "list what a project's sessions see beside it"; }
  std::string synopsis() const override { return "[--project DIR]"; }
  std::vector<Example> examples() const override { return {{"drydock links", "those of the project here"}}; }
  std::string description() const override {
    return "One line for each: ro or rw, its path, and why a session could not have it, if so.";
  }
  void declare(po::options_description& options) const override { declare_project(options); }
  int run(const Invocation& invocation) const override {
    const core::Project project = read_project(invocation);
    Json entries = Json::array();
    std::vector<std::vector<std::string>> rows;
    for (const core::Link& link : core::read_links(project)) {
      const std::string fault = core::link_fault(project, link);
      rows.push_back(
          {mode_of(link), printable(link.path, 4096) + (fault.empty() ? "" : "  " + printable(fault, 500))});
      entries.push_back({{"path", link.path}, {"mode", mode_of(link)}});
      entries.back()["fault"] = fault.empty() ? Json(nullptr) : Json(fault);
    }
    if (invocation.global.json) {
      print_json(invocation, {{"schema", 1}, {"project", project.path}, {"links", entries}});
    } else if (rows.empty()) {
      invocation.console.say("nothing is linked to '" + printable(project.path, 300) + "'");
    } else {
      invocation.console.print(table(rows));
    }
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_link_command() { return std::make_unique<LinkCommand>(); }
std::unique_ptr<Command> make_unlink_command() { return std::make_unique<UnlinkCommand>(); }
std::unique_ptr<Command> make_links_command() { return std::make_unique<LinksCommand>(); }

}  // namespace drydock::cli
