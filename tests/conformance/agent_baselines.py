"""That every host of a shipped baseline is needed, for tests/conformance/agents: with it taken out of the profile, something no longer works.

For each host there is a task that the agent does with the baseline as it is, and does not do with this host alone taken away, for which it asks then.
"""

import base64
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/lab")
from drydock_in_lab import as_user, fail  # noqa: E402

ENOUGH = 30  # seconds for one step; some try for longer to reach their model


def token(claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.{part('none')}"


def account():
    """Codex logged in with an account of ChatGPT, as a command of the shell."""
    claims = {"email": "dev@lab.test", "exp": int(time.time()) + 86400,
              "https://api.openai.com/auth": {"chatgpt_plan_type": "pro", "chatgpt_account_id": "lab", "chatgpt_user_id": "lab"}}
    login = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "last_refresh": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "tokens": {"id_token": token(claims), "access_token": token(claims), "refresh_token": "none", "account_id": "lab"}}
    text = base64.b64encode(json.dumps(login).encode()).decode()
    # In the key's place, and of no session after this one. The lab's model reads no compressed requests.
    return (f"trap 'rm ~/.codex/auth.json' EXIT && rm ~/.codex/auth.json && echo {text} | base64 -d >~/.codex/auth.json && "
            "printf '[features]\\nenable_request_compression = false\\n' >~/.codex/config.toml && ")


# By agent and host: what is lost without it, and what comes before the agent's command to see that.
NEEDED = {
    "claude": {"api.anthropic.com": ("its model", "")},
    "codex": {"api.openai.com": ("its model, with a key", ""),
              "chatgpt.com": ("its model, with an account of ChatGPT", account())},
    "gemini": {"generativelanguage.googleapis.com": ("its model", "")},
    # The lab's model is none of those that it knows by itself.
    "opencode": {"models.opencode.ai": ("models that are newer than the program", "")},
}
# A host of a vendor's that is not the one which is looked at must not stand in for it.
ALONE = {("codex", "chatgpt.com"): ["chatgpt.com"]}


class Baseline:
    """The profile of an agent as it is installed in the lab."""

    def __init__(self, bench, agent, about):
        self.bench = bench
        self.agent = agent
        self.about = about
        self.path = os.path.dirname(bench.drydock.split()[0]) + f"/agents/{agent}.json"
        with open(self.path, encoding="utf-8") as file:
            self.profile = json.load(file)

    def with_hosts(self, hosts):
        kept = [entry for entry in self.profile["baseline"] if entry["host"] in hosts]
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({**self.profile, "baseline": kept}, file)

    def says(self, before):
        """What is said when it is told to do one step."""
        prompt = "script:" + base64.b64encode(json.dumps(["echo done >done.txt"]).encode()).decode()
        # Without a host an agent fails, or is ended, which is as it should be: what counts is whether the step was done.
        command = f"{before}timeout {ENOUGH} {self.about['command']} || true"
        folder = self.bench.project()
        said = self.bench.session(self.agent, self.about, folder, command, prompt, f"--secret {self.about['key']}")
        return os.path.exists(folder + "/done.txt") and "script: done after 1 results" in said, said

    def require_needed(self):
        hosts = [entry["host"] for entry in self.profile["baseline"]]
        if sorted(hosts) != sorted(NEEDED[self.agent]):
            fail(f"what {self.agent} needs of its baseline, {', '.join(hosts)}, is not all looked at: {', '.join(NEEDED[self.agent])}")
        for host, (lost, before) in NEEDED[self.agent].items():
            self.with_hosts(ALONE.get((self.agent, host), hosts))
            works, said = self.says(before)
            if not works:
                fail(f"{self.agent} does not work with {host}:\n{said[-5000:]}")
            self.with_hosts([name for name in hosts if name != host])
            works, said = self.says(before)
            if works:
                fail(f"{self.agent} has not lost {lost} without {host}: take it out of its baseline in src/agents\n{said[-5000:]}")
            if f"drydock:   {host}, " not in said:
                fail(f"{self.agent} was not refused {host}:\n{said[-5000:]}")
        self.with_hosts(hosts)
