#!/usr/bin/python3
"""Lets each shell load its completion script, and bash and fish complete lines with it.

usage: completion.py DRYDOCK
"""

import os
import subprocess
import sys
import tempfile

BASH = """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_drydock
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What is typed, the last word being begun -> words that are offered, words that are not.
LINES = [
    ("drydock ", {"run", "list", "completion"}, {"--image"}),
    ("drydock li", {"list"}, {"run"}),
    ("drydock --runtime ", {"auto", "podman", "docker"}, {"run"}),
    ("drydock --runtime podman sm", {"smoke"}, set()),
    ("drydock run --mode ", {"contained", "dood"}, set()),
    ("drydock run --pro", {"--project-ro"}, {"--image"}),
    ("drydock gc --", {"--dry-run", "--json"}, {"--image"}),
    ("drydock run --allow example.org --wo", {"--workdir"}, set()),
    ("drydock default ", {"contained", "dood"}, {"list"}),
    ("drydock run fold", {"folder"}, {"file"}),
    ("drydock run --env-file fi", {"file"}, set()),
    ("drydock egress ", {"list", "test", "allow", "revoke", "denied", "log"}, {"run"}),
    ("drydock egress allow --", {"--session", "--for", "--dry-run"}, {"--verify"}),
    ("drydock list --", {"--filter"}, {"--project"}),
    ("drydock stop ", {"0123abcd"}, {"SESSION"}),
]


def offered_by_bash(script, line, environment):
    words = line.split()
    if line.endswith(" "):
        words.append("")
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", script, *words], capture_output=True, text=True, check=True, env=environment)
    assert not done.stderr, done.stderr
    return {word.rstrip("/") for word in done.stdout.split("\n")}


def offered_by_fish(script, line, environment):
    done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, text=True, check=True,
                          env=environment)
    assert not done.stderr, done.stderr
    return {word.split("\t")[0].rstrip("/") for word in done.stdout.split("\n")}


def main():
    program = os.path.abspath(sys.argv[1])
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        scripts = {}
        for shell in ("bash", "zsh", "fish"):
            scripts[shell] = f"{folder}/completion.{shell}"
            with open(scripts[shell], "w", encoding="utf-8") as file:
                subprocess.run([program, "completion", shell], stdout=file, check=True)
        os.mkdir(f"{folder}/bin")
        # Sessions need an engine; what the scripts make of a list does not.
        with open(f"{folder}/bin/drydock", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho 'SESSION   PROJECT'; echo '0123abcd  /srv/demo'\n")
        os.chmod(f"{folder}/bin/drydock", 0o755)
        os.mkdir(f"{folder}/folder")
        open(f"{folder}/file", "w", encoding="utf-8").close()
        os.chdir(folder)
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": folder}
        for line, wanted, unwanted in LINES:
            for shell, offer in (("bash", offered_by_bash), ("fish", offered_by_fish)):
                offered = offer(scripts[shell], line, environment)
                if not wanted <= offered or unwanted & offered:
                    failures.append(f"{shell}, '{line}': {sorted(offered)[:20]}")
        zsh = subprocess.run(["zsh", "-f", "-c", f"autoload -Uz compinit && compinit -D && fpath=({folder} $fpath) && "
                              f"cp {scripts['zsh']} {folder}/_drydock && autoload -Uz _drydock && autoload +X _drydock && zsh -n {folder}/_drydock"],
                             capture_output=True, text=True, env=environment)
        if zsh.returncode != 0 or zsh.stderr:
            failures.append(f"zsh: {zsh.stderr}")
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
