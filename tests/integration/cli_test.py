"""The command line where no engine answers: what is said, where, with which status. usage: cli_test.py DRYDOCK"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = os.path.realpath(folder.name)
        self.project = self.home + "/code/shop"
        os.makedirs(self.project)
        self.engine = ["--runtime", "podman", "--engine", f"unix://{self.home}/none.sock"]

    def run_it(self, *arguments, cwd=None, **more):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8"}
        return subprocess.run([PROGRAM, *arguments], cwd=cwd or self.project, env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, **more)

    def fails(self, status, message, *arguments, **more):
        done = self.run_it(*arguments, **more)
        self.assertIn(message, done.stderr)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn("\n  hint: ", done.stderr)
        return done

    def keep_log(self, session):
        folder = self.home + "/.local/state/drydock/decisions"
        os.makedirs(folder, exist_ok=True)
        lines = [{"time": "2026-01-02T03:04:05Z", "event": "denied", "host": "blocked.example", "port": 443,
                  "verdict": "denied", "reason": "not on the allowlist", "opened": 0, "refused": 1},
                 {"time": "2026-01-02T03:04:06Z", "event": "kept", "schema": 1, "session": session,
                  "runtime": "podman", "lines": 1, "opened": 0, "refused": 1, "project": self.project}]
        with open(f"{folder}/{session}.jsonl", "w", encoding="utf-8") as log:
            log.writelines(json.dumps(line) + "\n" for line in lines)

    def test_a_command_is_for_the_folder_of_the_shell(self):
        here = self.run_it("egress", "test", "blocked.example")
        self.assertIn("drydock egress allow blocked.example", here.stderr)
        for arguments in (["-C", self.project], ["--directory", "code/shop"]):
            there = self.run_it(*arguments, "egress", "test", "blocked.example", cwd=self.home)
            self.assertIn(f"drydock egress allow --project {self.project} blocked.example", there.stderr)

    def test_the_printed_command_does_what_it_says(self):
        there = self.run_it("-C", self.project, "egress", "test", "blocked.example", cwd=self.home)
        command = there.stderr.split("for blocked.example:443: drydock ")[1].split()
        self.assertEqual(self.run_it(*command, cwd=self.home).returncode, 0)
        self.assertEqual(self.run_it("egress", "test", "blocked.example").returncode, 0)

    def test_of_a_damaged_log_it_is_not_said_that_nothing_was_refused(self):
        self.keep_log("4f2a91c3")
        path = self.home + "/.local/state/drydock/decisions/4f2a91c3.jsonl"
        for damage in ("", "{", '{"event":"kept"}\n'):
            with open(path, "w", encoding="utf-8") as log:
                log.write(damage)
            done = self.run_it(*self.engine, "egress", "denied", "4f2a91c3")
            self.assertIn("see drydock egress log --verify 4f2a91c3", done.stderr, damage)

    def test_an_empty_value_is_not_a_value_that_is_left_out(self):
        for arguments in (["egress", "allow", "--session", "", "a.example"], ["egress", "list", "--session="],
                          ["--config", "", "egress", "list"], ["-C", "", "egress", "list"], ["run", "--name", ""],
                          ["run", "--agent", ""], ["--engine", "", "list"], ["sync", "--agent", ""]):
            self.fails(2, "its value is empty", *arguments)
        for arguments in (["stop", ""], ["attach", ""], ["exec", "", "--", "id"], ["egress", "watch", ""],
                          ["run", ""], ["link", ""], ["unlink", ""], ["revoke-token", ""], ["setup-token", ""]):
            self.fails(2, "cannot use argument ''", *arguments)

    def test_another_engine_than_there_is_is_refused_by_every_command(self):
        for arguments in (["egress", "list"], ["egress", "test", "a.example"], ["agents"], ["run"], ["doctor"]):
            self.fails(2, "cannot use runtime 'podmn'", "--runtime", "podmn", *arguments)

    def test_an_error_is_one_line(self):
        for arguments in (["run", "--name", "a\nb"], ["help", "a\nb"], ["a\nb"], ["run", "--a\nb"],
                          ["-C", "/none\n\x1b[31m\u009b2J\u202e", "list"]):
            done = self.run_it(*arguments)
            lines = done.stderr.splitlines()
            self.assertEqual(len([line for line in lines if not line.startswith("  hint: ")]), 1, done.stderr)
            for bad in "\x1b\u009b\u202e":
                self.assertNotIn(bad, done.stderr)

    def test_what_is_not_known_of_images_is_not_said(self):
        done = self.run_it(*self.engine, "agents")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"claude .* unknown ")
        self.assertRegex(done.stdout, r"shell .* not needed ")
        agents = json.loads(self.run_it(*self.engine, "--json", "agents").stdout)["agents"]
        states = {agent["name"]: agent["image"]["state"] for agent in agents}
        self.assertEqual(states["claude"], "unknown")
        self.assertEqual(states["shell"], "not needed")


unittest.main(verbosity=2)
