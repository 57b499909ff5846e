#!/usr/bin/python3
"""Tests of how tests/conformance/agents judges: a host of a baseline that its agent did not reach is not let be, and each has a policy."""

import importlib.machinery
import importlib.util
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True  # nothing is left beside the script
LOADER = importlib.machinery.SourceFileLoader("agents", os.path.join(os.path.dirname(os.path.realpath(__file__)), "agents"))
agents = importlib.util.module_from_spec(importlib.util.spec_from_loader("agents", LOADER))
LOADER.exec_module(agents)


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


class Policies(unittest.TestCase):
    def test_every_file_of_a_policy_is_one_of_the_profile(self):
        for agent in {**agents.AGENTS, **agents.HEAVY_AGENTS}:
            with open(f"{agents.ROOT}/src/agents/{agent}.json", encoding="utf-8") as file:
                paths = [entry["path"] for entry in json.load(file)["files"]]
            policy = agents.agent_policies.POLICIES[agent]
            self.assertTrue(policy["files"], agent)
            self.assertLessEqual({*policy["files"], agents.agent_policies.RAIL}, set(paths))


if __name__ == "__main__":
    unittest.main()
