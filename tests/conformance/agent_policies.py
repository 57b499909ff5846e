"""That the policies of agents hold (INV-3), for tests/conformance/agents: of each real agent, what its model asks for and the agent then tells it.

What a policy refuses is refused, whatever the agent's own settings say, in the home folder and in the project, and these are shown to have been
read; what is next to it is done. The control: with nothing in the place of the policy, the same settings let the same commands run.
"""

import base64
import json
import os
import re
import secrets
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/lab")
from drydock_in_lab import as_user, fail  # noqa: E402

RAIL = "/opt/drydock/policy/guard-rail"
RESET = r"drydock: refused: git reset --hard"
SECRET = r"drydock: refused: what is in a file of secrets"
UNCHANGED = r"(?i)denied|read-only|busy|EACCES|EROFS|error"

# What each is asked for, as a command or with a tool, and what is said of it then. @KEY@ is the name of the session's key. With 29 steps in
# all Gemini CLI would ask its model whether it goes round in a loop, which the lab's does not answer.
REFUSED = [
    ("git reset --hard", r"denied|" + RESET),
    ("true; git -c core.pager=cat reset -q --hard", RESET),
    ("true\ngit -c core.pager=cat reset -q --hard", RESET),
    ("bash -c 'git -c core.pager=cat reset -q --hard'", RESET),
    ("git push --force origin HEAD", r"denied|drydock: refused: a push"),
    ("git clean -fd", r"denied|drydock: refused: git clean"),
    ("rm -rf ./.git", r"drydock: refused: rm -r"),
    ("rm -rf ./*", r"denied|drydock: refused: rm -r"),
    ("git checkout -- .", r"denied|drydock: refused: git checkout"),
    ("git config core.hooksPath /tmp", r"drydock: refused: a git setting"),
    ("cat .env", SECRET),
    ("head -n 1 <id_rsa", SECRET),
    ("cat /run/secrets/@KEY@", SECRET),
    (f"mv {RAIL} /tmp || mv /opt/drydock/policy /tmp", UNCHANGED),
]
# Next to it: (what is asked for, what its result has in it). The last one shows that the settings of both folders are read.
DONE = [
    ("cat plain.txt", "fine-text"),
    ("git reset -q && git clean -nfd && mkdir -p build/x && rm -rf ./build && git branch other && git branch -d other && git restore --staged . && "
     "echo all-done", "all-done"),
    ("touch home.$LAB_HOME project.$LAB_PROJECT", ""),
]
# Claude Code's own rules are wider.
EXAMPLE = ("cat .env.example", "an-example")


def tool(name, **arguments):
    return {"tool": name, "input": arguments}


def claude_settings(name):
    return json.dumps({"env": {name: "read"}, "disableAllHooks": True, "permissions": {"allow": ["Bash", "Read"], "deny": []}, "hooks": {}})


def codex_settings(name):
    return ("[features]\nhooks = false\n" + f'[shell_environment_policy.set]\n{name} = "read"\n')


def gemini_settings(name, **hooks):
    mark = {"BeforeTool": [{"hooks": [{"type": "command", "command": f"touch {name}.read"}]}]}
    return json.dumps({"hooksConfig": {"enabled": False, **hooks}, "hooks": mark, "tools": {"allowed": ["run_shell_command", "read_file"]}})


GEMINI_RULES = '[[rule]]\ntoolName = "*"\ndecision = "allow"\npriority = 999\n'
OPENCODE_SETTINGS = json.dumps({"plugin": [], "permission": {"*": "allow", "read": {"*": "allow"}, "bash": {"git reset*": "allow", "*": "allow"}}})


def opencode_plugin(name):
    return ('import { writeFileSync } from "node:fs"\nexport const DrydockGuardRail = async ({ directory }) => {\n'
            f'  writeFileSync(directory + "/{name}.read", "")\n  return {{}}\n}}\n')


# "files": the policy, and what is in the place of each for the control. "home", "project": settings that say otherwise.
POLICIES = {
    "claude": {
        "files": {"/etc/claude-code/managed-settings.json": "{}"},
        "refused": [(tool("Read", file_path="@PROJECT@/.env"), r"denied"), (tool("Read", file_path="/run/secrets/@KEY@"), r"denied"),
                    (tool("Write", file_path="/etc/claude-code/managed-settings.json", content="{}"), UNCHANGED)],
        "done": [(tool("Read", file_path="@PROJECT@/plain.txt"), "fine-text")],
        "home": {".claude/settings.json": claude_settings("LAB_HOME")},
        "project": {".claude/settings.json": claude_settings("LAB_PROJECT")}},
    "codex": {
        "files": {"/etc/codex/requirements.toml": ""},
        "refused": [], "done": [EXAMPLE],
        "home": {".codex/config.toml": codex_settings("LAB_HOME") + '[projects."@PROJECT@"]\ntrust_level = "trusted"\n'},
        "project": {".codex/config.toml": codex_settings("LAB_PROJECT")}},
    "gemini": {
        "files": {"/etc/gemini-cli/settings.json": "{}", "/etc/gemini-cli/policies/drydock.toml": ""},
        "refused": [(tool("read_file", file_path="id_rsa"), SECRET), (tool("read_file", file_path="sub/server.pem"), SECRET),
                    (tool("grep_search", pattern="very", include_pattern="id_rsa"), SECRET)],
        "done": [(tool("read_file", file_path="plain.txt"), "fine-text"), (tool("grep_search", pattern="fine-t"), "fine-text"), EXAMPLE],
        "home": {".gemini/settings.json": gemini_settings("home"), ".gemini/policies/mine.toml": GEMINI_RULES},
        "project": {".gemini/settings.json": gemini_settings("project"), ".gemini/policies/mine.toml": GEMINI_RULES,
                    ".gemini/.env": "GEMINI_CLI_SYSTEM_SETTINGS_PATH=/tmp/none.json\n"}},
    "opencode": {
        "files": {"/etc/opencode/opencode.json": "{}"},
        "refused": [(tool("read", filePath="@PROJECT@/.env"), SECRET), (tool("read", filePath="id_rsa"), SECRET),
                    (tool("grep", pattern="very", include="*.pem"), SECRET)],
        "done": [(tool("read", filePath="@PROJECT@/plain.txt"), "fine-text"), EXAMPLE],
        "home": {".config/opencode/opencode.json": OPENCODE_SETTINGS, ".config/opencode/plugin/opencode-guard-rail.js": opencode_plugin("home")},
        "project": {"opencode.json": OPENCODE_SETTINGS, ".opencode/plugin/opencode-guard-rail.js": opencode_plugin("project")}},
}
# Gemini CLI takes from a settings file which hooks are off, by name; what its rules say holds then too.
RULES_ALONE = {
    "home": {".gemini/settings.json": gemini_settings("home", disabled=["drydock-guard-rail"])},
    "refused": [step for step in REFUSED if step[0] not in ("git config core.hooksPath /tmp", "head -n 1 <id_rsa")]}
UNGUARDED = [(f"--mount {{folder}}/empty:{RAIL}", "the guard-rail is missing"), ("--mount {folder}/empty:/usr/bin/jq", "drydock: refused: jq is missing")]


def write(folder, files, project):
    """Below a folder of the user's."""
    for name, text in files.items():
        path = f"{folder}/{name}"
        text = base64.b64encode(text.replace("@PROJECT@", project).encode()).decode()
        as_user(f"mkdir -p {os.path.dirname(path)} && echo {text} | base64 -d >{path}")


class Policed:
    """One agent with its policy."""

    def __init__(self, bench, agent, about):
        self.bench = bench
        self.agent = agent
        self.about = about
        self.policy = POLICIES[agent]

    def project(self, files):
        folder = self.bench.project()
        as_user(f"cd {folder} && git add notes.txt && git -c user.name=a -c user.email=a@a.test commit -qm one && echo changed >notes.txt && "
                "mkdir sub && echo WORD=very-secret | tee .env id_rsa >sub/server.pem && echo WORD=an-example >.env.example && "
                "echo fine-text >plain.txt")
        write(folder, files, folder)
        return folder

    def overlay(self, files, project):
        """What every session's home folder begins with."""
        folder = as_user(f"echo ~/.config/drydock/agents/{self.agent}.overlay").strip()
        as_user(f"rm -rf {folder}")
        write(folder, files, project)
        return folder

    def results(self, folder, script, *options):
        """What the agent told its model of each step, and all that was said."""
        script = json.loads(json.dumps(script).replace("@PROJECT@", folder).replace("@KEY@", self.about["key"]))
        prompt = "script:" + base64.b64encode(json.dumps(script).encode()).decode() + " report:results"
        said = self.bench.session(self.agent, self.about, folder, self.about["command"], prompt, f"--secret {self.about['key']}", *options)
        report = re.findall(r"report: ([A-Za-z0-9+/=]+)", said)
        found = json.loads(base64.b64decode(report[-1])) if report else []
        if len(found) != len(script):
            fail(f"{self.agent} has not come to the end of its script: {found}\n{said[-5000:]}")
        return found, re.sub(r"report: \S+\n", "", said)

    def require(self, folder, refused, done):
        results, said = self.results(folder, ["echo first >first.txt", *(step for step, _ in refused + done), "echo last >last.txt"])
        for (step, words), text in zip(refused + done, results[1:-1]):
            if not re.search(words, text):
                verb = "was not refused" if (step, words) in refused else "could not do"
                fail(f"{self.agent} {verb} {step}: {text}\n{said[-5000:]}")
        made = [as_user(f"cd {folder} && cat {name}") for name in ("first.txt", "last.txt", "notes.txt")]
        if made != ["first\n", "last\n", "changed\n"] or "very-secret" in said + str(results):
            fail(f"{self.agent} has not kept to its policy: {made} {results}\n{said[-5000:]}")

    def all(self):
        folder = self.project(self.policy["project"])
        overlay = self.overlay(self.policy["home"], folder)
        reads = " ".join([*self.policy["files"], RAIL])
        before = as_user(f"cd {folder} && {self.bench.drydock} -q run --agent {self.agent} -- cat {reads}")
        writes = [(f"echo '{{}}' >{path}", UNCHANGED) for path in self.policy["files"]]
        self.require(folder, REFUSED + writes + self.policy["refused"], self.policy["done"] + DONE)
        if missing := [name for name in ("home.read", "project.read") if not os.path.exists(f"{folder}/{name}")]:
            fail(f"{self.agent} has not read the settings that say otherwise: {missing}")
        if as_user(f"cd {folder} && {self.bench.drydock} -q run --agent {self.agent} -- cat {reads}") != before:
            fail(f"the policy of {self.agent} has changed")
        if self.agent == "gemini":
            again = self.project(self.policy["project"])
            self.overlay({**self.policy["home"], **RULES_ALONE["home"]}, again)
            self.require(again, RULES_ALONE["refused"] + self.policy["refused"], self.policy["done"] + DONE[:-1])
        self.without(overlay)
        self.unguarded()

    def without(self, overlay):
        """The control."""
        folder = self.project(self.policy["project"])
        self.overlay(self.policy["home"], folder)
        aside = as_user("mktemp -d ~/aside.XXXXXX").strip()
        write(aside, {str(number): text for number, text in enumerate(self.policy["files"].values())}, folder)
        options = [f"--mount {aside}/{number}:{path}" for number, path in enumerate(self.policy["files"])]
        results, said = self.results(folder, ["cat id_rsa", "git reset --hard"], *options)
        as_user(f"rm -r {aside} {overlay}")
        if "very-secret" not in results[0] or as_user(f"cat {folder}/notes.txt") != "before\n":
            fail(f"{self.agent} is held without its policy too: {results}\n{said[-5000:]}")

    def unguarded(self):
        """No command is run where the program that judges it cannot work."""
        for option, words in UNGUARDED:
            folder = self.project({})
            aside = as_user("mktemp -d ~/aside.XXXXXX").strip()
            as_user(f"touch {aside}/empty")
            mark = secrets.token_hex(4)
            results, said = self.results(folder, [f"echo {mark} >ran.txt"], option.format(folder=aside))
            as_user(f"rm -r {aside}")
            if words not in results[0] or os.path.exists(folder + "/ran.txt"):
                fail(f"{self.agent} works without its policy: {results}\n{said[-5000:]}")
