// What Podman needs of a machine, and what is known of its versions: doctor's part of it. Sources: podman(1),
// "Rootless mode"; the release notes of netavark, aardvark-dns and runc; the advisories named in the
// findings.
#pragma once

#include <string>
#include <vector>

#include "runtime/finding.hpp"
#include "runtime/host_facts.hpp"
#include "runtime/types.hpp"

namespace drydock::podman {

std::vector<std::string> examined_programs();

// As EngineProvider::judge. Without `info` whoever is not root is taken for rootless.
runtime::Findings examine(const runtime::HostFacts& host, const runtime::EngineInfo* info);

}  // namespace drydock::podman
