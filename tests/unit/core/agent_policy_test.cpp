#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/process.hpp"
#include "base/temp_file.hpp"
#include "core/agents.hpp"

namespace drydock::core {
namespace {

namespace fs = std::filesystem;
using testing::Contains;

// Asks the shipped guard-rail as an agent does.
class AgentPolicy : public testing::Test {
 protected:
  AgentPolicy() { fs::create_directories(project()); }
  std::string project() const { return directory.path() + "/project"; }
  // In the project's folder.
  ProcessResult answer(const std::string& call) const {
    const std::string script = shipped_agents_directory() + "/policy/guard-rail.sh";
    const TempFile input;
    input.write(call);
    return run_process(
        {"sh", "-c", "cd \"$3\" && exec sh \"$1\" < \"$2\"", "sh", script, input.path(), project()});
  }
  int guard_rail(const std::string& call) const { return answer(call).exit_code; }
  // The exit status; what fails while it judges is no verdict.
  int guard_rail_of(const std::string& command) const {
    const ProcessResult said = answer(Json{{"tool_input", {{"command", command}}}}.dump());
    return said.error_output.find("is not understood") == std::string::npos ? said.exit_code : -1;
  }
  TempDir directory;
};

TEST_F(AgentPolicy, TheGuardRailLetsPassWhatDestroysNothing) {
  for (const char* command : {"ls -la",
                              "git status",
                              "git push origin main",
                              "rm -rf build",
                              "rm -rf ./build/",
                              "git reset HEAD x",
                              "git commit -m 'reset --hard is bad'",
                              "echo mkfs",
                              "rm -rf build && ls /",
                              "git push origin main && tail -f log",
                              "git clean -n; rm -f x",
                              R"sh(git commit -m "fix; git reset --hard is gone")sh",
                              "git clean -nfd",
                              R"sh(cat > x.sh <<'EOF'
git reset --hard
EOF
chmod +x x.sh)sh",
                              "echo a # ; git reset --hard",
                              "dd if=x of=/dev/null",
                              "grep -r 'rm -rf /' .",
                              "ls 2>&1 | head",
                              "git log --grep='x'",
                              "git push --force-with-lease",
                              "rm -rf .github",
                              "rm -r build 2>/dev/null",
                              R"sh(echo "a $(ls) b")sh",
                              "git config user.name x",
                              "git diff -- core.fsmonitor.txt",
                              "for f in *; do echo $f; done",
                              "rm -rf ${BUILD}/x",
                              "find . -name '*.git'",
                              "git stash -u; git checkout -f main",
                              "cat .env.example",
                              "cat >.env <<EOF\nA=b\nEOF",
                              "echo A=b >>.env",
                              "cat notes.txt 2>.env",
                              "source .env && make",
                              "cp .env.example .env",
                              "git add .env",
                              "ls -la .env",
                              "grep -q ^A= .env || echo A=b >>.env",
                              "grep -rn \".env\" src",
                              "sed -i s/a/b/ .env",
                              "cat id_rsa.pub .envrc src/env.ts",
                              "find . -name '*.pem'"}) {
    EXPECT_EQ(guard_rail_of(command), 0) << command;
  }
  EXPECT_EQ(guard_rail_of("echo " + std::string(100'000, 'x')), 0);
}

TEST_F(AgentPolicy, TheGuardRailRefusesWhatDestroys) {
  for (const char* command : {R"sh(cat <<EOF | bash
git reset --hard
EOF)sh",
                              R"sh(cat <<<EOF
git reset --hard
EOF)sh",
                              "git push --force origin main",
                              "git push -f",
                              "cd x && git push origin main -f",
                              "git push origin +main",
                              "git -C /x reset --hard",
                              "git status; git reset --hard HEAD~3",
                              "git clean -fdx",
                              "rm -rf /",
                              "rm -rf ~/",
                              "rm -r .git",
                              "sudo mkfs.ext4 /dev/sda1",
                              "dd if=x of=/dev/sda",
                              "git config core.hooksPath x",
                              R"sh(cd x
rm -rf .git)sh",
                              R"sh(cd x
git clean -fdx)sh",
                              R"sh(cd x
git config core.fsmonitor ./x)sh",
                              R"sh(x
dd if=/dev/zero of=/dev/sda)sh",
                              "git push origin main -f; true",
                              "git push origin main --force&& true",
                              "rm -rf /*",
                              "rm -rf ~/*",
                              R"sh(rm -rf "$HOME")sh",
                              "rm -rf ./.git",
                              "git --no-pager reset --hard",
                              "FOO=1 git reset --hard",
                              R"sh(bash -c "git reset --hard")sh",
                              "git config core.fsMonitor x",
                              "sudo -u root git reset --hard",
                              "echo x | xargs -n 1 rm -rf /",
                              "if true; then git reset --hard; fi",
                              "( git reset --hard )",
                              R"sh(echo "$(git reset --hard)")sh",
                              "echo `git reset --hard`",
                              "git -c core.pager=cat reset -q --hard",
                              "true; git -c core.pager=cat reset -q --hard",
                              "/usr/bin/git reset --hard",
                              "rm -r -f -- /",
                              R"sh(git \
 reset --hard)sh",
                              "bash -lc 'cd x; git clean -fd'",
                              R"sh(sh <<EOF
git reset --hard
EOF)sh",
                              "rm -fr $HOME/",
                              "rm -rf ${HOME}",
                              "eval 'git reset --hard'",
                              "git -c core.sshCommand=x fetch",
                              "{ git reset --hard; }",
                              "timeout 5 git reset --hard",
                              "git push -uf origin x",
                              "git push --mirror x",
                              "wipefs -a /dev/sda",
                              R"sh(true && bash -c 'bash -c "git reset --hard"')sh",
                              R"sh(cat <<EOF
x
EOF
git reset --hard)sh",
                              "rm -rf 'x' /",
                              "rm --recursive --force .git/",
                              "rm -rf >log /",
                              "cat .env",
                              "cat <.env",
                              "cat .env*",
                              "sudo head -n 1 ./sub/.env.local",
                              "grep A .env",
                              "grep -e A .env",
                              "sed -n p .env",
                              "awk -F= '{print $2}' .env",
                              "bash -c 'cat id_ed25519'",
                              "x=$(cat id_rsa)",
                              "base64 certs/server.pem",
                              "cat \"$HOME/.npmrc\"",
                              "cat ~/.ssh/config",
                              "true; cat /run/secrets/ANTHROPIC_API_KEY"}) {
    EXPECT_EQ(guard_rail_of(command), 2) << command;
  }
}

// Of the project, of what is above it and of the system: it is the one thing in a session that is the user's.
TEST_F(AgentPolicy, TheGuardRailRefusesWhatEmptiesTheProject) {
  for (const std::string command : {"rm -rf .",
                                    "rm -rf ./",
                                    "rm -rf *",
                                    "rm -rf ./*",
                                    "rm -rf ./* ./.*",
                                    "rm -r -- *",
                                    "rm -rf .[!.]* *",
                                    "rm -rf ..",
                                    "rm -rf ../",
                                    "rm -rf ../*",
                                    "rm -rf ../project",
                                    "rm -rf ../project/*",
                                    "rm -rf build/..",
                                    "rm -rf \"$PWD\"",
                                    "rm -rf $PWD/*",
                                    "rm -rf \"${PWD}\"/",
                                    "rm -rf ${PWD:?}/*",
                                    "rm -rf $(pwd)",
                                    "rm -rf \"$(pwd)\"/*",
                                    "rm -rf `pwd`",
                                    "rm -rf \"$(git rev-parse --show-toplevel)\"",
                                    "cd build && rm -rf *",
                                    "rm -rf @PROJECT@",
                                    "rm -rf @PROJECT@/",
                                    "rm -rf @PROJECT@/*",
                                    "rm -rf @PROJECT@/./sub/..",
                                    "rm -rf @ABOVE@",
                                    "rm -rf ${HOME:?}/*",
                                    "rm -rf /etc",
                                    "rm -rf /usr/*",
                                    "rm -rf /usr/local/",
                                    "rm -rf /home /x",
                                    "rm -rf //",
                                    "sudo rm -rf --no-preserve-root /.",
                                    "bash -c 'rm -rf *'",
                                    "find . -delete",
                                    "find -delete",
                                    "find . -type f -delete",
                                    "find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +",
                                    "find / -exec rm -rf {} +",
                                    "find ./* -execdir /bin/rm -r {} \\;",
                                    "find . -not -name .git -delete",
                                    "find . ! -path './.git/*' -delete",
                                    "find . -name '*' -delete",
                                    "find . -name x -o -delete",
                                    "find . -name .git -prune -o -exec rm -rf {} +",
                                    "find \"$PWD\" -type f -exec sh -c 'rm \"$1\"' _ {} \\;",
                                    "find src @PROJECT@ -delete",
                                    "find .git -delete",
                                    "git rm -rf .",
                                    "shred -n 1 /dev/sda",
                                    "find . -name '*.o' -exec true \\; ; find . -delete"}) {
    std::string asked = command;
    for (const auto& [word, path] : {std::pair("@PROJECT@", project()), {"@ABOVE@", directory.path()}}) {
      for (auto at = asked.find(word); at != std::string::npos; at = asked.find(word))
        asked.replace(at, std::string(word).size(), path);
    }
    EXPECT_EQ(guard_rail_of(asked), 2) << asked;
  }
  // Where the agent says that it stands.
  const auto from = [&](const std::string& folder, const std::string& command) {
    return guard_rail(Json{{"cwd", folder}, {"tool_input", {{"command", command}}}}.dump());
  };
  EXPECT_EQ(from("/fifth/other/sub", "rm -rf /fifth/other"), 2);
  EXPECT_EQ(from("/fifth/other/sub", "rm -rf /fifth/third"), 0);
}

TEST_F(AgentPolicy, TheGuardRailLetsPassWhatNamesItsTarget) {
  for (const std::string& command : {std::string("rm -rf build/"),
                                     std::string("rm -rf build/*"),
                                     std::string("rm -rf ./node_modules"),
                                     std::string("rm -rf **/node_modules"),
                                     std::string("rm -rf *.o src/*.o"),
                                     std::string("rm -rf ../other"),
                                     std::string("rm -rf /tmp/x"),
                                     std::string("rm -rf /etc/fifth"),
                                     std::string("rm -rf /usr/local/fifth"),
                                     std::string("rm -rf /var/lib/apt/lists/*"),
                                     std::string("rm -rf ~/.cache"),
                                     std::string("rm -rf \"$HOME/.cache\""),
                                     std::string("rm -rf \"$PWD/build\""),
                                     std::string("rm -rf $(pwd)/build"),
                                     std::string("rm -rf \"$BUILD\"/*"),
                                     std::string("rm -rf $PWDX"),
                                     "rm -rf " + project() + "/build",
                                     "rm -rf " + project() + "2",
                                     std::string("rm -f *"),
                                     std::string("rm x .y"),
                                     std::string("ls | xargs -I{} rm -rf {}"),
                                     std::string("find . -name '*.o' -delete"),
                                     std::string("find . -type d -name __pycache__ -exec rm -rf {} +"),
                                     std::string("find . \\( -name '*.o' -o -name '*.a' \\) -delete"),
                                     std::string("find . -path ./.git -prune -o -name '*.o' -print -delete"),
                                     std::string("find . -empty -delete"),
                                     std::string("find build -delete"),
                                     std::string("find . -mtime +30 -delete"),
                                     std::string("find . -type f -exec grep -l x {} +"),
                                     std::string("find . -delete-me"),
                                     std::string("shred -u notes.txt"),
                                     std::string("git rm -r --cached ."),
                                     std::string("git rm -r old"),
                                     std::string("git commit -m 'rm -rf . and git checkout -- .'")}) {
    EXPECT_EQ(guard_rail_of(command), 0) << command;
  }
}

TEST_F(AgentPolicy, TheGuardRailRefusesGitThatThrowsWorkAway) {
  for (const char* command : {"git checkout .",
                              "git checkout -- .",
                              "git checkout HEAD -- .",
                              "git checkout main ./",
                              "git checkout -- *",
                              "git checkout -- :/",
                              "git checkout -- \"$PWD\"",
                              "git checkout -f -- ..",
                              "git -C x checkout -- .",
                              "git restore .",
                              "git restore --source=HEAD~1 .",
                              "git restore -SW .",
                              "git restore --staged --worktree -- .",
                              "git restore ':(top)'",
                              "git stash drop",
                              "git stash drop stash@{1}",
                              "git stash clear",
                              "git branch -D old",
                              "git branch -rD origin/old",
                              "git branch --delete --force old",
                              "git branch -d -f old",
                              "git push --delete origin main",
                              "git push origin -d main",
                              "git push origin :main",
                              "git push origin main :refs/tags/v1",
                              "git config --global core.hooksPath x",
                              "git config set core.sshCommand x",
                              "git config --add core.fsmonitor ./x",
                              "git config core.hooksPath ''"}) {
    EXPECT_EQ(guard_rail_of(command), 2) << command;
  }
}

TEST_F(AgentPolicy, TheGuardRailLetsPassGitThatKeepsIt) {
  for (const char* command : {"git checkout -b x",
                              "git checkout main",
                              "git checkout -",
                              "git checkout -- src/a.c",
                              "git checkout feature/x.y",
                              "git checkout ./src",
                              "git restore --staged .",
                              "git restore -S .",
                              "git restore src",
                              "git stash",
                              "git stash pop",
                              "git stash list",
                              "git stash push -m 'drop it'",
                              "git branch -d x",
                              "git branch --delete x",
                              "git branch drop",
                              "git branch -m D",
                              "git push origin HEAD:main",
                              "git push -u origin main",
                              "git push origin :",
                              "git push --tags",
                              "git config --get core.hooksPath",
                              "git config --get-all core.fsmonitor x",
                              "git config core.hooksPath",
                              "git config --global core.sshCommand 2>/dev/null",
                              "git config --unset core.hooksPath",
                              "git config --unset-all core.hooksPath '^x'",
                              "git config get core.hooksPath",
                              "git config --list | grep core.hooksPath",
                              "git add .",
                              "git diff -- .",
                              "git status ."}) {
    EXPECT_EQ(guard_rail_of(command), 0) << command;
  }
}

TEST_F(AgentPolicy, TheGuardRailRefusesWhatItCannotRead) {
  for (const char* call : {"no json", "{}", "", "{\"tool_input\": {\"command\": 5}}"})
    EXPECT_EQ(guard_rail(call), 2) << call;
  EXPECT_EQ(guard_rail_of("git status " + std::string(60'000, 'x')), 2) << "it would take too long";
}

TEST_F(AgentPolicy, TheGuardRailJudgesWhatToolsRead) {
  const auto reading = [this](const char* tool, const Json& input) {
    return guard_rail(Json{{"tool_name", tool}, {"tool_input", input}}.dump());
  };
  EXPECT_EQ(reading("read_file", {{"file_path", ".env"}}), 2);
  EXPECT_EQ(reading("read_file", {{"file_path", "src/env.ts"}}), 0);
  EXPECT_EQ(reading("read_many_files", {{"include", {"a.txt", "sub/x.pem"}}}), 2);
  EXPECT_EQ(reading("read", {{"filePath", "/run/secrets/KEY"}}), 2);
  EXPECT_EQ(reading("read", {{"filePath", "/w/.env.example"}}), 0);
  EXPECT_EQ(reading("grep", {{"pattern", ".env"}}), 0) << "what is looked for is no file";
  EXPECT_EQ(reading("grep_search", {{"pattern", "KEY"}, {"include_pattern", "id_rsa"}}), 2);
  EXPECT_EQ(reading("another", {{"file_path", "a.txt"}}), 2) << "it is not known what it reads";
}

// Every agent that runs commands by itself asks the same program, and has what it needs.
TEST_F(AgentPolicy, EveryShippedAgentAsksTheGuardRail) {
  for (const AgentProfile& agent : agent_profiles()) {
    if (!agent.needs_image()) continue;
    EXPECT_THAT(agent.programs, Contains("jq")) << agent.name;
    bool has_rail = false;
    bool asks = false;
    for (const AgentFile& file : agent.files) {
      if (file.path == "/opt/drydock/policy/guard-rail")
        has_rail = file.executable;
      else if (file.text.find("/opt/drydock/policy/guard-rail") != std::string::npos)
        asks = true;
    }
    EXPECT_TRUE(has_rail && asks) << agent.name;
  }
}

}  // namespace
}  // namespace drydock::core
