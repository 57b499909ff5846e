#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <typeinfo>

#include "base/error.hpp"
#include "base/text.hpp"

namespace drydock::cli {

// A switch that counts how often it is given; a bool_switch may be given once.
struct Repetitions {
  int count = 0;
};

// Found by Boost.Program_options over the type of its third parameter.
void validate(boost::any& value, const std::vector<std::string>&, Repetitions*, int) {
  Repetitions repetitions = value.empty() ? Repetitions{} : boost::any_cast<Repetitions>(value);
  ++repetitions.count;
  value = repetitions;
}

namespace {

constexpr const char* operand_option = "operand";

int parser_style() {
  namespace style = po::command_line_style;
  // Without allow_guessing: --net must never come to mean --network.
  return style::allow_long | style::long_allow_adjacent | style::long_allow_next | style::allow_short |
         style::allow_dash_for_short | style::short_allow_adjacent | style::short_allow_next |
         style::allow_sticky;
}

std::string long_name(const po::option_description& option) { return option.long_name(); }

// Whether `argument` is an option that takes the next argument as its value.
bool takes_next(const std::string& argument, const po::options_description& options) {
  if (argument.find('=') != std::string::npos) return false;
  for (const auto& option : options.options()) {
    const bool has_value = option->semantic()->max_tokens() > 0;
    if (argument == "--" + long_name(*option)) return has_value;
    const std::string short_name =
        option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    // -C DIR, but not -CDIR; of stuck-together flags only the last can take a value.
    if (starts_with(argument, "-") && !starts_with(argument, "--") && short_name.size() == 2 && has_value &&
        argument.back() == short_name.back()) {
      return true;
    }
  }
  return false;
}

// The position of the first word from `from` on that is no option and no option's value, or the size when
// there is none.
std::size_t find_word(const std::vector<std::string>& arguments, std::size_t from,
                      const po::options_description& known) {
  for (std::size_t i = from; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() > 1 && argument.front() == '-') {
      if (takes_next(argument, known)) ++i;
      continue;
    }
    return i;
  }
  return arguments.size();
}

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) {
    if (long_name(*option) != operand_option) names.push_back("--" + long_name(*option));
  }
  return names;
}

[[noreturn]] void usage_error(const Command& command, const po::error& error,
                              const po::options_description& options) {
  const std::string help = "see: drydock help " + command.name();
  if (const auto* unknown = dynamic_cast<const po::unknown_option*>(&error)) {
    const std::string given = unknown->get_option_name();
    const std::string name = given.substr(0, given.find('='));
    const std::string near = nearest(name, option_names(options));
    throw Error(ErrorKind::usage,
                "cannot use option '" + printable(name, 80) + "': " + command.name() + " has no such option",
                near.empty() ? help : "did you mean '" + near + "'?");
  }
  std::string reason =
      to_lower_ascii(std::string_view(error.what()).substr(0, 1)) +
      std::string(error.what()).substr(std::min<std::size_t>(1, std::string(error.what()).size()));
  throw Error(ErrorKind::usage,
              "cannot use the options of '" + command.name() + "': " + printable(reason, 200), help);
}

// Boost takes no empty value in "--name=", but does in "--name" "".
std::vector<std::string> with_empty_values_apart(const std::vector<std::string>& arguments,
                                                 const po::options_description& options) {
  std::vector<std::string> result;
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.size() - 1);
    if (starts_with(argument, "--") && argument.find('=') == name.size() && takes_next(name, options)) {
      result.push_back(name);
      result.emplace_back();
    } else {
      result.push_back(argument);
    }
  }
  return result;
}

// Of a group, the command that the next word names; the group itself when there is none.
const Command& choose_member(const Command& group, std::vector<std::string>& arguments, std::size_t from) {
  po::options_description known = global_options();
  std::vector<std::string> words;
  for (const auto& member : group.subcommands()) {
    po::options_description options;
    member->declare(options);
    for (const auto& option : options.options()) {
      if (known.find_nothrow(option->long_name(), false) == nullptr) known.add(option);
    }
    words.push_back(member->name().substr(group.name().size() + 1));
  }
  const std::size_t at = find_word(arguments, from, known);
  if (at == arguments.size()) return group;
  const std::string word = arguments[at];
  if (const Command* member = find_command(group.name() + " " + word)) {
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
    return *member;
  }
  const std::string near = nearest(word, words);
  throw Error(ErrorKind::usage,
              "cannot run command '" + group.name() + " " + printable(word, 80) + "': " + group.name() +
                  " has no such command",
              near.empty() ? "use one of: " + join(words, ", ")
                           : "did you mean 'drydock " + group.name() + " " + near + "'?");
}

const Command& choose_command(std::vector<std::string>& arguments) {
  po::options_description known = global_options();
  find_command("run")->declare(known);
  const std::size_t at = find_word(arguments, 0, known);
  if (at == arguments.size()) return *find_command("run");
  const std::string word = arguments[at];
  // A group's member goes by two words.
  if (const Command* command = word.find(' ') == std::string::npos ? find_command(word) : nullptr) {
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
    return command->subcommands().empty() ? *command : choose_member(*command, arguments, at);
  }
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    names.push_back(command->name());
    for (const std::string& alias : command->aliases()) names.push_back(alias);
  }
  const std::string near = nearest(word, names);
  throw Error(ErrorKind::usage,
              "cannot run command '" + printable(word, 80) + "': drydock has no such command",
              near.empty() ? "see: drydock help" : "did you mean 'drydock " + near + "'?");
}

// A script's unset variable makes a value empty: nothing else, such as a default, is to take its place.
void refuse_empty(const CommandLine& line) {
  for (const auto& [name, value] : line.values) {
    const bool has_meaning = name == "detach-keys";
    if (has_meaning || value.defaulted() || value.value().type() != typeid(std::string)) continue;
    if (value.as<std::string>().empty())
      throw Error(ErrorKind::usage, "cannot use option '--" + name + "': its value is empty",
                  "give it one, or leave it out");
  }
  for (const std::string& operand : line.operands) {
    if (operand.empty())
      throw Error(ErrorKind::usage, "cannot use argument '': it is empty", "write it, or leave it out");
  }
}

void fill_global(GlobalOptions& global, const po::variables_map& values) {
  const auto text = [&](const char* name, std::string& target) {
    if (values.count(name) != 0) target = values[name].as<std::string>();
  };
  if (const char* runtime = std::getenv("DRYDOCK_RUNTIME"); runtime != nullptr && *runtime != '\0') {
    global.runtime = runtime;
    global.runtime_origin = "DRYDOCK_RUNTIME";
  }
  text("runtime", global.runtime);
  if (values.count("runtime") != 0) global.runtime_origin = "--runtime";
  text("config", global.config);
  text("engine", global.engine);
  text("log-level", global.log_level);
  text("log-file", global.log_file);
  text("directory", global.directory);
  if (values.count("verbose") != 0) global.verbose = values["verbose"].as<Repetitions>().count;
  global.json = values["json"].as<bool>();
  global.quiet = values["quiet"].as<bool>();
  global.help = values["help"].as<bool>();
  global.version = values["version"].as<bool>();
}

}  // namespace

po::options_description global_options() {
  po::options_description options("Global options");
  auto add = options.add_options();
  add("runtime", po::value<std::string>()->value_name("NAME"),
      "engine: auto, podman or docker (env DRYDOCK_RUNTIME)");
  add("engine", po::value<std::string>()->value_name("URL"), "the engine's socket: unix:///path");
  add("config", po::value<std::string>()->value_name("FILE"),
      "read FILE in place of your own and the project's configuration");
  add("directory,C", po::value<std::string>()->value_name("DIR"), "change to DIR first");
  add("json", po::bool_switch(), "print data and errors as JSON");
  add("log-level", po::value<std::string>()->value_name("LEVEL"), "error, warn, info, debug or trace");
  add("log-file", po::value<std::string>()->value_name("FILE"), "write the log to FILE as well");
  add("quiet,q", po::bool_switch(), "no talk on stderr but warnings and errors");
  add("verbose,v", po::value<Repetitions>()->zero_tokens()->composing(), "more talk; repeat for more");
  add("help,h", po::bool_switch(), "show help");
  add("version", po::bool_switch(), "show the version");
  return options;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments, GlobalOptions& partial) {
  CommandLine line;
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  std::vector<std::string> own(arguments.begin(), separator);
  if (separator != arguments.end()) line.container_command.emplace(std::next(separator), arguments.end());
  partial.json = std::find(own.begin(), own.end(), "--json") != own.end();

  const bool asks_version = own == std::vector<std::string>{"--version"};
  line.command = asks_version ? find_command("version") : &choose_command(own);

  po::options_description options = global_options();
  line.command->declare(options);
  options.add_options()(operand_option, po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add(operand_option, -1);
  try {
    po::store(po::command_line_parser(with_empty_values_apart(own, options))
                  .options(options)
                  .positional(positions)
                  .style(parser_style())
                  .run(),
              line.values);
    po::notify(line.values);
  } catch (const po::error& error) {
    usage_error(*line.command, error, options);
  }
  fill_global(line.global, line.values);
  partial = line.global;
  if (line.values.count(operand_option) != 0) {
    line.operands = line.values[operand_option].as<std::vector<std::string>>();
  }
  if (line.global.help || line.global.version) return line;
  refuse_empty(line);
  if (line.operands.size() > line.command->max_operands()) {
    throw Error(ErrorKind::usage,
                "cannot use argument '" + printable(line.operands[line.command->max_operands()], 80) +
                    "': " + line.command->name() + " takes " +
                    (line.command->max_operands() == 0 ? "none" : "no more"),
                line.command->takes_command()
                    ? "put the command behind --, as in: drydock " + line.command->name() + " -- CMD"
                    : "see: drydock help " + line.command->name());
  }
  if (line.container_command && !line.command->takes_command()) {
    throw Error(ErrorKind::usage, "cannot use '--': " + line.command->name() + " takes no command",
                "see: drydock help " + line.command->name());
  }
  return line;
}

}  // namespace drydock::cli
