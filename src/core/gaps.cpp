#include "core/gaps.hpp"

#include "base/text.hpp"

namespace drydock::core {

const std::vector<Gap>& gaps() {
  static const std::vector<Gap> table{
      {'a', "Data can leave through an allowed host: an upload, a push, a query", false},
      {'b', "ECH, and a different site inside an allowed tunnel (domain fronting)", false},
      {'c', "An IP address in place of a name", true},
      {'d', "A compromised sidecar is open egress", false},
      {'e', "Tools that ignore proxy variables do not work", false},
      {'f', "dood mode", false},
      {'g', "One session reaching another's sidecar", true},
      {'h', "Plain HTTP through the proxy, to any port of an allowed host", true},
      {'i', "Look-alike hosts through regular expressions", true},
      {'j', "DNS as a way out of an internal network", true},
      {'k', "The host's own services through the bridge", true},
      {'l', "An allowed name that resolves to a private or metadata address", true},
      {'m', "Something other than TLS in a tunnel", true},
      {'n', "Hooks and settings planted in the project, which run on the host later", false},
      {'o', "The host's /etc/hosts, which Podman copies into containers", true},
  };
  return table;
}

std::string open_gaps() {
  std::vector<std::string> open;
  for (const Gap& gap : gaps()) {
    if (!gap.closed) open.push_back(std::string("(") + gap.letter + ") " + std::string(gap.what));
  }
  return join(open, "; ");
}

}  // namespace drydock::core
