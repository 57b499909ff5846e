#!/usr/bin/python3
"""The table of groups in docs/allowlist.md is what drydock ships. usage: groups.py [--write] DRYDOCK PAGE"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

write = sys.argv[1] == "--write"
drydock, page = sys.argv[-2], pathlib.Path(sys.argv[-1])
with tempfile.TemporaryDirectory() as empty:
    environment = {**os.environ, "XDG_CONFIG_HOME": empty}
    done = subprocess.run(
        [drydock, "--json", "egress", "list", "--groups"], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
# What is computed depends on the machine.
groups = [group for group in json.loads(done.stdout)["groups"] if group["from"].startswith("/")]
rows = [f"| `@{group['name']}` | `{host['host']}` | {host['reason']} |" for group in groups for host in group["hosts"]]
table = "\n".join(["| group | host | why |", "|---|---|---|", *rows])
text = page.read_text()
expected, found = re.subn(
    r"(<!-- begin: tests/docs/groups.py -->\n).*?(<!-- end -->)", lambda match: match[1] + table + "\n" + match[2], text, flags=re.DOTALL
)
if not found or len(rows) < 10:
    sys.exit("groups.py: the page has no place for the table, or drydock has no groups")
if write:
    page.write_text(expected)
elif text != expected:
    sys.exit(f"groups.py: {page} is not what drydock ships; run {sys.argv[0]} --write {drydock} {page}")
