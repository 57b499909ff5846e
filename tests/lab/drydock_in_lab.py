"""For tests in the lab that are scripts: drydock as the lab's user has it."""

import os
import shutil
import subprocess
import sys

LAB = os.path.dirname(os.path.realpath(__file__))


def fail(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")


def run(*command):
    """What it printed, on either stream; the end of the script when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        fail(f"{' '.join(command)[:300]} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def as_user(line):
    return run(LAB + "/as-user", "bash", "-c", line)


def install(programs):
    """The folder that drydock, its guard, profiles of agents and groups of hosts now are in: the lab's user need not be able to read the checkout."""
    folder = os.environ["TMPDIR"] + "/programs"
    os.mkdir(folder)
    for name in ("drydock", "drydock-guard"):
        shutil.copy(os.path.join(programs, name), folder)
    for name in ("agents", "groups"):
        shutil.copytree(os.path.join(programs, name), f"{folder}/{name}")
    return folder


def in_lab(configuration, script, *arguments, **environment):
    """What the script printed there; the end of this one when it failed, which has said why."""
    command = [LAB + "/lab", "--config", configuration, os.path.realpath(script), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(1)
    return done.stdout
