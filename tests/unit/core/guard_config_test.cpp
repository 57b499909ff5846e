// The guard in the plan: guard.json says what the filter says, and a plan without the guard is no plan.
#include "core/guard_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/temp_file.hpp"
#include "base/text.hpp"
#include "core/invariants.hpp"
#include "core/plan.hpp"

namespace drydock::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GuardInPlan : public testing::Test {
 protected:
  GuardInPlan() {
    request.session = "0123abcd";
    request.project = resolve_project(directory.path());
    request.mode = {Mode::contained, "the default"};
    request.agent_name = "shell";
    for (const std::string entry : {"example.com", "*.example.org", ".example.net"}) {
      for (const Entry& parsed : parse_allowlist_text(entry, "hosts")) request.allowlist.add(parsed);
    }
    request.engine.engine = "podman";
    request.image = "localhost/test";
    request.sidecar_image = "localhost/sidecar";
    request.command = {"true"};
    request.uid = request.gid = 1000;
    request.internal_subnet = *runtime::Cidr::parse("10.231.0.0/29");
    request.egress_subnet = *runtime::Cidr::parse("10.231.0.8/29");
    request.owner = Owner::self();
    request.created = "2026-01-01T00:00:00Z";
    request.hosts_file = "/run/user/1000/drydock/sessions/0123abcd/hosts";
    request.sidecar_directory = "/run/user/1000/drydock/sessions/0123abcd/sidecar";
    request.own_addresses = {"192.168.1.2", "fe80::1"};
    request.public_ranges = {"203.0.113.0/24"};
    request.allow_private = {"example.com"};
    plan = build_plan(request);
  }

  Json guard() const { return Json::parse(plan.sidecar_files.at("guard.json")); }
  std::vector<std::string> breaches_with(const std::function<void(Json&)>& change) const {
    Plan changed = plan;
    Json json = guard();
    change(json);
    changed.sidecar_files["guard.json"] = json.dump();
    return broken_invariants(changed);
  }

  TempDir directory;
  PlanRequest request;
  Plan plan;
};

TEST_F(GuardInPlan, IsTheSidecarsProgramAndKnowsTheAllowlist) {
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
  EXPECT_THAT(plan.sidecar->entrypoint, testing::ElementsAre("/usr/bin/drydock-guard", "/etc/drydock"));
  EXPECT_EQ(plan.sidecar->sysctls.at("net.ipv4.ip_unprivileged_port_start"), "443");
  EXPECT_THAT(plan.sidecar_files.at("tinyproxy.conf"), HasSubstr("\nUpstream http 127.0.0.1:3128\n"));
  const Json json = guard();
  EXPECT_EQ(json["entries"][1], (Json{{"pattern", "*.example.org"}, {"source", "hosts:1"}}));
  EXPECT_EQ(json["entries"].size(), 3U);
  EXPECT_EQ(json["own_addresses"], (Json{"192.168.1.2", "fe80::1"}));
  EXPECT_EQ(json["public"], Json{"203.0.113.0/24"});
  EXPECT_EQ(json["allow_private"], Json{"example.com"});
  EXPECT_EQ(json["proxy"], (Json{{"address", "10.231.0.2"}, {"port", 8888}}));
  EXPECT_EQ(json["transparent"], (Json{{"address", "10.231.0.2"}, {"port", 443}}));
  EXPECT_EQ(json["clients"], "10.231.0.0/29");
}

TEST_F(GuardInPlan, TheCanaryIsInTheFilterAndNotInTheAllowlist) {
  EXPECT_EQ(plan.canary, "canary-0123abcd.drydock.invalid");
  EXPECT_THAT(plan.filter, testing::EndsWith("\n^canary-0123abcd\\.drydock\\.invalid:443$\n"));
  EXPECT_EQ(guard()["canary"], plan.canary);
  EXPECT_EQ(plan.allowlist.match(plan.canary), nullptr);
}

TEST_F(GuardInPlan, NamesThatAreOneHostLeadToItsTransparentLeg) {
  const std::string sidecar = "10.231.0.2";
  EXPECT_THAT(plan.agent.host_entries, Contains(runtime::HostEntry{"example.com", sidecar}));
  EXPECT_THAT(plan.agent.host_entries, Contains(runtime::HostEntry{"example.net", sidecar}));
  EXPECT_THAT(plan.agent.host_entries, Not(Contains(runtime::HostEntry{"example.org", sidecar})));
}

TEST_F(GuardInPlan, APlanWithoutItIsRefused) {
  const auto broken = [this](const std::function<void(Plan&)>& change) {
    Plan changed = plan;
    change(changed);
    return !broken_invariants(changed).empty();
  };
  EXPECT_TRUE(broken([](Plan& p) { p.sidecar_files.erase("guard.json"); }));
  EXPECT_TRUE(broken([](Plan& p) { p.sidecar_files["guard.json"] = "{"; }));
  EXPECT_TRUE(broken([](Plan& p) { p.sidecar->entrypoint = {"/usr/bin/tinyproxy"}; }));
  EXPECT_TRUE(broken([](Plan& p) { p.sidecar->command = {"--help"}; }));
  EXPECT_TRUE(broken([](Plan& p) {
    std::string& config = p.sidecar_files["tinyproxy.conf"];
    const std::string line = "Upstream http 127.0.0.1:3128\n";
    config.erase(config.find(line), line.size());
  }));
  EXPECT_FALSE(broken([](Plan&) {}));
}

TEST_F(GuardInPlan, EntriesThatDifferFromTheFilterAreABreach) {
  EXPECT_THAT(breaches_with([](Json&) {}), IsEmpty());
  const Json more{{"pattern", "evil.example"}, {"source", ""}};
  const std::vector<std::function<void(Json&)>> changes{
      [&](Json& json) { json["entries"].push_back(more); },
      [](Json& json) { json["entries"].erase(0); },
      [](Json& json) { json["entries"][0]["pattern"] = ".example.com"; },
      [](Json& json) { json["entries"] = "all"; },
      [](Json& json) { json.erase("entries"); },
      [](Json& json) { json["canary"] = "example.com"; },
      [](Json& json) { json.erase("canary"); },
  };
  for (const auto& change : changes) {
    EXPECT_THAT(breaches_with(change), Contains(HasSubstr("entries are not those of the filter")));
  }
  EXPECT_THAT(breaches_with([](Json& json) { json["listen_port"] = 3129; }),
              Contains(HasSubstr("would not listen")));
  EXPECT_THAT(breaches_with([](Json& json) { json["tinyproxy"] = {"/bin/true"}; }),
              Contains(HasSubstr("another proxy")));
  EXPECT_THAT(breaches_with([](Json& json) { json["transparent"]["address"] = "0.0.0.0"; }),
              Contains(HasSubstr("listen elsewhere")));
  EXPECT_THAT(breaches_with([](Json& json) { json["proxy"]["address"] = "0.0.0.0"; }),
              Contains(HasSubstr("listen elsewhere")));
  EXPECT_THAT(breaches_with([](Json& json) { json["clients"] = "0.0.0.0/0"; }),
              Contains(HasSubstr("serve others")));
}

TEST_F(GuardInPlan, ACaptureReachesEveryHostAndNothingElseDoes) {
  request.allowlist.add({{HostPattern::Kind::any, {}}, {"capture", 0}});
  request.capture = true;
  plan = build_plan(request);
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
  EXPECT_THAT(plan.filter, HasSubstr(std::string(any_host_ere) + "\n"));
  EXPECT_EQ(plan.agent.labels.at("io.drydock.capture"), "1");
  plan.capture = false;
  EXPECT_THAT(broken_invariants(plan), Not(IsEmpty()));
  plan.capture = true;
  plan.sidecar_files.erase("watched");
  EXPECT_THAT(broken_invariants(plan), ElementsAre(HasSubstr("would outlive whoever started it")));
  // No user's line can be that entry.
  EXPECT_FALSE(parse_host_pattern("*"));
}

TEST_F(GuardInPlan, AsksOnlyWhereItIsToldTo) {
  EXPECT_FALSE(guard().contains("ask"));
  EXPECT_EQ(plan.sidecar_files.count("watched"), 0U);
  request.ask = 60;
  plan = build_plan(request);
  EXPECT_EQ(guard()["ask"], 60);
  EXPECT_EQ(plan.sidecar_files.at("watched"), "");
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
}

TEST_F(GuardInPlan, EndsSomeSecondsBehindTheTimeLimit) {
  EXPECT_FALSE(guard().contains("ends"));
  request.expires = "2026-01-01T00:01:00Z";
  plan = build_plan(request);
  EXPECT_EQ(guard()["ends"], 1767225660 + 10);
  EXPECT_THAT(broken_invariants(plan), IsEmpty());
}

TEST_F(GuardInPlan, HasNoPartInDood) {
  request.mode = {Mode::dood, "asked for"};
  request.engine_socket = "/run/docker.sock";
  const Plan dood = build_plan(request);
  EXPECT_THAT(dood.sidecar_files, IsEmpty());
  EXPECT_EQ(dood.canary, "");
}

}  // namespace
}  // namespace drydock::core
