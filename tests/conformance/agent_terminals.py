"""That an agent with a key is at work at once on a terminal, for tests/conformance/agents: nobody is asked who it is, which colours it is to have, or
whether the project is to be trusted. It is started as a user would start it, nothing is typed before its prompt is there, and what is typed then reaches its model with the key.

The control: with nothing in its profile's `seed`, it asks.
"""

import hashlib
import json
import os
import re
import secrets
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [ROOT + "/tests/lab", ROOT + "/tests/support"]
import pty_driver  # noqa: E402
from drydock_in_lab import LAB, as_user, fail  # noqa: E402

LONGEST = 60  # seconds for one screen

# By agent: (variable of a key, what it looks like) that setup-token knows by itself, what is on the screen when it waits for a prompt, and what is
# there when it asks for something else.
SCREENS = {
    "claude": {"keys": [("ANTHROPIC_API_KEY", "sk-ant-api03-"), ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-")],
               "ready": r"\? for shortcuts",
               "asks": r"Choose the text style|Select login method|Do you want to use this API key|Do you trust|Is this a project you|"
                       r"Unable to connect to Anthropic services"},  # its wizard looks for another host than the model's first
    "codex": {"keys": [("OPENAI_API_KEY", "sk-proj-")],
              "ready": r"Ask Codex to do anything",
              "asks": r"Sign in with ChatGPT|Trust this folder"},
    "gemini": {"keys": [("GEMINI_API_KEY", "AIza")],
               "ready": r"Type your message",
               "asks": r"How would you like to authenticate|Do you trust"},
    # It asks for nothing by itself.
    "opencode": {"keys": [("ANTHROPIC_API_KEY", "sk-ant-api03-")], "ready": r"Ask anything", "asks": None},
}

ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0e-\x1f]", re.DOTALL)
COLOURS = re.compile(rb"\x1b\[[0-9;:]*m")
# What a terminal is asked, and says.
QUESTIONS = [(rb"\x1b\[6n", b"\x1b[1;1R"), (rb"\x1b\[0?c", b"\x1b[?62;22c"), (rb"\x1b\]1[01];\?(?:\x07|\x1b\\)", b"")]


def words_of(output):
    """What was drawn: words, each of which stands where it was first put."""
    return " ".join(ESCAPES.sub(b" ", COLOURS.sub(b"", output)).decode(errors="replace").split())


class Terminal(pty_driver.Terminal):
    """One that answers."""

    def __init__(self, line):
        self.answered = 0
        super().__init__(["env", "TERM=xterm-256color", LAB + "/as-user", "bash", "-c", line], "40x120")

    def turn(self, seconds):
        super().turn(seconds)
        news, end = self.all[self.answered:], 0
        for question, answer in QUESTIONS:
            for found in re.finditer(question, news):
                os.write(self.master, answer)
                end = max(end, found.end())
        self.answered += end

    def shows(self, pattern):
        """Whether it comes to that, before the program ends."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            self.turn(0.2)
            if re.search(pattern, words_of(self.all)):
                return True
            if any(word.startswith("ended") for word in self.words):
                return False
        return False

    def type(self, text):
        """As a person does: what comes at once is taken for a paste, and a return in it for a line's end."""
        for key in (text, "\r"):
            os.write(self.master, key.encode())
            end = time.monotonic() + 1
            while time.monotonic() < end:
                self.turn(0.1)


class AtTerminal:
    def __init__(self, bench, agent, options, logs):
        self.bench = bench
        self.agent = agent
        self.options = options
        self.logs = logs
        self.about = SCREENS[agent]
        self.path = os.path.dirname(bench.drydock.split()[0]) + f"/agents/{agent}.json"

    def start(self):
        return Terminal(f"cd {self.bench.project()} && exec {self.bench.drydock} run --name terminal --agent {self.agent} {self.options}")

    def end(self, terminal):
        # It may have ended by itself.
        as_user(f"{self.bench.drydock} -q stop terminal || true")
        terminal.close()

    def all(self):
        for name, prefix in self.about["keys"]:
            key = prefix + secrets.token_hex(48)
            said = as_user(f"echo {key} | {self.bench.drydock} setup-token {self.agent} 2>&1")
            if name not in said:
                fail(f"drydock setup-token {self.agent} has kept another kind of key:\n{said}")
            self.require_ready(key)
            if self.about["asks"] and (name, prefix) == self.about["keys"][0]:
                self.require_asking()
            as_user(f"{self.bench.drydock} revoke-token {self.agent} 2>&1")

    def require_ready(self, key):
        before = self.logs()
        terminal = self.start()
        try:
            if not terminal.shows(self.about["ready"]):
                fail(f"{self.agent} is not ready, with a key that is kept:\n{words_of(terminal.all)}")
            terminal.type("hello")
            answered = terminal.shows("script: done after 0 results")
        finally:
            self.end(terminal)
        asked = [json.loads(line) for line in before.since()["requests"].splitlines()]
        keys = {event.get("key") for event in asked if event.get("method") == "POST"}
        if not answered or hashlib.sha256(key.encode()).hexdigest() not in keys:
            fail(f"{self.agent} has not asked its model with the key that is kept:\n{words_of(terminal.all)}\n{asked}")
        if self.about["asks"] and re.search(self.about["asks"], words_of(terminal.all)):
            fail(f"{self.agent} has asked for something:\n{words_of(terminal.all)}")

    def require_asking(self):
        with open(self.path, encoding="utf-8") as file:
            profile = file.read()
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({name: value for name, value in json.loads(profile).items() if name != "seed"}, file)
        terminal = self.start()
        try:
            # Codex draws its prompt before it asks.
            asks = terminal.shows(self.about["asks"])
        finally:
            self.end(terminal)
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(profile)
        if not asks:
            fail(f"the control: {self.agent} asks for nothing by itself:\n{words_of(terminal.all)}")
