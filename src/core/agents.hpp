// Agent profiles: what drydock must know of an agent to install it, to run it and to keep its state. They are
// data: drydock(5), drydock-agent(5) and docs/schema/agent.json say what a file holds.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::core {

struct BaselineHost {
  std::string host;  // as an allowlist has it, no group
  std::string reason;
};

// One package of the npm registry. Its files are unpacked as they are; nothing of it is executed meanwhile.
struct NpmPackage {
  std::string package;
  std::string version = "latest";               // or an exact one
  std::string variant;                          // put behind the version that was found
  std::vector<std::string> paths;               // files and folders in it that are wanted; empty: all
  std::map<std::string, std::string> commands;  // a command's name, and the file in the package
};

// A file of the image that is root's, which the agent reads and cannot change (INV-3).
struct AgentFile {
  std::string path;
  std::string text;
  bool executable = false;
};

// A part of the agent's home that is its own state (INV-2).
struct StatePath {
  std::string path;  // below the home folder
  bool folder = true;
};

struct AgentSecret {
  std::string name;
  bool environment = false;  // the agent takes it from its environment only
  std::string prefix = {};   // what its values begin with, where that tells it from the others
  std::string obtain = {};   // how one comes by it
  std::string revoke = {};   // the page where its provider takes it back
  std::string host = {};     // where the agent sends it, as an allowlist has it
};

// A file of its state by which the agent's model is at another host: JSON, or TOML when its name ends so. A
// place in it is the keys that lead there.
struct ModelSetting {
  std::string file;                               // below the home folder
  std::vector<std::string> chosen = {};           // the name of the provider that is used
  std::vector<std::string> url = {};              // a provider's address; "*" is its name
  std::map<std::string, std::string> hosts = {};  // where providers are that have no address there
  std::vector<std::string> environment = {};      // variables that the agent sets itself over its own
};

// A variable by which the agent's model is at another vendor's host. On when it says 1, true, yes or on.
struct ModelSwitch {
  std::string variable;
  std::string address = {};             // the variable that has the address, where one does
  std::vector<std::string> place = {};  // the first of these that is set says where
  std::string default_place = {};
  std::string host = {};                          // "{place}" in it stands for that
  std::map<std::string, std::string> hosts = {};  // of places that have another
};

struct AgentProfile {
  std::string name;
  std::string summary;
  std::string origin;  // the file it is from
  bool shipped = false;
  std::vector<std::string> command;
  std::string login_hint;
  // What the agent's own vendor API needs. Users add to it, nothing takes away.
  std::vector<BaselineHost> baseline;
  // Variables that name another address for its model.
  std::vector<std::string> endpoints;
  std::vector<ModelSwitch> switches;
  std::vector<ModelSetting> models;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string>
      telemetry_off;              // set as well, unless it is to be seen what is asked without
  std::vector<std::string> pass;  // the user's variables that are passed on
  std::vector<AgentSecret> secrets;
  std::vector<NpmPackage> npm;
  std::vector<std::string> packages;  // of the distribution, on top of the base's
  std::vector<std::string> programs;  // that it needs in its image besides its command
  std::vector<AgentFile> files;
  std::vector<StatePath> state;
  // All below a path of `state`: conversations, which sessions share, and what they share as a whole
  // (patterns: core/conversations.hpp); files that hold a login; what `sync` brings from the host.
  std::vector<std::string> transcripts;
  std::vector<std::string> whole;
  std::vector<std::string> login;
  std::vector<std::string> sync;

  // Made by `drydock build --agent`; else it runs in the base image.
  bool needs_image() const { return !npm.empty() || !packages.empty() || !files.empty(); }
};

inline constexpr const char* default_agent = "claude";

// The shipped ones: agents/ next to the program, or ../share/drydock/agents from there.
std::string shipped_agents_directory();
// The user's: agents/ in the configuration folder.
std::string user_agents_directory();

// A profile of JSON text, for this machine's architecture. `directory` has the files that it names as source.
// Throws Error(invalid) "cannot read agent profile '<origin>': <key>: <reason>".
AgentProfile parse_agent_profile(std::string_view text, const std::string& origin,
                                 const std::string& directory);

// All, sorted by name. Throws the same, and Error(conflict) when two have one name: a shipped profile is not
// replaced, for its baseline would be.
std::vector<AgentProfile> agent_profiles();
// Throws Error(usage) that names the nearest one.
AgentProfile find_agent(const std::string& name);

}  // namespace drydock::core
