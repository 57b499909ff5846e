// The files of a configuration, each broken in one way: doctor tells it, and a run fails of it. The suite is
// that of doctor_test.cpp.
#include "doctor.hpp"

namespace drydock::conformance {
namespace {

TEST_P(Doctor, AWrongAllowlistIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  const std::string file = folder + "/drydock/egress-allowlist";
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  ASSERT_EQ(sh_as_user("printf 'allowed.test\\nhttps://x.test/\\n' > " + file).status, 0);
  expect_fails("with a URL", file + ":2'", "fix: write x.test");
  ASSERT_EQ(sh_as_user("echo allowed.test > " + file).status, 0);
  expect_works("the control");
  expect_opens(file, "cannot read allowlist '" + file + "': ", "make it readable for you: chmod u+r " + file);
  const Json egress = parse_json(user_runs("--json doctor").out, "a report").at("egress");
  EXPECT_EQ(egress.at("entries"), 2) << "the baseline, and the file's";
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, AWrongConfigurationIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  const std::string file = folder + "/drydock/config";
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  const auto write = [&](const std::string& text) {
    return sh_as_user("rm -rf " + file + "; printf " + quote(text) + " > " + file).status;
  };
  ASSERT_EQ(write("memoyr = 1g\nagent = idle\n"), 0);
  expect_fails("with a key that is none", file + ":1'", "did you mean 'memory'?");
  ASSERT_EQ(write("keep = true\nmemory = much\nagent = idle\n"), 0);
  expect_fails("with a value that is none", file + ":2'", "write it as 512m or 2g");
  ASSERT_EQ(write("allow = allowed.test\nallow = *.com\nagent = idle\n"), 0);
  expect_fails("with a host that is none", file + ":2': '*.com'", "what one owner has");
  ASSERT_EQ(sh_as_user("rm " + file + " && mkdir " + file).status, 0);
  expect_fails("with a folder in its place", file + "': it is a directory", "put a file in its place");
  ASSERT_EQ(write("agent = idle\n"), 0);
  expect_opens(file,
               "cannot read configuration '" + file + "': ", "make it readable for you: chmod u+r " + file);
  const std::string profile = folder + "/drydock/agents/idle.json";
  expect_opens(profile,
               "cannot read file '" + profile + "': ", "make it readable for you: chmod u+r " + profile);
  // Of a folder one thing is to be mended, and it is told for each file in it.
  for (const std::string& closed : {folder + "/drydock/agents", folder + "/drydock"}) {
    expect_opens(closed, "cannot read folder '" + folder + "/drydock/agents': ",
                 "open the folder for yourself: chmod u+rwx " + closed);
  }

  ASSERT_EQ(write("agent = idle\nallow = allowed.test\nallow = *.below.test\n"), 0);
  expect_works("the control");
  // What list and doctor say is what a run has, each line with where it stands.
  const Json plan = parse_json(user_runs("--json run --dry-run --allow more.test -- true").out, "a plan");
  const Json listed = parse_json(user_runs("--json egress list").out, "a list").at("entries");
  const Json filter = parse_json(user_runs("--json doctor").out, "a report").at("egress").at("filter");
  ASSERT_EQ(listed.size(), 3U) << listed;
  EXPECT_EQ(listed.at(1).at("host"), "allowed.test");
  EXPECT_EQ(listed.at(1).at("source"), file);
  EXPECT_EQ(listed.at(1).at("line"), 2);
  ASSERT_EQ(filter.size(), 3U) << filter;
  EXPECT_EQ(filter.at(2).at("from"), file + ":3");
  const std::string all = plan.dump();
  for (const Json& entry : filter) {
    EXPECT_NE(all.find(entry.at("host").get<std::string>()), std::string::npos) << all;
    EXPECT_NE(all.find(entry.at("from").get<std::string>()), std::string::npos) << all;
  }
  EXPECT_EQ(user_runs("egress test allowed.test a.below.test").status, 0);
  EXPECT_EQ(user_runs("egress test more.test").status, 1) << "the control: only that run had it";
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

TEST_P(Doctor, APinOfBothModesIsTold) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  environment_ = "XDG_CONFIG_HOME=" + folder + " ";
  configure(folder);
  ASSERT_EQ(user_runs("-q contain").status, 0);
  EXPECT_EQ(user_runs("doctor").out.find("pinned to both modes"), std::string::npos) << "the control";
  ASSERT_EQ(sh_as_user("cd " + folder + "/drydock && mkdir dood && cp contain/* dood").status, 0);
  const Outcome said = user_runs("doctor");
  const auto problem = said.out.find("the project is pinned to both modes");
  ASSERT_NE(problem, std::string::npos) << said;
  EXPECT_TRUE(starts_with(said.out, "drydock run would work here: contained")) << said;
  // The fix is a command, and it mends.
  const auto command = said.out.find("rm " + folder, problem);
  const auto end = said.out.find(" (to stay contained)", command);
  ASSERT_NE(end, std::string::npos) << said;
  ASSERT_EQ(sh_as_user(said.out.substr(command, end - command)).status, 0) << said;
  EXPECT_EQ(user_runs("doctor").out.find("pinned to both modes"), std::string::npos);
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

// The default agent's token cannot be read. A run of an image of the user's does not take it.
TEST_P(Doctor, ATokenIsJudgedAsTheRunTakesIt) {
  const std::string folder(trim(sh_as_user("mktemp -d").out));
  environment_ = "XDG_CONFIG_HOME=" + folder + "/config XDG_STATE_HOME=" + folder + "/state ";
  const auto configure_as = [&](const std::string& lines) {
    return sh_as_user("mkdir -p " + folder + "/config/drydock && printf " + quote(lines) + " > " + folder +
                      "/config/drydock/config")
        .status;
  };
  const std::string image = "image = " + std::string(test_image) + "\n";
  ASSERT_EQ(configure_as(image), 0);
  ASSERT_EQ(sh_as_user("cd " + quote(project()) + " && echo hush | " + environment_ + drydock_words() +
                       " setup-token claude --name ANTHROPIC_API_KEY")
                .status,
            0);
  const Outcome sound = user_runs("doctor");
  EXPECT_EQ(sound.status, 0) << "the control: " << sound;
  ASSERT_EQ(sh_as_user("find " + folder +
                       " -name ANTHROPIC_API_KEY -exec chmod 644 {} + && "
                       "find " +
                       folder + " -name ANTHROPIC_API_KEY | grep -q .")
                .status,
            0);
  const Outcome said = user_runs("doctor");
  EXPECT_EQ(said.status, 0) << said;
  EXPECT_NE(said.out.find("others than you may read its file"), std::string::npos) << said;
  EXPECT_EQ(user_runs("run -- true").status, 0);
  // Named, the agent's token is taken, and the run fails.
  ASSERT_EQ(configure_as(image + "agent = claude\n"), 0);
  expect_fails("with a token that others may read", "others than you may read its file",
               "drydock setup-token claude");
  ASSERT_EQ(sh_as_user("rm -r " + folder).status, 0);
}

}  // namespace
}  // namespace drydock::conformance
