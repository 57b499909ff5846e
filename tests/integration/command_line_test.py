#!/usr/bin/python3
"""The program drydock as a shell starts it, as far as that goes without an engine.

usage: command_line_test.py DRYDOCK [unittest arguments]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

DRYDOCK = ""
PATIENCE = 30
NO_ENGINE = "--runtime podman --engine unix:///nonexistent"


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="drydock-command-line-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("home", "project", "runtime"):
            os.mkdir(self.path(name), 0o700)
        self.environment = {"HOME": self.path("home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": self.path("runtime")}
        os.makedirs(self.path("home/.config/drydock"))
        self.config = self.path("home/.config/drydock/config")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def shell(self, script, *arguments):
        """What bash makes of `script`, in which $D is drydock."""
        return subprocess.run(["bash", "-c", script, "bash", *arguments], cwd=self.path("project"), timeout=PATIENCE,
                              env={**self.environment, "D": DRYDOCK}, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)

    def drydock(self, *arguments):
        return self.shell('exec "$D" "$@"', *arguments)

    def expect_failure(self, result, status, *texts):
        self.assertEqual(result.returncode, status, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)

    def files(self):
        return sorted(os.path.join(folder, name) for folder, folders, files in os.walk(self.path("home"))
                      for name in folders + files)

    # Standard output.

    def test_data_on_a_closed_standard_output_is_lost_and_told(self):
        for words in ("version", "--version", "help run", "egress list --json", "completion bash"):
            result = self.shell(f'"$D" {words} >&-')
            self.assertEqual(result.returncode, 1, words)
            self.assertIn("cannot write to standard output: Bad file descriptor", result.stderr, words)

    def test_without_data_a_closed_standard_output_is_none_of_its_business(self):
        result = self.shell('"$D" contain . >&- <&- && "$D" contain --remove . >&-')
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_file_that_is_opened_does_not_become_standard_output(self):
        self.shell('"$D" --log-level debug --log-file "$1" egress list >&-', self.path("log"))
        with open(self.path("log"), encoding="utf-8") as file:
            self.assertNotIn("baseline", file.read())

    # Options.

    def test_a_value_that_an_option_does_not_take_is_wrong_usage(self):
        for words, text in (
                ("run --allow 10.0.0.1", "cannot use option '--allow': '10.0.0.1': it is an IP address"),
                ("run --allow a.example --allow @githb", "cannot use option '--allow': '@githb': there is no such"),
                ("run --allow-private 10.0.0.1", "cannot use option '--allow-private': '10.0.0.1': it is an IP"),
                ("egress capture --yes --allow '*.com'", "cannot use option '--allow': '*.com': "),
                ("run --runtime docker --engine tcp://x", "cannot use option '--engine': 'tcp://x' is no unix socket"),
                ("list --runtime podman --engine /run/x", "cannot use option '--engine': '/run/x' is no unix"),
                ("run --secret A=", "cannot pass secret 'A': no file is named"),
                ("egress capture --detach", "cannot use option '--detach': a capture ends with its command")):
            self.expect_failure(self.shell(f'"$D" {words}'), 2, text)
        hints = [self.drydock("run", option, "10.0.0.1").stderr.split("hint: ")[1].strip()
                 for option in ("--allow", "--allow-private")]
        self.assertIn("--allow-private NAME", hints[0])
        self.assertEqual(hints[1], "write the host's name")

    # Configuration files.

    def test_a_value_of_a_file_is_told_with_file_and_line(self):
        for line, words, status, text in (
                ("agent = nope", "run", 125, "cannot use agent 'nope': there is no such profile"),
                ("agent = nope", "egress list", 1, "cannot use agent 'nope'"),
                ("agent = nope", "egress test a.example", 1, "cannot use agent 'nope'"),
                ("agent = nope", "sync", 1, "cannot use agent 'nope'"),
                ("agent = nope", "setup-token", 1, "cannot use agent 'nope'"),
                ("agent = nope", "revoke-token", 1, "cannot use agent 'nope'"),
                ("workdir = rel", "run", 125, "'rel' is not an absolute path"),
                ("detach-keys = foo", "run", 125, "cannot use detach keys 'foo': 'foo' is no key"),
                ("engine = tcp://x", "list", 1, "'tcp://x' is no unix socket"),
                ("allow = 10.0.0.1", "run", 125, "'10.0.0.1': it is an IP address"),
                ("mount = /nonexistent:/x", "run", 125, "cannot mount '/nonexistent': "),
                ("mount = /etc:/etc", "run", 125, "cannot mount '/etc'"),
                ("mount = nothing", "run", 125, "cannot mount 'nothing': it is not SRC:DST"),
                ("mask = nope", "run", 125, "cannot mask 'nope': "),
                ("env-file = /nonexistent", "run", 125, "cannot read environment file '/nonexistent': "),
                ("allow-file = /nonexistent", "run", 125, "cannot read allowlist '/nonexistent': "),
                ("secret = NOT_SET_HERE", "run", 125, "cannot pass secret 'NOT_SET_HERE': "),
                ("keep = yes", "run", 125, "'keep' cannot be 'yes'"),
                ("keep = true", "egress capture --yes", 125, "cannot use option '--keep': ")):
            self.write(self.config, "\n" + line + "\n")
            result = self.shell(f'"$D" {words} </dev/null')
            self.expect_failure(result, status, f"'{self.config}:2': ", text)
            result = self.shell(f'"$D" {words} --json </dev/null')
            self.assertEqual(json.loads(result.stderr)["error"]["kind"], "invalid", line)

    def test_the_command_line_is_not_blamed_on_a_file(self):
        self.write(self.config, "agent = codex\nmask = there\n")
        self.expect_failure(self.drydock("run", "--agent", "nope"), 2, "error: cannot use agent 'nope'")
        os.mkdir(self.path("project/there"))
        self.expect_failure(self.drydock("run", "--mask", "nope"), 125, "error: cannot mask 'nope'")

    def test_an_agent_that_there_is_not_is_told_by_doctor_once(self):
        self.write(self.config, "agent = nope\n")
        result = self.drydock("doctor", *NO_ENGINE.split())
        self.assertEqual(result.stdout.count("cannot use agent 'nope'"), 1, result.stdout)
        self.assertIn(f"'{self.config}:1': cannot use agent 'nope'", result.stdout)

    def test_a_switch_is_true_or_false(self):
        for value in ("1", "TRUE", "yes", "on", "0", ""):
            self.write(self.config, f"keep = {value}\n")
            self.expect_failure(self.drydock("egress", "list"), 1, f"'keep' cannot be '{value}'", "write true or false")
        for value in ("true", "false"):
            self.write(self.config, f"keep = {value}\n")
            self.assertEqual(self.drydock("egress", "list").returncode, 0)

    # Files that are none.

    def test_a_fifo_is_not_waited_for(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        for words in ("egress list --config", "run --env-file"):
            self.expect_failure(self.shell(f'"$D" {words} "$1"', fifo), 125 if "run" in words else 1,
                                f"'{fifo}': it is not a regular file")
        self.expect_failure(self.drydock("egress", "list", "--log-file", fifo), 1, f"'{fifo}': it is no regular file, and nobody reads it")
        os.mkfifo(self.config)
        self.expect_failure(self.drydock("egress", "list"), 1, f"'{self.config}': it is not a regular file")

    def test_a_pipe_of_the_shell_is_read(self):
        result = self.shell('"$D" egress list --config <(sleep 0.3; echo "allow = piped.example")')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("piped.example", result.stdout)
        result = self.shell('"$D" run --env-file <(echo "no name=1")')
        self.expect_failure(result, 125, ":1': 'no name' is no name of a variable")
        result = self.shell('echo "allow = piped.example" | "$D" egress list --config /dev/stdin')
        self.assertIn("piped.example", result.stdout)
        self.assertEqual(self.drydock("egress", "list", "--config", "/dev/null").returncode, 0)

    def test_a_log_goes_to_a_pipe_that_is_read(self):
        result = self.shell('"$D" -vv --log-file >(cat >"$1") egress list >/dev/null; wait $!', self.path("log"))
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_signal_ends_the_wait_for_a_pipe(self):
        result = self.shell('"$D" egress list --config <(exec sleep 5 2>/dev/null) & sleep 0.5; kill -TERM $!; wait $!')
        self.assertEqual(result.returncode, 128 + 15, result.stderr)

    def test_a_link_to_nothing_is_not_absent(self):
        os.symlink("nowhere", self.config)
        self.expect_failure(self.drydock("egress", "list"), 1, f"'{self.config}': it is a symbolic link to nothing")

    # Programs that are asked.

    @unittest.skipUnless(shutil.which("npm"), "npm is not installed")
    def test_npm_leaves_nothing_in_the_home(self):
        self.write(self.path("home/.config/drydock/egress-allowlist"), "@npm\n")
        before = self.files()
        for words in ("egress list", "egress list --groups", "egress test a.example", f"run --dry-run {NO_ENGINE}"):
            self.shell(f'"$D" {words}')
            self.assertEqual(self.files(), before, words)

    # What is printed.

    def test_a_command_is_for_the_folder_of_the_shell(self):
        here = self.drydock("egress", "test", "blocked.example")
        self.assertIn("drydock egress allow blocked.example", here.stderr)
        there = self.shell('cd /; exec "$D" -C "$1" egress test blocked.example', self.path("project"))
        self.assertIn(f"drydock egress allow --project {self.path('project')} blocked.example", there.stderr)
        # It does what it says, where it is said.
        command = there.stderr.split("for blocked.example:443: drydock ")[1].split()
        self.assertEqual(self.shell('cd /; exec "$D" "$@"', *command).returncode, 0)
        self.assertEqual(self.drydock("egress", "test", "blocked.example").returncode, 0)

    def test_of_a_damaged_log_it_is_not_said_that_nothing_was_refused(self):
        folder = self.path("home/.local/state/drydock/decisions")
        os.makedirs(folder)
        for damaged in ("", "{", '{"event":"kept"}\n'):
            self.write(folder + "/4f2a91c3.jsonl", damaged)
            result = self.drydock(*NO_ENGINE.split(), "egress", "denied", "4f2a91c3")
            self.assertIn("see drydock egress log --verify 4f2a91c3", result.stderr, damaged)

    def test_an_error_is_one_line_and_fit_for_a_terminal(self):
        for words in (["run", "--name", "a\nb"], ["help", "a\nb"], ["a\nb"], ["run", "--a\nb"],
                      ["-C", "/none\n\x1b[31m\u009b2J\u202e", "list"]):
            result = self.drydock(*words)
            lines = [line for line in result.stderr.splitlines() if not line.startswith("  hint: ")]
            self.assertEqual(len(lines), 1, result.stderr)
            for bad in "\x1b\u009b\u202e":
                self.assertNotIn(bad, result.stderr)

    def test_what_is_not_known_of_images_is_not_said(self):
        result = self.drydock(*NO_ENGINE.split(), "agents")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"claude .* unknown ")
        self.assertRegex(result.stdout, r"shell .* not needed ")
        agents = json.loads(self.drydock(*NO_ENGINE.split(), "--json", "agents").stdout)["agents"]
        states = {agent["name"]: agent["image"]["state"] for agent in agents}
        self.assertEqual((states["claude"], states["shell"]), ("unknown", "not needed"))

    # Values that are empty, as an unset variable of a script makes them.

    def test_an_empty_value_is_not_one_that_is_left_out(self):
        for words in ("egress allow --session '' a.example", "egress list --session=", "--config '' egress list",
                      "-C '' egress list", "run --name ''", "run --agent ''", "--engine '' list", "sync --agent ''"):
            self.expect_failure(self.shell(f'"$D" {words}'), 2, "its value is empty")
        for words in ("stop ''", "attach ''", "exec '' -- id", "egress watch ''", "run ''", "link ''", "unlink ''",
                      "revoke-token ''", "setup-token ''"):
            self.expect_failure(self.shell(f'"$D" {words}'), 2, "cannot use argument ''")

    def test_an_engine_that_there_is_not_is_refused_by_every_command(self):
        for words in ("egress list", "egress test a.example", "agents", "run", "doctor"):
            self.expect_failure(self.shell(f'"$D" --runtime podmn {words}'), 2, "cannot use runtime 'podmn'")


if __name__ == "__main__":
    DRYDOCK = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
