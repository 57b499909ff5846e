// The options that run and shell share.
#pragma once

#include "cli/command.hpp"
#include "core/run.hpp"

namespace drydock::cli {

void declare_run_options(po::options_description& options);
// --env, as K=V or K alone. Throws Error(usage) for one that names no variable.
std::map<std::string, std::string> read_environment(const Invocation& invocation);
// --subnet-pool's. Throws Error(usage) for one that is none.
runtime::Cidr read_subnet_pool(const Invocation& invocation);
void declare_subnet_pool(po::options_description& options);
// --pull's. Throws Error(usage) for one that is none.
core::PullPolicy read_pull(const Invocation& invocation);
// Throws Error(usage) for values that make no sense, before anything is made.
core::RunOptions read_run_options(const Invocation& invocation);
// Runs it on the engine that was asked for, and says how long it took when that was asked for.
core::RunResult run_prepared(const Invocation& invocation, const core::PreparedRun& prepared);
// Prepares, then prints the plan (--dry-run) or runs it.
int run_session(const Invocation& invocation, const core::RunOptions& options);

}  // namespace drydock::cli
