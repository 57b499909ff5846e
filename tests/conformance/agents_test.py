#!/usr/bin/python3
"""Tests of how tests/conformance/agents judges: a host of a baseline that its agent did not reach is not let be, each has a policy, and a page is
what its generator writes, also where no run renews it."""

import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import tomllib
import unittest

sys.dont_write_bytecode = True  # nothing is left beside the script


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(os.path.dirname(os.path.realpath(__file__)), name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


captures = load("captures")
agents = captures.agents


class Baselines(unittest.TestCase):
    def test_all_of_it_has_to_be_reached(self):
        self.assertEqual(agents.unneeded({"a.example": "", "b.example": ""}, {"a.example": "allowed", "b.example": "allowed"}), [])
        self.assertEqual(agents.unneeded({"a.example": "", "b.example": ""}, {"a.example": "allowed"}), ["b.example"])
        self.assertEqual(agents.unneeded({"a.example": ""}, {"a.example": "denied", "b.example": "allowed"}), ["a.example"])

    def test_a_shipped_baseline_that_is_too_long_is_told(self):
        for agent in {**agents.AGENTS, **agents.HEAVY_AGENTS}:
            baseline = agents.baseline_of(agent)
            self.assertTrue(baseline, agent)
            asked = dict.fromkeys(baseline, "allowed")
            rows = agents.rows_of(agent, asked)
            self.assertEqual(len(rows), len(baseline))
            for host in baseline:
                with self.assertRaises(SystemExit) as raised:
                    agents.rows_of(agent, {name: verdict for name, verdict in asked.items() if name != host})
                self.assertIn(f"without {host}", str(raised.exception))

    def test_of_every_host_it_is_shown_what_is_lost_without_it(self):
        for agent in {**agents.AGENTS, **agents.HEAVY_AGENTS}:
            self.assertEqual(sorted(agents.baseline_of(agent)), sorted(agents.agent_baselines.NEEDED[agent]))


def read(name):
    with open(f"{agents.ROOT}/docs/{name}", encoding="utf-8") as file:
        return file.read()


class Pages(unittest.TestCase):
    def require_red(self, present, wanted):
        with self.assertRaises(SystemExit) as raised:
            agents.require_page("PAGE", present, wanted)
        return str(raised.exception)

    def test_the_page_of_agents_is_what_its_generator_writes(self):
        page = read("agents.md")
        agents.require_page("docs/agents.md", page, agents.page_of(agents.rows_in(page)))
        for old, new in (("Where your own settings", "Where settings"), ("\n  - UDP", ""), ("its model, with a key.", "its model.")):
            self.assertIn(old, page)
            broken = page.replace(old, new)
            self.assertIn("renew it with --write", self.require_red(broken, agents.page_of(agents.rows_in(broken))))

    def test_the_page_of_captures_is_what_its_generator_writes(self):
        page = read("captures.md")
        agents.require_page("docs/captures.md", page, captures.page_of(captures.blocks_in(page)))
        broken = page.replace("prints what it asked for", "prints what it does")
        self.assertNotEqual(broken, page)
        self.require_red(broken, captures.page_of(captures.blocks_in(broken)))

    def test_a_row_that_nobody_asked_for_stays_only_where_it_is_a_refusal(self):
        version = agents.version_of("codex")
        rows = {host: f"| codex | {version} | `{host}` | {rest} |\n"
                for host, rest in (("a.example", "yes | the model"), ("b.example", "no | -"), ("c.example", "yes | - (`--allow`)"))}
        old = "| codex | 0.0.1 | `d.example` | no | - |\n"
        present = [*rows.values(), old]
        made = [rows["a.example"]]
        self.assertEqual(agents.rows_to_have("codex", made, present), [rows["a.example"], rows["b.example"]])
        self.assertEqual(agents.rows_to_have("codex", [*made, old.replace("0.0.1", version)], present), [*made, old.replace("0.0.1", version)])


class Policies(unittest.TestCase):
    def test_every_file_of_a_policy_is_one_of_the_profile(self):
        for agent in {**agents.AGENTS, **agents.HEAVY_AGENTS}:
            with open(f"{agents.ROOT}/src/agents/{agent}.json", encoding="utf-8") as file:
                paths = [entry["path"] for entry in json.load(file)["files"]]
            policy = agents.agent_policies.POLICIES[agent]
            self.assertTrue(policy["files"], agent)
            self.assertLessEqual({*policy["files"], agents.agent_policies.RAIL}, set(paths))

    def test_the_rules_of_gemini_cli_refuse_what_the_guard_rail_does(self):
        with open(f"{agents.ROOT}/src/agents/policy/gemini-rules.toml", "rb") as file:
            rules = [rule["commandRegex"] for rule in tomllib.load(file)["rule"] if "commandRegex" in rule]
        for rule in rules:  # Gemini CLI takes no others.
            self.assertLess(len(rule), 2048)
            self.assertNotRegex(rule, r"\([^)]*[*+?{].*\)[*+?{]")

        def refused(command):
            return any(re.search('"command":"' + rule, json.dumps({"command": command}, separators=(",", ":"))) for rule in rules)

        for command in ("git push -f", "git push --delete origin x", "git push origin :x", "git reset --hard", "git clean -fd", "git checkout .",
                        "git checkout -- .", "git checkout HEAD -- ./", 'git checkout -- "$PWD"', "git restore .", "git restore -- ./*",
                        "git stash drop", "git stash clear", "git branch -D x", "rm -rf .", "rm -rf *", "rm -rf ./*", "rm -rf ..", "rm -rf /", "rm -rf ~/*",
                        'rm -rf "$PWD"', 'rm -rf "$PWD"/*', "rm -rf ${PWD}", "rm -rf /etc", "rm -rf /usr/*", "rm -rf ./.git", "sudo rm -rf x .",
                        "find . -delete", "find -type f -delete", "find / -exec rm -rf {} +", "shred /dev/sda", "dd if=x of=/dev/sda"):
            self.assertTrue(refused(command), command)
        for command in ("git push origin main", "git push origin HEAD:main", "git checkout main", "git checkout -b x", "git checkout feature/x.y",
                        "git checkout -- src/a.c", "git restore --staged .", "git restore src", "git stash", "git stash list", "git branch -d x",
                        "rm -rf build/", "rm -rf ./node_modules", "rm -rf build/*", "rm -rf /etc/fifth", "rm -rf *.o", "rm -rf ~/.cache", "find . -name '*.o' -delete",
                        "find build -delete", "find . -type f", "shred x", "dd if=x of=y"):
            self.assertFalse(refused(command), command)


if __name__ == "__main__":
    unittest.main()
