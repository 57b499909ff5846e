#include "cli/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/help.hpp"
#include "environment.hpp"

namespace drydock::cli {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

// Of groups, their members too.
std::vector<const Command*> all_commands() {
  std::vector<const Command*> all;
  for (const auto& command : commands()) {
    all.push_back(command.get());
    for (const auto& member : command->subcommands()) all.push_back(member.get());
  }
  return all;
}

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() { environment.set("DRYDOCK_RUNTIME", std::nullopt); }
  CommandLine parse(const Words& words) {
    partial = {};
    return parse_command_line(words, partial);
  }
  Error error(const Words& words) {
    try {
      const CommandLine line = parse(words);
      ADD_FAILURE() << "understood as " << line.command->name();
    } catch (const Error& thrown) {
      EXPECT_EQ(thrown.kind(), ErrorKind::usage) << thrown.what();
      return thrown;
    }
    return {ErrorKind::internal, ""};
  }
  test::Environment environment;
  GlobalOptions partial;
};

TEST_F(CommandLineTest, NothingIsRun) {
  const CommandLine line = parse({});
  EXPECT_EQ(line.command->name(), "run");
  EXPECT_THAT(line.operands, IsEmpty());
  EXPECT_FALSE(line.container_command);
  EXPECT_EQ(line.global.runtime, "auto");
}

TEST_F(CommandLineTest, CommandsGoByNameAndAlias) {
  for (const Command* command : all_commands()) {
    EXPECT_EQ(parse(split(command->name(), ' ')).command, command);
    for (const std::string& alias : command->aliases()) EXPECT_EQ(parse({alias}).command, command);
    EXPECT_FALSE(command->summary().empty()) << command->name();
    EXPECT_EQ(find_command(command->name()), command);
  }
}

TEST_F(CommandLineTest, AFailureOfDrydocksIsToldFromAnAnswer) {
  for (const char* name : {"run", "shell", "attach", "exec", "smoke"})
    EXPECT_EQ(find_command(name)->failure_status(), 125) << name;
  EXPECT_EQ(find_command("list")->failure_status(), 1);
}

TEST_F(CommandLineTest, OptionsOfRunNeedNoCommand) {
  const CommandLine line = parse({"--allow", "example.org", "--", "npm", "test"});
  EXPECT_EQ(line.command->name(), "run");
  EXPECT_THAT(line.values["allow"].as<Words>(), ElementsAre("example.org"));
  ASSERT_TRUE(line.container_command);
  EXPECT_THAT(*line.container_command, ElementsAre("npm", "test"));
}

TEST_F(CommandLineTest, AGroupsMembersGoByTwoWords) {
  for (const Words& words :
       {Words{"egress", "allow", "a.example", "--global"}, Words{"egress", "--global", "allow", "a.example"},
        Words{"--json", "egress", "--global", "allow", "a.example"},
        Words{"egress", "allow", "--global", "a.example"}}) {
    const CommandLine line = parse(words);
    EXPECT_EQ(line.command->name(), "egress allow") << testing::PrintToString(words);
    EXPECT_THAT(line.operands, ElementsAre("a.example"));
    EXPECT_TRUE(line.values["global"].as<bool>());
  }
  // A member's name may be an option's value, or an operand.
  const CommandLine value = parse({"egress", "--session", "list", "allow", "test"});
  EXPECT_EQ(value.command->name(), "egress allow");
  EXPECT_EQ(value.values["session"].as<std::string>(), "list");
  EXPECT_THAT(value.operands, ElementsAre("test"));
  EXPECT_EQ(parse({"egress", "--help"}).command->name(), "egress");
  EXPECT_EQ(parse({"egress", "allow", "--help"}).command->name(), "egress allow");
  EXPECT_EQ(error({"egress", "alow"}).hint(), "did you mean 'drydock egress allow'?");
  EXPECT_THAT(error({"egress", "frobnicate"}).hint(), HasSubstr("use one of: list, test, allow"));
  EXPECT_STREQ(error({"egress", "frobnicate"}).what(),
               "cannot run command 'egress frobnicate': egress has no such command");
  EXPECT_THAT(error({"egress list"}).what(), HasSubstr("drydock has no such command"));
  EXPECT_THAT(error({"egress", "test", "--jsno"}).hint(), HasSubstr("'--json'"));
}

TEST_F(CommandLineTest, WhatIsBehindTheDashesIsNotTouched) {
  const Words command{"sh", "--runtime", "x", "--json", "-v", "--", "-C", "--help", "", "a b"};
  Words words{"run", "--"};
  words.insert(words.end(), command.begin(), command.end());
  const CommandLine line = parse(words);
  EXPECT_EQ(line.container_command, command);
  EXPECT_EQ(line.global.runtime, "auto");
  EXPECT_FALSE(line.global.json);
  EXPECT_EQ(line.global.verbose, 0);
  EXPECT_FALSE(line.global.help);
}

TEST_F(CommandLineTest, DashesWithoutACommandAreSeen) {
  const CommandLine line = parse({"run", "--"});
  ASSERT_TRUE(line.container_command);
  EXPECT_THAT(*line.container_command, IsEmpty());
}

TEST_F(CommandLineTest, GlobalOptionsGoBeforeAndAfterTheCommand) {
  for (const Words& words : {Words{"--runtime", "docker", "--json", "-q", "-C", "/x", "list"},
                             Words{"list", "--runtime", "docker", "--json", "-q", "-C", "/x"},
                             Words{"--json", "list", "-C/x", "--runtime=docker", "-q"},
                             Words{"-C", "/x", "list", "--quiet", "--json", "--runtime", "docker"}}) {
    const CommandLine line = parse(words);
    EXPECT_EQ(line.command->name(), "list") << testing::PrintToString(words);
    EXPECT_EQ(line.global.runtime, "docker") << testing::PrintToString(words);
    EXPECT_EQ(line.global.directory, "/x") << testing::PrintToString(words);
    EXPECT_TRUE(line.global.json) << testing::PrintToString(words);
    EXPECT_TRUE(line.global.quiet) << testing::PrintToString(words);
  }
}

TEST_F(CommandLineTest, OptionsGoBeforeAndAfterOperands) {
  for (const Words& words : {Words{"run", "--name", "x", "dir"}, Words{"run", "dir", "--name", "x"},
                             Words{"run", "dir", "--name=x"}}) {
    const CommandLine line = parse(words);
    EXPECT_THAT(line.operands, ElementsAre("dir"));
    EXPECT_EQ(line.values["name"].as<std::string>(), "x");
  }
}

TEST_F(CommandLineTest, ACommandsNameMayBeAnOptionsValue) {
  const CommandLine line = parse({"--name", "list", "run", "stop"});
  EXPECT_EQ(line.command->name(), "run");
  EXPECT_EQ(line.values["name"].as<std::string>(), "list");
  EXPECT_THAT(line.operands, ElementsAre("stop"));
}

TEST_F(CommandLineTest, ShortOptionsStickTogether) {
  const CommandLine line = parse({"run", "-dieA=1", "-w/srv", "-e", "B=2"});
  EXPECT_TRUE(line.values["detach"].as<bool>());
  EXPECT_TRUE(line.values["interactive"].as<bool>());
  EXPECT_THAT(line.values["env"].as<Words>(), ElementsAre("A=1", "B=2"));
  EXPECT_EQ(line.values["workdir"].as<std::string>(), "/srv");
}

TEST_F(CommandLineTest, VerbosityIsCounted) {
  const std::vector<std::pair<Words, int>> cases{
      {{"list"}, 0},         {{"list", "-v"}, 1},        {{"-v", "list", "--verbose"}, 2},
      {{"-vvv", "list"}, 3}, {{"-vv", "list", "-v"}, 3}, {{"run", "-dv"}, 1},
      {{"run", "-vdv"}, 2},  {{"run", "-tvi"}, 1}};
  for (const auto& [words, count] : cases)
    EXPECT_EQ(parse(words).global.verbose, count) << testing::PrintToString(words);
}

TEST_F(CommandLineTest, AValueThatLooksLikeVerbosityIsAValue) {
  const CommandLine line = parse({"run", "-eA=v", "--name=-v", "-wvv"});
  EXPECT_EQ(line.global.verbose, 0);
  EXPECT_THAT(line.values["env"].as<Words>(), ElementsAre("A=v"));
  EXPECT_EQ(line.values["name"].as<std::string>(), "-v");
  EXPECT_EQ(line.values["workdir"].as<std::string>(), "vv");
}

TEST_F(CommandLineTest, NoNameIsGuessed) {
  EXPECT_THAT(error({"run", "--detac"}).hint(), HasSubstr("'--detach'"));
  EXPECT_THAT(error({"run", "--inter"}).what(),
              HasSubstr("cannot use option '--inter': run has no such option"));
  EXPECT_THAT(error({"li"}).what(), HasSubstr("cannot run command 'li'"));
}

TEST_F(CommandLineTest, UnknownOptionsBringTheNearest) {
  const std::vector<std::pair<Words, const char*>> cases{
      {{"run", "--alow", "x"}, "did you mean '--allow'?"},
      {{"run", "--memroy=1g"}, "did you mean '--memory'?"},
      {{"list", "--filer", "x"}, "did you mean '--filter'?"},
      {{"gc", "--dryrun"}, "did you mean '--dry-run'?"},
      {{"list", "--jsno"}, "did you mean '--json'?"},
      {{"list", "--quite-unknown"}, "see: drydock help list"},
      {{"stop", "-X"}, "see: drydock help stop"}};
  for (const auto& [words, hint] : cases)
    EXPECT_EQ(error(words).hint(), hint) << testing::PrintToString(words);
}

TEST_F(CommandLineTest, UnknownCommandsBringTheNearest) {
  EXPECT_EQ(error({"lsit"}).hint(), "did you mean 'drydock list'?");
  EXPECT_EQ(error({"--runtime", "podman", "sotp"}).hint(), "did you mean 'drydock stop'?");
  EXPECT_EQ(error({"frobnicate"}).hint(), "see: drydock help");
  EXPECT_THAT(error({"\x1b[31mred"}).what(), HasSubstr("'?[31mred'"));
}

TEST_F(CommandLineTest, OptionsThatAreUsedWronglyAreTold) {
  for (const Words& words : {Words{"run", "--name"}, Words{"run", "--detach=yes"}, Words{"run", "--detach="},
                             Words{"run", "--name", "a", "--name", "b"}, Words{"list", "--json", "--json"}}) {
    EXPECT_THAT(error(words).what(), HasSubstr("cannot use the options of '"))
        << testing::PrintToString(words);
  }
}

TEST_F(CommandLineTest, TooManyOperandsAreTold) {
  EXPECT_THAT(error({"run", "dir", "npm", "test"}).hint(), HasSubstr("put the command behind --"));
  EXPECT_STREQ(error({"gc", "x"}).what(), "cannot use argument 'x': gc takes none");
  EXPECT_STREQ(error({"list", "--", "x"}).what(), "cannot use '--': list takes no command");
  EXPECT_EQ(parse({"stop", "a", "b", "c"}).operands.size(), 3U);
}

TEST_F(CommandLineTest, HelpNeedsNothingElseToBeRight) {
  EXPECT_TRUE(parse({"-h"}).global.help);
  EXPECT_TRUE(parse({"gc", "x", "--help"}).global.help);
  EXPECT_EQ(parse({"stop", "--help"}).command->name(), "stop");
  EXPECT_EQ(parse({"--version"}).command->name(), "version");
}

TEST_F(CommandLineTest, ErrorsAreReportedAsJsonWhenThatWasAskedFor) {
  error({"run", "--nonsense", "--json"});
  EXPECT_TRUE(partial.json);
  error({"--json", "frobnicate"});
  EXPECT_TRUE(partial.json);
  error({"frobnicate", "--", "--json"});
  EXPECT_FALSE(partial.json);
  error({"run", "dir", "npm", "--quiet"});
  EXPECT_TRUE(partial.quiet);
}

TEST_F(CommandLineTest, TheEnvironmentChoosesTheRuntimeUnlessAnOptionDoes) {
  environment.set("DRYDOCK_RUNTIME", "docker");
  EXPECT_EQ(parse({"list"}).global.runtime, "docker");
  EXPECT_EQ(parse({"list", "--runtime", "podman"}).global.runtime, "podman");
  environment.set("DRYDOCK_RUNTIME", "");
  EXPECT_EQ(parse({"list"}).global.runtime, "auto");
}

TEST_F(CommandLineTest, TheExamplesOfHelpAreRight) {
  for (const Command* command : all_commands()) {
    const std::string text = command_help(*command);
    EXPECT_THAT(command->examples(), testing::Not(IsEmpty())) << command->name();
    for (const Example& example : command->examples()) {
      EXPECT_THAT(text, HasSubstr("\n  " + example.command)) << command->name();
      Words words = split(example.command, ' ');
      ASSERT_EQ(words.front(), "drydock");
      words.erase(words.begin());
      const Command* understood = parse(words).command;
      EXPECT_TRUE(understood == command || starts_with(understood->name(), command->name() + " "))
          << example.command;
    }
  }
}

TEST_F(CommandLineTest, AWrongOptionOfEachCommandIsTold) {
  for (const Command* command : all_commands()) {
    Words wrong = split(command->name(), ' ');
    wrong.emplace_back("--no-such-option");
    const Error told = error(wrong);
    EXPECT_THAT(told.what(), HasSubstr("cannot use option '--no-such-option': " + command->name()));
    EXPECT_FALSE(told.hint().empty()) << command->name();
    Words many = split(command->name(), ' ');
    if (command->max_operands() > 1000 || !command->subcommands().empty()) continue;
    many.resize(many.size() + command->max_operands() + 1, "operand");
    EXPECT_THAT(error(many).what(), HasSubstr("cannot use argument 'operand'")) << command->name();
  }
}

TEST(Help, NamesEveryCommandAndOption) {
  const std::string general = general_help();
  for (const Command* command : all_commands()) {
    const auto space = command->name().find(' ');
    const std::string listed =
        space == std::string::npos ? general : command_help(*find_command(command->name().substr(0, space)));
    EXPECT_THAT(listed, ContainsRegex("\n  " + command->name().substr(space + 1) + "[ ,]"));
    EXPECT_THAT(listed, HasSubstr(command->summary()));
    const std::string text = command_help(*command);
    EXPECT_THAT(text, HasSubstr("Usage: drydock " + command->name()));
    po::options_description options;
    command->declare(options);
    for (const auto& option : options.options()) {
      EXPECT_THAT(text, HasSubstr("--" + option->long_name())) << command->name();
      EXPECT_FALSE(option->description().empty()) << option->long_name();
    }
  }
  const po::options_description global = global_options();
  for (const auto& option : global.options()) {
    EXPECT_THAT(general, HasSubstr("--" + option->long_name()));
  }
}

TEST(Help, FitsATerminal) {
  for (const Command* command : all_commands()) {
    std::istringstream lines(command_help(*command));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120U) << line;
  }
}

}  // namespace
}  // namespace drydock::cli
