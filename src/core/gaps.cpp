#include "core/gaps.hpp"

#include "base/text.hpp"

namespace drydock::core {

bool applies(const Gap& gap, const GapFacts& facts) {
  switch (gap.open) {
    case Gap::Where::nowhere:
      return false;
    case Gap::Where::every_jail:
      return !facts.dood;
    case Gap::Where::with_hosts:
      return !facts.dood && facts.hosts;
    case Gap::Where::with_patterns:
      return !facts.dood && facts.patterns;
    case Gap::Where::engine_of_root:
      return !facts.dood && facts.engine_of_root;
    case Gap::Where::writable_project:
      return !facts.dood && facts.writable_project;
    case Gap::Where::dood:
      return facts.dood;
  }
  return false;
}

std::string_view to_string(Gap::Where where) {
  switch (where) {
    case Gap::Where::nowhere:
      return "no session";
    case Gap::Where::every_jail:
      return "every contained session";
    case Gap::Where::with_hosts:
      return "contained sessions that reach a host";
    case Gap::Where::with_patterns:
      return "contained sessions that do not name each host exactly";
    case Gap::Where::engine_of_root:
      return "contained sessions on an engine that is root's";
    case Gap::Where::writable_project:
      return "contained sessions that may write to the project";
    case Gap::Where::dood:
      return "dood sessions";
  }
  return "no session";
}

const std::vector<Gap>& gaps() {
  using enum Gap::Where;
  static const std::vector<Gap> table{
      {'a', "Data can leave through an allowed host: an upload, a push, a query",
       "what allowed hosts take in", with_hosts},
      {'b', "ECH, and a different site inside an allowed tunnel (domain fronting)", "other sites behind them",
       with_hosts},
      {'c', "An IP address in place of a name", "", nowhere},
      {'d', "A compromised sidecar is open egress", "a compromised sidecar", every_jail},
      {'e', "Tools that ignore proxy variables do not work",
       "tools without a proxy at hosts not named exactly", with_patterns},
      {'f', "dood mode", "no jail at all", dood},
      {'g', "One session reaching another's sidecar", "", nowhere},
      {'h', "Plain HTTP through the proxy, to any port of an allowed host", "", nowhere},
      {'i', "Look-alike hosts through regular expressions", "", nowhere},
      {'j', "DNS as a way out of an internal network", "look-ups of names below wildcards", with_patterns},
      {'k', "The host's own services through the bridge", "one-way datagrams to your machine",
       engine_of_root},
      {'l', "An allowed name that resolves to a private or metadata address", "", nowhere},
      {'m', "Something other than TLS in a tunnel", "", nowhere},
      {'n', "Hooks and settings planted in the project, which run on the host later",
       "files planted for your machine to run", writable_project},
      {'o', "The host's /etc/hosts, which Podman copies into containers", "", nowhere},
  };
  return table;
}

std::string open_gaps(const GapFacts& facts) {
  std::vector<std::string> open;
  for (const Gap& gap : gaps()) {
    if (applies(gap, facts)) open.push_back(std::string("(") + gap.letter + ") " + std::string(gap.brief));
  }
  return join(open, ", ");
}

}  // namespace drydock::core
