"""The mutations of tests/mutation/run: each takes one protection out, and names the stages that should notice, cheapest first."""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    what: str
    edits: list  # (file, text that is there once, its replacement)
    stages: list  # "unit_PROGRAM [FILTER]" or "lab CONFIGURATION TESTS"


def one(name, what, file, old, new, *stages):
    return Mutation(name, what, [(file, old, new)], list(stages))


PODMAN_WIRE, DOCKER_WIRE = "src/podman/wire.cpp", "src/docker/wire.cpp"
PODMAN_NETS, DOCKER_NETS = "src/podman/networks.cpp", "src/docker/networks.cpp"
PLAN, PROXY = "src/core/plan.cpp", "src/core/proxy_config.cpp"
GUARD_CONFIG, VERDICTS = "src/core/guard_config.cpp", "src/guard/verdicts.cpp"
PATTERN, FLOOR, TUNNEL = "src/core/host_pattern.cpp", "src/guard/floor.cpp", "src/guard/tunnel.cpp"

NO_VERIFY = ("src/core/verify.cpp", "  if (found.empty()) return;", "  return;")
NO_INVARIANTS = ("src/core/invariants.cpp", "  if (breaches.empty()) return;", "  return;")
NO_IPV6_SYSCTL = (PLAN, '  plan.agent.sysctls = {{"net.ipv6.conf.all.disable_ipv6", "1"}};\n', "")
HOOKS_WRITABLE = (PLAN, "{guard.path, guard.target, guard.read_only}", "{guard.path, guard.target, false}")
GIT_RENAMED = ("src/core/git_guard.cpp", "if (!is_folder(part) || !add(part, false)) return false;", "if (!is_folder(part)) return false;")
INHIBIT_OFF = (DOCKER_NETS, 'options[inhibit_ipv4] = "true";', 'options[inhibit_ipv4] = "false";')
PODMAN_DNS = (PODMAN_NETS, '{"dns_enabled", false},', '{"dns_enabled", true},')
PODMAN_GATEWAY = (PODMAN_NETS, '{{{"subnet", spec.subnet.to_string()}}}',
                  '{{{"subnet", spec.subnet.to_string()}, {"gateway", spec.subnet.at(1).to_string()}}}')

MUTATIONS = [
    # What the plan says.
    one("agent-ipv6", "the agent's IPv6 is left on", *NO_IPV6_SYSCTL, "unit_core Plan*:*Invariant*", "unit_core"),
    one("agent-dns", "the agent gets the engine's name servers", PLAN, "plan.agent.no_dns = true;", "plan.agent.no_dns = false;",
        "unit_core"),
    one("sidecar-forward", "the sidecar routes packets", PLAN, '{"net.ipv4.ip_forward", "0"}', '{"net.ipv4.ip_forward", "1"}',
        "unit_core"),
    one("sidecar-config-writable", "the sidecar may write its own filter", PLAN,
        "{{plan.sidecar_directory, proxy_config_directory, true}}", "{{plan.sidecar_directory, proxy_config_directory, false}}",
        "unit_core"),
    one("sidecar-root-writable", "the sidecar's root is writable", PLAN, "sidecar.read_only_root = true;",
        "sidecar.read_only_root = false;", "unit_core"),
    one("proxy-variables", "the session's user may set other proxies", PLAN,
        "  for (const auto& [name, value] : request.environment) plan.agent.environment[name] = value;\n  set_proxy_environment(",
        "  set_proxy_environment(", "unit_core"),
    one("limit-ignored", "a limit that is not enforced is no error", PLAN, "      cannot_limit(option, engine, what);\n", "",
        "unit_core"),
    one("invariants-off", "the plan is not checked", *NO_INVARIANTS, "unit_core"),
    one("verify-off", "what the engine made is not read back", *NO_VERIFY, "unit_core"),
    one("hooks-writable", "git's hooks can be written in a session", *HOOKS_WRITABLE, "unit_core"),
    one("git-renamed", "the agent may put another .git in the place of the guarded one", *GIT_RENAMED, "unit_core GitGuard*"),
    one("guard-elsewhere", "what is mounted over .git is not compared with what was looked at", "src/core/session.cpp",
        "  if (moved.empty()) return;", "  return;", "unit_core Launch*"),
    one("mask-elsewhere", "what is mounted over what is masked is not looked at again", "src/core/session.cpp",
        "    mounted.push_back({bind.source, true, status.st_dev, status.st_ino, bind.target});\n", "", "unit_core Launch*"),
    one("mask-off", "what is to be masked is seen", PLAN,
        "  for (const Mask& mask : plan.masks) plan.agent.binds.push_back(mask_mount(plan, mask));\n", "", "unit_core Plan*"),
    one("mask-way", "the folder of what is masked can be renamed", "src/core/view.cpp", "  add_ways(project, view);\n", "",
        "unit_core ViewTest*"),
    one("watch-blind", "what the session changed for the host to run is not told", "src/core/watch.cpp",
        "  if (sentences.empty()) return;", "  return;", "unit_core Watching*"),
    one("smoke-green", "a check of the jail that does not hold is no failure", "src/core/smoke.cpp",
        "  if (holding() != checks.size()) return 1;\n", "", "unit_core Smoke*"),
    one("create-given-up", "what an engine is making when a signal comes is not waited for", "src/runtime/http/client.cpp",
        "request.awaited ? nullptr : stop_", "stop_", "unit_runtime ClientStop*"),
    # What the proxy is told.
    one("listen-everywhere", "the guard listens on all addresses", GUARD_CONFIG, '{"proxy", endpoint(settings.address, proxy_port)}',
        '{"proxy", endpoint({}, proxy_port)}', "unit_core"),
    one("clients-anybody", "the guard is told to serve anybody", GUARD_CONFIG, '{"clients", settings.clients.to_string()}',
        '{"clients", "0.0.0.0/0"}', "unit_core"),
    one("filter-allows", "the proxy's default is to allow", PROXY, "FilterDefaultDeny Yes", "FilterDefaultDeny No", "unit_core"),
    one("filter-hosts", "the filter sees hosts instead of authorities", PROXY, "FilterURLs On", "FilterURLs Off", "unit_core"),
    one("any-port", "tunnels to any port", PROXY, '  text += "ConnectPort 443\\n";\n', "", "unit_core"),
    one("no-guard", "tunnels do not go through the guard", PROXY,
        '  text += "Upstream http 127.0.0.1:" + std::to_string(guard_port) + "\\n";\n', "", "unit_core"),
    one("pattern-start", "patterns without their first anchor", PATTERN, 'std::string ere = "^";', "std::string ere;", "unit_core"),
    one("pattern-end", "patterns without their last anchor", PATTERN, 'ere + ":443$"', 'ere + ":443"', "unit_core"),
    one("pattern-dot", "a dot in a pattern fits anything", PATTERN, "    if (c == '.') ere += '\\\\';\n", "", "unit_core"),
    # What the guard does.
    one("floor-off", "the guard dials any address", FLOOR, "if (!row.range.contains(ip)) continue;",
        "if (row.reason != nullptr) continue;", "unit_guard"),
    one("own-addresses", "the guard dials the host's own addresses", FLOOR,
        "return std::find(rules.own.begin(), rules.own.end(), ip) != rules.own.end() ||", "return", "unit_guard"),
    one("sni-off", "any server name in a tunnel", TUNNEL, "  if (sni_ != host_) return cut(with_sni(sni_));\n", "", "unit_guard"),
    one("second-parser-off", "tinyproxy's reading of a CONNECT is the only one", TUNNEL,
        "  if (verdict.authority != connect->authority()) {", "  if (verdict.authority.port != connect->authority().port) {", "unit_guard"),
    one("second-list-off", "tinyproxy's list is the only one", TUNNEL,
        "  if (judgement.entry == nullptr)\n    return refuse(403, judgement.reason, allow_hint(host_, shared_.rules->session));\n"
        "  rule_ = judgement.entry->pattern;\n  source_ = judgement.entry->source;\n",
        "", "unit_guard"),
    one("mark-off", "a tunnel is handed on without the mark of a request", VERDICTS,
        "  const auto found = marks_.find(caller.head.field_value());\n",
        "  auto found = marks_.find(caller.head.field_value());\n  if (found == marks_.end()) found = marks_.begin();\n", "unit_guard"),
    one("fields-passed-on", "the client's header fields reach tinyproxy", TUNNEL, "std::string(head_->line())",
        "head_->head().substr(0, head_->head().size() - 4)", "unit_guard"),
    one("proxy-says-yes", "tinyproxy's own yes is passed on", VERDICTS, "(answer[9] == '4' || answer[9] == '5')", "answer[9] != ' '",
        "unit_guard"),
    Mutation("pipe-not-empty", "a pipe with bytes of a tunnel that was cut is used by the next",
             [("src/guard/relay.cpp", "    side->fd.reset();\n", "    side->fd.reset();\n    if (side->pipe) pipes.give_back(std::move(*side->pipe));\n")],
             ["unit_guard"]),
    one("anybody-served", "clients from anywhere are served", "src/guard/gate.cpp",
        "  if (!address || !clients_ || !clients_->contains(*address)) return Tunnel::Turned::foreign;\n",
        "  if (!address) return Tunnel::Turned::foreign;\n", "unit_guard"),
    one("direct-leg-open", "the transparent leg asks no list", TUNNEL, "    host_ = sni_;\n    return admit();",
        "    host_ = sni_;\n    return resolve();", "unit_guard"),
    # What the engines are asked for.
    one("podman-dns", "Podman's name service on the networks", *PODMAN_DNS, "unit_engines", "lab P4r Wall.J5_*"),
    one("podman-gateway", "Podman's bridge has an address of the host's", *PODMAN_GATEWAY, "unit_engines", "lab P4 Wall.J6_*"),
    one("podman-internal", "Podman's internal network leads out", PODMAN_NETS, '{"internal", spec.internal},',
        '{"internal", false},', "unit_engines", "lab P4r Jail.J4_*"),
    one("podman-capabilities", "Podman's default capabilities", PODMAN_WIRE,
        '{"cap_drop", dropped_capabilities(spec.capabilities)},', '{"cap_drop", Json::array()},', "unit_engines",
        "lab P4r Jail.J12_*"),
    one("podman-new-privileges", "privileges can be gained under Podman", PODMAN_WIRE,
        '{"no_new_privileges", spec.no_new_privileges},', '{"no_new_privileges", false},', "unit_engines", "lab P4r Jail.J12_*"),
    one("podman-seccomp", "no seccomp profile of drydock's for Podman", "src/podman/containers.cpp",
        '  body["seccomp_profile_path"] = profile.path();\n', "", "unit_engines", "lab P4r Jail.J12_*"),
    one("podman-proxy-variables", "Podman hands the host's proxy variables on", PODMAN_WIRE, '{"httpproxy", false},',
        '{"httpproxy", true},', "unit_engines", "lab P4r View.J22_*"),
    one("docker-inhibit", "Docker's bridge has an address of the host's", *INHIBIT_OFF, "unit_engines", "lab D20 Wall.J6_*"),
    one("docker-icc", "Docker's sidecars see each other", DOCKER_NETS, 'options[enable_icc] = "false";',
        'options[enable_icc] = "true";', "unit_engines", "lab D20 Wall.J7_*"),
    one("docker-internal", "Docker's internal network leads out", DOCKER_NETS, '{"Internal", spec.internal},',
        '{"Internal", false},', "unit_engines", "lab D20 Jail.J4_*"),
    one("docker-dns", "Docker's resolver forwards", DOCKER_WIRE, 'host["Dns"] = Json::array({"127.0.0.1"});',
        'host["Dns"] = Json::array({"203.0.113.53"});', "unit_engines", "lab D20 Wall.J5_*"),
    one("docker-capabilities", "Docker's default capabilities", DOCKER_WIRE, '{"CapDrop", Json::array({"ALL"})},',
        '{"CapDrop", Json::array()},', "unit_engines", "lab D20 Jail.J12_*"),
    one("docker-new-privileges", "privileges can be gained under Docker", DOCKER_WIRE,
        '  if (spec.no_new_privileges) host["SecurityOpt"].push_back("no-new-privileges");\n', "", "unit_engines",
        "lab D20 Jail.J12_*"),
    # A live session's allowlist.
    one("expiry-ignored", "an entry that has ended goes on", "src/policy/entries.cpp",
        "    if (entry.expires == 0 || entry.expires > now) left.add(entry);\n", "    if (now >= 0) left.add(entry);\n",
        "unit_guard Judge*", "lab P4r Egress.J18_*"),
    one("expiry-asleep", "nobody waits for an entry's end", "src/guard/guard.cpp",
        "  next.it_value.tv_sec = rules.entries.next_expiry().value_or(0);\n", "", "lab P4r Egress.J18_*"),
    one("baseline-revoked", "what a session was started with can be taken from it", "src/core/live_filter.cpp",
        "    if (!there->is_live_addition()) {\n", "    if (there->source.empty()) {\n", "unit_core LiveFilter*"),
    one("change-unanswered", "a change counts as made before the guard has said so", "src/core/live_egress.cpp",
        "    if (answer == Answer::taken) return;\n", "    if (answer != Answer::refused) return;\n", "unit_core LiveEgress*"),
    one("change-not-undone", "a change that the guard refuses stays in the session's files", "src/core/live_egress.cpp",
        "    put_back();\n    throw;\n", "    if (patience.count() < 0) put_back();\n    throw;\n", "unit_core LiveEgress*"),
    one("denials-raw", "a hostile name is told as it came", "src/core/denials.cpp", "one_line(denial.host, 100)",
        "denial.host", "unit_core Denials*"),
    # The decision log, and what asks.
    one("chain-unchecked", "a line that was changed passes for its guard's", "src/core/log_check.cpp",
        "  } else if (parts->chain != policy::chain_hash(check_.chain, parts->body)) {\n",
        "  } else if (parts->chain.empty()) {\n", "unit_core LogCheck*"),
    one("ask-unwatched", "a host that is not listed waits with nobody there to say yes", "src/guard/tunnel_ask.cpp",
        "shared_.is_watched &&\n         shared_.is_watched();", "shared_.is_watched;", "unit_guard Ask*"),
    one("ask-opens", "a change for another host is a yes", "src/guard/tunnel_ask.cpp",
        "  if (judgement.entry == nullptr) return;\n  end_waiting();", "  if (judgement.entry == nullptr) return resolve();\n  end_waiting();",
        "unit_guard Ask*"),
    one("secrets-unchecked", "a plan may have secrets in arguments, labels or writable mounts", "src/core/invariants.cpp",
        "  check_secrets(plan, breaches);\n", "", "unit_core *Invariants*"),
    one("state-unchecked", "a plan may have the host's own state of an agent", "src/core/invariants.cpp",
        "  check_state(plan, breaches);\n", "", "unit_core *Invariants*"),
    one("secret-in-project", "a secret may come from the project, which the session sees", "src/core/secrets.cpp",
        "real.empty() || starts_with(real, project.path + \"/\")", "real.empty() || project.path.empty()", "unit_core *Secret*"),
    one("links-followed", "a link that an agent left in its state is followed by the host", "src/core/file_tree.cpp",
        "RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS", "0", "unit_core *FileTree*:*AgentState*:*AgentSync*"),
    one("digest-unchecked", "a package need not be what the registry says", "src/core/npm_registry.cpp",
        "sha512_base64_of_file(path) == release.integrity", "!path.empty()", "unit_core *Npm*"),
    one("image-unread", "the image that a session was made of is not read back", "src/core/verify.cpp",
        '  if (!spec.image_id.empty()) compare(found, "image", spec.image_id, report.image_id);\n', "", "unit_core ContainerDifferences*"),
    one("digest-of-image", "an image need not have the digest that it was named by", "src/core/pull.cpp",
        "  if (known) return;\n", "  if (known || !digest.empty()) return;\n", "unit_core Pull*"),
    one("core-files", "a session with a secret may write core files", "src/core/plan.cpp",
        "    plan.agent.no_core_files = true;\n", "", "unit_core *Secret*:*Invariants*:Plan*"),
    one("layer-nested", "a layer may be compressed over and over", "src/core/saved_image.cpp",
        "archive_filter_count(reader_.get()) > 2", "archive_filter_count(reader_.get()) > 99", "unit_core SavedImages*"),
    one("token-open", "a kept token may be in a file that others write", "src/core/agent_tokens.cpp",
        "(status.st_mode & 077U) != 0", "(status.st_mode & 0U) != 0", "unit_core *Token*"),
    one("capture-unsaid", "a session that reaches every host need not be a capture", "src/core/invariants.cpp",
        "if (!plan.capture && plan.filter.find(any_host_ere) != std::string::npos)", "if (plan.filter.empty())", "unit_core GuardInPlan*"),
    # The wall itself, with what would stop the session before it taken out too.
    Mutation("hooks-writable-unverified", "git's hooks can be written in a session", [HOOKS_WRITABLE, NO_INVARIANTS],
             ["lab P4r Plant.J21_*"]),
    Mutation("git-renamed-unverified", "the agent may put another .git in the place of the guarded one",
             [GIT_RENAMED, NO_INVARIANTS], ["lab P4r Plant.J21_*"]),
    Mutation("agent-ipv6-unverified", "the agent's IPv6 is left on", [NO_IPV6_SYSCTL, NO_INVARIANTS], ["lab P4r Wall.J6_*:Jail.J4_*"]),
    Mutation("docker-inhibit-unverified", "Docker's bridge has an address of the host's", [INHIBIT_OFF, NO_VERIFY],
             ["lab D20 Wall.J6_*"]),
    Mutation("podman-gateway-unverified", "Podman's bridge has an address of the host's", [PODMAN_GATEWAY, NO_VERIFY],
             ["lab P4 Wall.J6_*"]),
    Mutation("podman-dns-unverified", "Podman's name service, and the agent may ask it",
             [PODMAN_DNS, NO_VERIFY, NO_INVARIANTS, (PLAN, "plan.agent.no_dns = true;", "plan.agent.no_dns = false;")],
             ["lab P4r Wall.J5_*"]),
]
