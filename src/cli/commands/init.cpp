#include <fcntl.h>

#include <cerrno>

#include "base/directories.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "cli/command.hpp"
#include "cli/configuration.hpp"

namespace drydock::cli {
namespace {

// Every key as a comment, with its description.
std::string sample() {
  std::string text =
      "# drydock's configuration: key = value, the long names of options of drydock run.\n"
      "# What begins with '#' is a comment. The command line comes before the environment, that before\n"
      "# a project's file (" +
      project_configuration_path("PROJECT") +
      "),\n# that before this one, and this one before /etc/drydock/config. See drydock-config(5).\n";
  const po::options_description options = configurable_options();
  for (const auto& option : options.options()) {
    const bool takes_value = option->semantic()->max_tokens() > 0;
    text += "\n# " + option->description() + "\n#" + option->long_name() + " = " +
            (takes_value ? option->semantic()->name() : "true") + "\n";
  }
  return text;
}

class InitCommand : public Command {
 public:
  std::string name() const override { return "init"; }
  std::string summary() const override { return "write a configuration file to begin with"; }
  std::string synopsis() const override { return ""; }
  std::vector<Example> examples() const override {
    return {{"drydock init", "a file in which every setting is a comment"}};
  }
  std::string description() const override {
    return "Every key is in it, with what it does, as a comment: it changes nothing until you edit it. A "
           "file that is\n"
           "there is left as it is, and nothing is ever written into a project.";
  }
  bool is_configured() const override { return false; }

  int run(const Invocation& invocation) const override {
    const std::string path = user_configuration_path();
    const std::string text = sample();
    make_directories(config_directory(), 0700);
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file && errno == EEXIST) {
      throw Error(ErrorKind::conflict,
                  "cannot write file '" + printable(path, 300) + "': it is there already",
                  "edit it, or move it out of the way first");
    }
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      const int cause = errno;
      if (file) ::unlink(path.c_str());
      throw Error(ErrorKind::permission,
                  with_errno("cannot write file '" + printable(path, 300) + "'", cause),
                  "make your configuration folder writable for you");
    }
    invocation.console.print(invocation.global.json ? Json{{"file", path}}.dump() + "\n" : path + "\n");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_init_command() { return std::make_unique<InitCommand>(); }

}  // namespace drydock::cli
