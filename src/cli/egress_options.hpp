// What the commands of `drydock egress` share: their options, and how they say where an entry stands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/command.hpp"
#include "core/agents.hpp"
#include "core/allowlist.hpp"
#include "core/find_session.hpp"
#include "core/live_filter.hpp"
#include "core/project.hpp"

namespace drydock::cli {

void declare_project(po::options_description& options);
void declare_agent(po::options_description& options);
// --agent's, or that of the configuration files, or the default one.
core::AgentProfile read_agent(const Invocation& invocation);
void declare_session(po::options_description& options, const char* what);

// --project's, or the one that the user is in.
core::Project read_project(const Invocation& invocation);
// What a session there would have, as far as its command line adds nothing.
core::Allowlist read_allowlist(const Invocation& invocation, const core::Project& project);
// Throws Error(usage) when both are given.
void refuse_both(const Invocation& invocation, const std::string& one, const std::string& other);
// The hosts that were named. Throws Error(usage) when there is none.
const std::vector<std::string>& read_hosts(const Invocation& invocation, const char* verb);

// {"source", "line"}: line is null where the source has none.
void put_source(Json& object, const core::Source& source);
// Seconds since the epoch; null for 0, never.
Json expiry_json(std::int64_t expires);
// "until 2026-01-02T03:04:05Z", or nothing for 0.
std::string expiry_text(std::int64_t expires);

// A line of a session's decision log; as the guard wrote it with --json.
void print_decision(const Invocation& invocation, std::string_view line);

// What came of each host, as JSON or as lines. `session`: its id; empty when it was a file.
void print_changes(const Invocation& invocation, const std::vector<core::EntryChange>& changes,
                   const std::string& session);

}  // namespace drydock::cli
