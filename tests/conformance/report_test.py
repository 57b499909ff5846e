#!/usr/bin/python3
"""Tests of the report: above all, that what did not run, or failed, is never shown as if it held."""

import json
import os
import subprocess
import tempfile
import unittest

REPORT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "report")
CONFIGURATIONS = ("P4r", "P4", "D20", "P5r", "P5", "D26", "Dr")
REFUSAL = "RootlessDocker.RefusesASessionAndLeavesNothing"
PROGRAM = """#!/bin/sh
cat <<'END'
Backend/Jail.
  J1_One/podman  # GetParam() = "podman"
  J1_Two/podman  # GetParam() = "podman"
  J2_Only/podman  # GetParam() = "podman"
  J1_One/docker  # GetParam() = "docker"
  J3_OfDockerOnly/docker  # GetParam() = "docker"
Backend/Run.
  PassesOn/podman  # GetParam() = "podman"
Backend/RootlessDocker.
  RefusesASessionAndLeavesNothing/docker  # GetParam() = "docker"
END
"""


def result(configuration, outcomes, version="4.3.1", properties=None):
    """A result as GoogleTest writes it; `outcomes` maps SUITE.TEST to passed, failed or skipped; all record the properties."""
    lab = {"configuration": configuration, "engine": "podman", "version": version, "rootless": True, "parts": {"crun": "1.8"},
           "kernel": "6.1.0-9-some-flavour", "system": "Debian GNU/Linux 12 (bookworm)"}
    tests = []
    for title, outcome in outcomes.items():
        suite, name = title.split(".")
        test = {"name": name + "/podman", "classname": "Backend/" + suite, "result": "COMPLETED"} | (properties or {})
        if outcome == "failed":
            test["failures"] = [{"failure": "jail_test.cpp:1\nit is open"}]
        if outcome == "skipped":
            test |= {"result": "SKIPPED", "skipped": [{"message": "jail_test.cpp:1\nno such kernel\n"}]}
        tests.append(test)
    suite = {"name": "Backend/x", "testsuite": tests}
    if configuration:
        suite["lab"] = json.dumps(lab)
    return {"timestamp": "2026-01-02T03:04:05Z", "testsuites": [suite]}


class ReportTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.program = self.write("program", PROGRAM)
        os.chmod(self.program, 0o755)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def report(self, *results):
        """What the report did, and its table."""
        paths = [self.write(f"{number}.json", json.dumps(content)) for number, content in enumerate(results)]
        table = self.write("table.md", "")
        done = subprocess.run([REPORT, "--write", table, self.program, *paths], capture_output=True, text=True)
        with open(table) as file:
            return done, file.read()

    def cells(self, guarantee, *results):
        _, text = self.report(*results)
        row = next(line for line in text.splitlines() if line.startswith(f"| {guarantee} |"))
        return dict(zip(CONFIGURATIONS, (cell.strip() for cell in row.split("|")[3:-1])))

    def test_what_passed_holds_and_what_nobody_ran_is_not_run(self):
        passed = result("P4r", {"Jail.J1_One": "passed", "Jail.J1_Two": "passed"})
        done, text = self.report(passed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.cells("J1", passed), dict.fromkeys(CONFIGURATIONS, "not run") | {"P4r": "holds"})
        self.assertEqual(self.cells("J2", passed)["P4r"], "not run")
        self.assertIn("- P4r Jail.J2_Only", text)

    def test_a_test_that_was_filtered_out_makes_it_partly_run(self):
        self.assertEqual(self.cells("J1", result("P4r", {"Jail.J1_One": "passed"}))["P4r"], "partly run")

    def test_a_skipped_test_is_not_a_pass_and_its_reason_is_told(self):
        skipped = result("P4r", {"Jail.J1_One": "passed", "Jail.J1_Two": "skipped", "Jail.J2_Only": "skipped"})
        self.assertEqual(self.cells("J1", skipped)["P4r"], "partly run")
        self.assertEqual(self.cells("J2", skipped)["P4r"], "not run")
        self.assertIn("- P4r Jail.J1_Two: no such kernel", self.report(skipped)[1])

    def test_one_failure_fails_the_guarantee_and_the_report(self):
        failed = result("P4r", {"Jail.J1_One": "passed", "Jail.J1_Two": "failed"})
        done, _ = self.report(failed)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL P4r Jail.J1_Two", done.stdout)
        self.assertEqual(self.cells("J1", failed)["P4r"], "**fails**")

    def test_a_guarantee_is_tested_where_its_backend_has_a_test(self):
        cells = self.cells("J3", result("P4r", {"Jail.J1_One": "passed"}))
        self.assertEqual((cells["P4r"], cells["D20"]), ("no test yet", "not run"))

    def test_a_suite_can_stand_for_a_guarantee(self):
        self.assertEqual(self.cells("J16", result("P4r", {"Run.PassesOn": "passed"}))["P4r"], "holds")

    def test_refused_only_when_the_refusal_was_seen(self):
        for outcome, cell in (("passed", "refused"), ("failed", "**fails**"), ("skipped", "not run")):
            self.assertEqual(self.cells("J1", result("Dr", {REFUSAL: outcome}))["Dr"], cell)

    def test_what_holds_otherwise_has_its_reason_and_its_test(self):
        done, text = self.report(result("Dr", {REFUSAL: "passed"}, properties={"refused": "it is root there", "other": "x"}),
                                 result("P4r", {"Jail.J1_One": "passed"}, properties={"not_enforced": "memory limits"}))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| Dr | all | no session is made: it is root there.", text)
        self.assertIn(f"| `{REFUSAL}` |", text)
        self.assertRegex(text, r"\| P4r \| J1 \| memory limits are not enforced .* 125.*\| `Jail.J1_One` \|")
        self.assertNotIn("otherwise", self.report(result("P4r", {"Jail.J1_One": "passed"}))[1])
        failed = self.report(result("Dr", {REFUSAL: "failed"}, properties={"refused": "it is root there"}))[1]
        self.assertNotIn("it is root there", failed, "a test that failed has shown nothing")

    def test_several_results_of_a_configuration_add_up(self):
        halves = result("P4r", {"Jail.J1_One": "passed"}), result("P4r", {"Jail.J1_Two": "passed"})
        self.assertEqual(self.cells("J1", *halves)["P4r"], "holds")

    def test_results_of_different_engines_are_not_mixed(self):
        done, text = self.report(result("P4r", {}), result("P4r", {}, version="4.9.0"))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(text, "")

    def test_a_result_that_does_not_say_of_what_is_left_out(self):
        done, text = self.report(result(None, {"Jail.J1_One": "passed"}))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(text, "")
        self.assertIn("does not say", done.stderr)

    def test_versions_come_from_the_lab(self):
        _, text = self.report(result("P4r", {"Jail.J1_One": "passed"}))
        self.assertIn("| P4r | Podman 4.3.1, rootless | crun 1.8 | Debian GNU/Linux 12 (bookworm) |", text)
        self.assertIn("on Linux 6.1.", text)
        self.assertNotIn("flavour", text)


if __name__ == "__main__":
    unittest.main()
