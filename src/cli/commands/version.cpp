#include "base/version.hpp"

#include "base/json.hpp"
#include "cli/command.hpp"

namespace drydock::cli {
namespace {

class VersionCommand : public Command {
 public:
  std::string name() const override { return "version"; }
  std::string summary() const override { return "show the version"; }
  std::string synopsis() const override { return {}; }
  std::vector<Example> examples() const override { return {{"drydock version --json", "for a script"}}; }
  bool is_configured() const override { return false; }
  int run(const Invocation& invocation) const override {
    invocation.console.print(invocation.global.json ? Json{{"version", version}}.dump() + "\n"
                                                    : std::string("drydock ") + version + "\n");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_version_command() { return std::make_unique<VersionCommand>(); }

}  // namespace drydock::cli
