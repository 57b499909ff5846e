#!/usr/bin/python3
"""docs/schema/agent.json is what the profiles that drydock ships are written to, the one of the lab's too, and what its reader knows.

usage: agent_schema.py CHECKOUT
"""

import ast
import copy
import json
import pathlib
import re
import sys

import jsonschema

checkout = pathlib.Path(sys.argv[1])
schema = json.loads((checkout / "docs/schema/agent.json").read_text())
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
failures = []


def lab_profile():
    """FIFTH_PROFILE of tests/conformance/agents, which is a program: read, and not run."""
    values = {}
    for node in ast.parse((checkout / "tests/conformance/agents").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in ("FIFTH", "FIFTH_PROFILE"):
            values[node.targets[0].id] = eval(compile(ast.Expression(node.value), "agents", "eval"), {}, values)
    return values["FIFTH_PROFILE"]


profiles = {path.name: json.loads(path.read_text()) for path in sorted((checkout / "src/agents").glob("*.json"))}
profiles["the lab's"] = lab_profile()
if len(profiles) < 6:
    failures.append(f"there are {len(profiles)} profiles only")
for name, profile in profiles.items():
    failures += [f"{name}: {error.json_path}: {error.message}" for error in validator.iter_errors(profile)]

# What the schema has is what the reader takes.
known = re.search(r"AgentProfileReader::read\(\).*?\{(\"schema\".*?)\}", (checkout / "src/core/agent_profile_reader.cpp").read_text(), re.DOTALL)
if set(re.findall(r'"(\w+)"', known.group(1))) != set(schema["properties"]):
    failures.append("the schema and the reader know other keys")

# The control: each of these is wrong.
wrong = {"a key that there is not": {"transcript": [".x"]}, "a schema that there is not": {"schema": 2}, "a name of capitals": {"name": "Claude"},
         "no command": {"command": []}, "a group": {"baseline": [{"host": "@github", "reason": "all"}]},
         "a host without a reason": {"baseline": [{"host": "a.example"}]}, "a kind that there is not": {"state": [{"path": ".x", "kind": "link"}]},
         "a path that is none below it": {"whole": ["/etc"]}, "a page without TLS": {"secrets": [{"name": "A", "revoke": "http://a.example"}]},
         "a setting outside its home": {"models": [{"file": "/etc/x.json", "url": "a"}]}, "a place that is none": {"models": [{"file": "x", "url": "a..b"}]},
         "a switch without a host": {"switches": [{"variable": "A"}]},
         "a file where none may be": {"files": [{"path": "/srv/x", "source": "x"}]}}
for what, change in wrong.items():
    profile = copy.deepcopy(profiles["claude.json"])
    profile.update(change)
    if validator.is_valid(profile):
        failures.append(f"{what} is valid")
print("\n".join(failures))
sys.exit(1 if failures else 0)
