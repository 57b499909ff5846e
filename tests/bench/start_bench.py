#!/usr/bin/python3
"""Where the time of a session's start goes, and what the canary adds to it: sessions of `true` with the canary and without, in turn.

usage, in a lab of one configuration: tests/lab/lab --config P4r tests/bench/start_bench.py BUILD-DIRECTORY [ROUNDS]
"""

import re
import statistics
import subprocess
import sys

from in_lab import Bench


def steps_of(bench, *options):
    """What --timings says, but for the agent itself."""
    told = bench.run("--timings", *options, "--", "true", stderr=subprocess.PIPE).stderr
    return {name: float(seconds) for seconds, name in re.findall(r"^ +([0-9.]+) s  (.+)$", told, re.MULTILINE) if name != "in all"}


def main():
    bench = Bench()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    measured = {"with": [], "without": []}
    steps_of(bench)  # makes the sidecar's image
    for _ in range(rounds):
        measured["with"].append(steps_of(bench))
        measured["without"].append(steps_of(bench, "--no-canary"))
    for name in measured["with"][0]:
        print(f"{statistics.median(steps[name] for steps in measured['with']):9.3f} s  {name}")
    to_start = {way: statistics.median(sum(seconds for name, seconds in steps.items() if name not in ("the agent", "end the session"))
                                       for steps in all_steps) for way, all_steps in measured.items()}
    print(f"{bench.config}: medians of {rounds}; to the agent's start {to_start['with']:.3f} s, without the canary {to_start['without']:.3f} s: "
          f"{to_start['with'] - to_start['without']:+.3f} s")


if __name__ == "__main__":
    main()
