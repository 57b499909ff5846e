// What a completion script must know of a command: the table of commands as plain words.
#pragma once

#include <string>
#include <vector>

namespace drydock::cli {

struct OptionWords {
  std::string name;    // without the dashes
  std::string letter;  // of its short form; may be empty
  std::string value;   // what it is called in the help; empty: it takes none
  std::string help;

  bool is_folder() const { return value == "DIR"; }
  bool is_file() const { return value == "FILE" || value == "PATH" || value == "SRC:DST"; }
  // The words that the value is one of; empty when it may be anything.
  std::string choices() const;
};

struct CommandWords {
  std::string name;     // "list", or "egress list" for one of a group
  std::string summary;  // one line
  std::string operand;  // "folder", "session", or the words themselves
  std::vector<OptionWords> options;

  // Of the two words of a group's member; empty and the name for any other.
  std::string group() const;
  std::string last_word() const;
};

// All, a group's members after their group.
std::vector<CommandWords> all_commands();
std::vector<OptionWords> global_words();

// The names of those that stand alone or are groups.
std::vector<std::string> top_level(const std::vector<CommandWords>& commands);

// For a shell, in single quotes.
std::string single_quoted(const std::string& text);
std::string replace_all(std::string text, const std::string& what, const std::string& with);

// A shell command that prints the ids of the sessions, a line each.
inline constexpr const char* session_words = "drydock list --all 2> /dev/null | awk 'NR > 1 { print $1 }'";

}  // namespace drydock::cli
