#!/usr/bin/python3
"""README.md's commands for a first use, one after the other as they stand there, by a user who has never run drydock.

In the lab, on rootless Podman. What the user has beside the page is an npm that is set up with the lab's registry, the lab's authority
and, because the lab reaches no mirror, the base root file system in drydock's cache: `drydock build --base bootstrap` makes it on this machine
when there is none yet. The model is the lab's. Fails when a command does not do what it is there for, or when the page has other commands than this test.

usage: first_use.py README PROGRAM-DIRECTORY
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lab"))
from drydock_in_lab import LAB, fail, in_lab, install  # noqa: E402

AGENTS = ("claude", "codex")
ANSWER = "script: done after 0 results"  # of the lab's model
# (the page's command, what it reads, its exit status, what it prints): the page's order. KEY is a key that the lab's model takes.
STEPS = [
    ("drydock build --agent claude", "", 0, r"(?m)^agent +localhost/drydock-agent-claude:"),
    ("cd project", "", 0, ""),
    ("drydock run", "hello", 1, r"login"),
    ("drydock setup-token claude", "KEY", 0, r"ANTHROPIC_API_KEY"),
    ("drydock run --secret ANTHROPIC_API_KEY", "hello", 0, ANSWER),
    ("drydock sync", "", 0, r"nothing is taken: sessions of claude begin without"),
    ("drydock run --agent codex -- --help", "", 0, r"Usage: codex"),
    ("drydock build --base bootstrap", "", 0, r"(?m)^base +localhost/drydock-base:"),
    ("drydock run --allow example.org -- make", "", 0, r"(?m)^made$"),
    ("drydock run --image REF -- CMD", "", 0, r"(?m)^1000$"),
    ("drydock shell", "echo shell of $(id -u)", 0, r"shell of 1000"),
    ("drydock doctor", "", 0, r"^drydock run would work here"),
    ("drydock smoke", "", 0, r"(?m)^(\d+) of \1 checks hold"),
    ("drydock run -d; drydock list; drydock stop --all", "", 0, r"(?ms)^([0-9a-f]{8})$.*^\1 .* detached .*^\1$"),
]


def commands_of(page):
    """Of the section "Use"."""
    with open(page, encoding="utf-8") as file:
        section = file.read().split("\n## Use\n")[1].split("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def run_steps(programs):
    """In the lab, as root."""
    cache = os.environ["DRYDOCK_FIRST_USE_CACHE"]
    home = subprocess.run([LAB + "/as-dev", "sh", "-c", "mkdir -p ~/.cache ~/project ~/.config/drydock; echo ~"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    shutil.copytree(cache, home + "/.cache/drydock")
    files = {".npmrc": "registry=https://registry.example/\n", "project/Makefile": "all:\n\t@echo made\n",
             ".config/drydock/config": f"env = NODE_EXTRA_CA_CERTS={home}/project/lab-ca.pem\n"}
    for path, text in files.items():
        with open(f"{home}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    shutil.copy(os.environ["DRYDOCK_LAB_CA"], home + "/project/lab-ca.pem")
    subprocess.run(["chown", "-R", "--reference", home, home], check=True)
    key = "sk-ant-api-" + secrets.token_hex(16)
    environment = f"PATH={install(programs)}:$PATH SSL_CERT_FILE=$DRYDOCK_LAB_CA ANTHROPIC_API_KEY={key}"
    folder, base = home, ""

    def shell(line, given):
        return subprocess.run([LAB + "/as-dev", "bash", "-c", f"export {environment}; cd {folder} && {line}"], text=True, check=False,
                              input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    for command, given, status, told in STEPS:
        if command == "cd project":
            folder = home + "/project"
            continue
        line = command.replace("REF", base).replace("CMD", "id -u")
        done = shell(line, given.replace("KEY", key))
        # An agent that the page does not build is told how.
        if hint := re.search(r"hint: make it with: (drydock build --agent .+)", done.stdout):
            shell(hint.group(1), "")
            done = shell(line, given.replace("KEY", key))
        if done.returncode != status or not re.search(told, done.stdout):
            fail(f"'{line}' ended with {done.returncode} instead of {status}, or has not printed '{told}':\n{done.stdout}")
        if key in done.stdout:
            fail(f"'{line}' tells the key:\n{done.stdout}")
        if made := re.search(r"localhost/drydock-base:\S+", done.stdout):
            base = made.group(0)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--run":
        run_steps(sys.argv[2])
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[-1])
    page, programs = sys.argv[1:]
    found, known = commands_of(page), [step[0] for step in STEPS]
    if found != known:
        fail("README.md has other commands than this test:\n" + "\n".join(found))
    cache = os.environ.get("DRYDOCK_LAB_CACHE", "/var/cache/drydock-lab") + "/base"
    os.makedirs(cache, mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        subprocess.run([os.path.join(programs, "drydock"), "-q", "build", "--base", "bootstrap", "--output", folder + "/base.tar"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": cache})
    packages = subprocess.run([LAB + "/agent_packages", *AGENTS], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    in_lab("P4r", __file__, "--run", os.path.realpath(programs), DRYDOCK_LAB_PACKAGES=packages, DRYDOCK_FIRST_USE_CACHE=cache + "/drydock")


if __name__ == "__main__":
    main()
