// An engine that fails on cue, for crash tests: a decorator that counts the calls which change something.
// DRYDOCK_FAULT=kill:N   carries the N-th out, then this process gets SIGKILL
//               fail:N   the N-th is not carried out, and is an Error
//               stop:N   carries the N-th out, then this process gets SIGSTOP
//               lose:N   the N-th is carried out, and its answer is lost: an Error all the same
// Only the test program drydock-faulty has it.
#pragma once

#include <memory>

#include "runtime/engine_provider.hpp"

namespace drydock::test {

// The provider's engines with the fault that the environment asks for; the provider itself when it asks for
// none. Throws Error(usage) for a fault that is none.
std::unique_ptr<runtime::EngineProvider> with_fault(std::unique_ptr<runtime::EngineProvider> provider);

}  // namespace drydock::test
