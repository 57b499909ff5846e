#!/usr/bin/python3
"""Downloads over TLS from the lab's internet, by a container of the engine's own and by an agent behind its sidecar, in turn.

usage, in a lab of one configuration: tests/lab/lab --config P4r tests/bench/engine_bench.py BUILD-DIRECTORY [ROUNDS]
"""

import os
import statistics
import subprocess
import sys

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab")
IMAGE = "localhost/drydock-test:latest"
VOLUME = 256 << 20
# Each download with a connection of its own.
CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}\\n", f"https://allowed.test/bytes/{VOLUME}"]


def as_user(*words):
    return subprocess.run([f"{LAB}/as-user", *words], check=True, text=True, stdout=subprocess.PIPE, cwd="/").stdout


def main():
    if not os.environ.get("DRYDOCK_LAB_CONFIG"):
        sys.exit("only inside a lab: tests/lab/lab --config P4r tests/bench/engine_bench.py BUILD-DIRECTORY")
    build, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    config = os.environ["DRYDOCK_LAB_CONFIG"]
    engine = "docker" if config.startswith("D") else "podman"
    archive = os.path.join(os.environ["TMPDIR"], "bench-image.tar")
    subprocess.run([f"{build}/tests/support/drydock-test-image", "--ca", os.environ["DRYDOCK_LAB_CA"], archive, IMAGE], check=True)
    os.chmod(archive, 0o644)
    as_user(engine, "load", "-q", "-i", archive)
    project = as_user("mktemp", "-d", "/tmp/project.XXXXXX").strip()
    drydock = [f"{build}/src/drydock", "--runtime", engine, "run", "-q", "--image", IMAGE, "--allow", "allowed.test", "--"]
    ways = {"direct": [engine, "run", "--rm", IMAGE, *CURL],
            "guarded": ["sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", project, *drydock, *CURL]}
    speeds = {way: [] for way in ways}
    for _ in range(rounds):
        for way, words in ways.items():
            speeds[way].append(float(as_user(*words)) / 1e6)
    direct, guarded = (statistics.median(measured) for measured in speeds.values())
    print(f"{config}: download over TLS, median of {rounds}: {direct:.0f} MB/s by a container of the engine's own, {guarded:.0f} MB/s "
          f"by an agent behind its sidecar, ratio {guarded / direct:.2f}")


if __name__ == "__main__":
    main()
