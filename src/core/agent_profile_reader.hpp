// Reads one agent profile, strictly: a key that is not known, a value of another kind, a path that leaves its
// place are errors, and none is passed over.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "core/agents.hpp"

namespace drydock::core {

class AgentProfileReader {
 public:
  // `read_source` reads a file that stands beside the profile.
  AgentProfileReader(std::string_view text, std::string origin,
                     std::function<std::string(const std::string&)> read_source);

  // Throws Error(invalid).
  AgentProfile read();

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& reason,
                         const std::string& hint = {}) const;
  void require_keys(const Json& object, const std::string& where,
                    const std::vector<std::string>& known) const;
  std::string text(const Json& object, const std::string& where, const std::string& key, bool required) const;
  std::vector<std::string> texts(const Json& object, const std::string& where, const std::string& key) const;
  std::map<std::string, std::string> pairs(const Json& object, const std::string& where,
                                           const std::string& key) const;
  bool flag(const Json& object, const std::string& where, const std::string& key) const;
  // The objects of an array member, each with its place in words.
  void each(const std::string& key,
            const std::function<void(const Json& object, const std::string& where)>& use) const;
  std::vector<std::string> relative_paths(const Json& object, const std::string& where,
                                          const std::string& key) const;
  void require_relative(const std::string& path, const std::string& where) const;
  // `path` lies in one of the profile's paths of state, which have been read.
  void require_in_state(const std::string& path, const std::string& where) const;
  void require_variable(const std::string& name, const std::string& where) const;

  void read_baseline();
  void read_variables();
  void read_npm();
  void read_files();
  void read_state();
  void require_exact_host(const std::string& host, const std::string& where) const;
  void read_models();
  void read_switches();

  std::string origin_;
  std::function<std::string(const std::string&)> read_source_;
  Json json_;
  AgentProfile profile_;
};

}  // namespace drydock::core
