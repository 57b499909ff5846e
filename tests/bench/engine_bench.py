#!/usr/bin/python3
"""Downloads over TLS from the lab's internet, by a container of the engine's own and by an agent behind its sidecar, in turn.

usage, in a lab of one configuration: tests/lab/lab --config P4r tests/bench/engine_bench.py BUILD-DIRECTORY [ROUNDS]
"""

import statistics
import sys

from in_lab import IMAGE, Bench, as_user

VOLUME = 256 << 20
# Each download with a connection of its own.
CURL = ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}\\n", f"https://allowed.test/bytes/{VOLUME}"]


def main():
    bench = Bench()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ways = {"direct": lambda: as_user(bench.engine, "run", "--rm", IMAGE, *CURL),
            "guarded": lambda: bench.run("--allow", "allowed.test", "--", *CURL)}
    speeds = {way: [] for way in ways}
    for _ in range(rounds):
        for way, download in ways.items():
            speeds[way].append(float(download().stdout) / 1e6)
    direct, guarded = (statistics.median(measured) for measured in speeds.values())
    print(f"{bench.config}: download over TLS, median of {rounds}: {direct:.0f} MB/s by a container of the engine's own, {guarded:.0f} MB/s "
          f"by an agent behind its sidecar, ratio {guarded / direct:.2f}")


if __name__ == "__main__":
    main()
