#!/usr/bin/python3
"""Every test that a document names exists, and every way of docs/attacks.md has one. usage: named_tests.py CHECKOUT"""

import pathlib
import re
import sys

checkout = pathlib.Path(sys.argv[1])
tests = set()
for path in checkout.glob("tests/**/*_test.cpp"):
    tests.update(f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", path.read_text(), re.MULTILINE))
failures, seen = [], 0
for path in sorted(checkout.glob("docs/*.md")):
    for name in re.findall(r"`([A-Z]\w+\.(?:[A-Z]\w*\*?|\*))`", path.read_text()):
        seen += 1
        if not any(each == name or (name.endswith("*") and each.startswith(name[:-1])) for each in tests):
            failures.append(f"{path.name}: there is no test {name}")
rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", (checkout / "docs/attacks.md").read_text(), re.MULTILINE)
if [int(number) for number, _ in rows] != list(range(1, 27)):
    failures.append("attacks.md: not the 26 ways, in order")
failures += [f"attacks.md: way {number} names no test" for number, named in rows if "`" not in named and number != "25"]
if seen < 30:
    failures.append("the documents were not understood")
print("\n".join(failures))
sys.exit(1 if failures else 0)
