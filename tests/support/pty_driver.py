#!/usr/bin/python3
"""Drive a program on a terminal of its own, as a person at a shell would.

usage: pty_driver.py [--size ROWSxCOLUMNS] -- CMD...          steps come on standard input, one a line:

  expect TEXT      wait until the screen's output, from where the last expect ended, holds TEXT
  absent TEXT      fail if what came so far since the last expect holds TEXT
  send TEXT        type TEXT; Python escapes: \\r, \\x03, \\x1d
  press KEYS TEXT  type KEYS, and again every two seconds, until the output holds TEXT: what draws anew drops keys
  paste OCTETS     type that many octets, of text that is not all ASCII
  pasted           wait until the output holds the SHA-256 of what was pasted, in hexadecimal
  size ROWSxCOLS   resize the terminal
  storm TIMES ROWSxCOLS   resize it so often, every time to another size; the last one is ROWSxCOLS
  kill SIGNAL      signal the program
  hangup           close the terminal, as when its window is closed
  stopped          wait until the program is stopped (job control)
  continue         have it go on, in the foreground
  sane | raw       fail unless the terminal's mode is (is not) the one it had before the program
  wait STATUS      wait for the program's end; its exit status as a shell has it
  alone            fail if a process of this user other than this driver has the terminal open
  sleep SECONDS
  note PATH        write the process id of the program to PATH

A shell-like leader owns the terminal's session; the program is its foreground job. Each step has 20 seconds.
Exit status 0 when all steps held; otherwise 1 and the reason, with the output, on stderr.
"""

import codecs
import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 20


def set_size(fd, text):
    rows, columns = (int(part) for part in text.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def lead(slave, command, report):
    """The session's leader: starts the program in the foreground and tells of its changes of state."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(slave)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.close(report)
        os.execvp(command[0], command)
    os.write(report, f"pid {child}\n".encode())

    def to_foreground(*_):
        os.tcsetpgrp(0, child)
        os.killpg(child, signal.SIGCONT)

    signal.signal(signal.SIGUSR1, to_foreground)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED | os.WCONTINUED)
        if os.WIFSTOPPED(status):
            try:
                os.tcsetpgrp(0, os.getpgrp())
            except OSError:
                pass
            # Not before: whoever reads it may want the program in the foreground again at once.
            os.write(report, b"stopped\n")
        elif os.WIFCONTINUED(status):
            os.write(report, b"continued\n")
        else:
            code = os.waitstatus_to_exitcode(status)
            try:
                os.tcsetpgrp(0, os.getpgrp())
            except OSError:
                pass
            os.write(report, f"ended {code if code >= 0 else 128 - code}\n".encode())
            signal.pause()


class Failure(Exception):
    pass


class Terminal:
    def __init__(self, command, size):
        self.master, slave = pty.openpty()
        at = os.fstat(slave)
        self.terminal = (at.st_dev, at.st_rdev)  # names repeat: containers have terminals of their own
        set_size(self.master, size)
        self.before = termios.tcgetattr(self.master)
        reports, report = os.pipe()
        self.leader = os.fork()
        if self.leader == 0:
            os.close(self.master)
            os.close(reports)
            lead(slave, command, report)
        os.close(slave)
        os.close(report)
        self.reports = reports
        self.words = []
        self.pending = b""
        self.output = b""
        self.all = b""
        self.pid = int(self.await_word("pid").split()[1])

    def turn(self, seconds):
        fds = [self.reports] + ([self.master] if self.master >= 0 else [])
        ready, _, _ = select.select(fds, [], [], seconds)
        if self.reports in ready:
            self.pending += os.read(self.reports, 4096)
            *lines, self.pending = self.pending.split(b"\n")
            self.words += [line.decode() for line in lines]
        if self.master in ready:
            try:
                got = os.read(self.master, 65536)
            except OSError:
                got = b""
            self.output += got
            self.all += got

    def until(self, holds, what):
        deadline = time.monotonic() + LIMIT
        while True:
            result = holds()
            if result is not None:
                return result
            if time.monotonic() > deadline:
                raise Failure(f"no {what} in {LIMIT} s")
            self.turn(0.1)

    def await_word(self, kind):
        def find():
            for index, word in enumerate(self.words):
                if word.split()[0] == kind:
                    del self.words[: index + 1]
                    return word
            return None

        return self.until(find, kind)

    def expect(self, text):
        wanted = text.encode()

        def find():
            at = self.output.find(wanted)
            if at < 0:
                return None
            self.output = self.output[at + len(wanted):]
            return True

        self.until(find, f"'{text}'")

    def press(self, keys, text):
        pressed = 0.0

        def find():
            nonlocal pressed
            if text.encode() in self.output:
                return True
            if time.monotonic() - pressed > 2:
                pressed = time.monotonic()
                os.write(self.master, keys.encode("latin-1"))
            return None

        self.until(find, f"'{text}' after '{keys}'")
        self.expect(text)

    def paste(self, octets):
        text = "0123456789 Zeile, línea, строка, 行\n".encode()
        data = (text * (octets // len(text) + 1))[:octets]
        self.digest = hashlib.sha256(data).hexdigest()
        os.set_blocking(self.master, False)
        deadline = time.monotonic() + 3 * LIMIT
        while data:
            if time.monotonic() > deadline:
                raise Failure(f"{len(data)} octets were not taken")
            select.select([self.master], [self.master], [], 0.1)
            try:
                data = data[os.write(self.master, data[:4096]):]
            except BlockingIOError:
                pass
            self.turn(0)
        os.set_blocking(self.master, True)

    def storm(self, times, last):
        for turn in range(times):
            set_size(self.master, f"{20 + turn % 40}x{60 + turn % 140}")
            self.turn(0.002)
        set_size(self.master, last)

    def go_on(self):
        """Asks again: a signal that comes just before the leader waits is noticed with the next one."""
        known = len(self.words)
        asked = 0.0

        def find():
            nonlocal asked
            if len(self.words) > known:
                return True
            if time.monotonic() - asked > 1:
                asked = time.monotonic()
                os.kill(self.leader, signal.SIGUSR1)
            return None

        self.until(find, "going on")

    def is_sane(self):
        return termios.tcgetattr(self.master) == self.before

    def holders(self):
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in (os.getpid(), self.leader):
                continue
            try:
                for fd in os.listdir(f"/proc/{entry}/fd"):
                    at = os.stat(f"/proc/{entry}/fd/{fd}")
                    if (at.st_dev, at.st_rdev) == self.terminal:
                        found.append(f"{entry} ({open(f'/proc/{entry}/comm').read().strip()})")
                        break
            except OSError:
                continue
        return found

    def eventually(self, holds, what):
        self.until(lambda: True if holds() else None, what)

    def step(self, verb, text):
        if verb == "expect":
            self.expect(codecs.decode(text, "unicode_escape"))
        elif verb == "absent":
            self.turn(0)
            if codecs.decode(text, "unicode_escape").encode() in self.output:
                raise Failure(f"'{text}' was shown")
        elif verb == "send":
            os.write(self.master, codecs.decode(text, "unicode_escape").encode("latin-1"))
        elif verb == "press":
            self.press(*(codecs.decode(part, "unicode_escape") for part in text.split(" ", 1)))
        elif verb == "paste":
            self.paste(int(text))
        elif verb == "pasted":
            self.expect(self.digest)
        elif verb == "storm":
            times, _, last = text.partition(" ")
            self.storm(int(times), last)
        elif verb == "size":
            set_size(self.master, text)
        elif verb == "kill":
            os.kill(self.pid, getattr(signal, "SIG" + text))
        elif verb == "hangup":
            os.close(self.master)
            self.master = -1
            os.kill(self.pid, signal.SIGHUP)  # as the kernel does for a foreground job whose leader is a shell
        elif verb == "stopped":
            self.await_word("stopped")
        elif verb == "continue":
            self.go_on()
        elif verb == "sane":
            self.eventually(self.is_sane, "sane terminal")
        elif verb == "raw":
            self.eventually(lambda: not self.is_sane(), "raw terminal")
        elif verb == "wait":
            status = self.await_word("ended").split()[1]
            if status != text:
                raise Failure(f"exit status {status}, not {text}")
        elif verb == "alone":
            self.eventually(lambda: not self.holders(), f"free terminal: {self.holders()} hold it")
        elif verb == "sleep":
            end = time.monotonic() + float(text)
            while time.monotonic() < end:
                self.turn(0.05)
        elif verb == "note":
            with open(text, "w") as file:
                file.write(str(self.pid))
        else:
            raise Failure("no such step")

    def close(self):
        for pid, known in ((self.pid, "ended" in " ".join(self.words)), (self.leader, False)):
            try:
                if not known:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(self.leader, 0)


def main():
    arguments = sys.argv[1:]
    size = "24x80"
    if arguments[:1] == ["--size"]:
        size = arguments[1]
        del arguments[:2]
    if arguments[:1] == ["--"]:
        del arguments[0]
    terminal = Terminal(arguments, size)
    try:
        for number, line in enumerate(sys.stdin, 1):
            line = line.strip("\n")
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            verb, _, text = re.sub(r"^ +", "", line).partition(" ")
            try:
                terminal.step(verb, text)
            except (Failure, OSError) as error:
                print(f"step {number} '{line.strip()}': {error}\n--- output\n{terminal.all.decode(errors='replace')}\n---",
                      file=sys.stderr)
                return 1
        return 0
    finally:
        terminal.close()


if __name__ == "__main__":
    sys.exit(main())
