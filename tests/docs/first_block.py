#!/usr/bin/python3
"""docs/first-block.md: from a blocked `npm install` to one that works, with nothing but what drydock prints.

Runs the session in the lab, on rootless Podman, against an npm registry of the fake internet, and takes the command that allows the
registry from drydock's own words. Fails when a step does not do what the page says, or when the page differs from the session.

usage: first_block.py --check|--write PAGE PROGRAM-DIRECTORY
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lab"))
from drydock_in_lab import LAB, fail, in_lab, install, run  # noqa: E402

PAGE = """# The first block

What a refused host looks like, and the way on. This is a recorded session: `tests/docs/first_block.py --write` runs it on rootless
Podman in [the lab](../tests/lab/README.md) and writes this page, and continuous integration runs it again and compares. Session ids, times
and folders are made up, and a line about what the recording machine cannot limit is left out; the rest is as it was printed.

The project uses a registry that is on no allowlist:

{project}
npm gets an answer at once, with the reason in it, instead of a connection that hangs. When the session ends drydock says what was refused
and what would allow it:

{blocked}
The last line is the command. It adds a line to a file of yours, outside the project, which no session can write to:

{allow}
The same again:

{works}
That is for this project. `drydock egress allow --global HOST` is for every project, `--session SESSION` for one that runs, and
`drydock run --allow HOST` for one run; [allowlist.md](allowlist.md) has the rest.
"""


class Session:
    """Commands of the lab's user in a project folder, and what they printed."""

    def __init__(self, programs):
        self.bin = install(programs)
        self.home = self.output("echo ~").strip()
        self.folder = self.home + "/shop"

    def shell(self, line, folder="/"):
        command = [LAB + "/as-dev", "bash", "-c", f'PATH={self.bin}:$PATH; cd {folder} && {line}']
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def output(self, line, folder="/"):
        done = self.shell(line, folder)
        if done.returncode != 0:
            fail(f"'{line}' ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def show(self, line, succeeds=True):
        """A command with its output, as a page has it."""
        done = self.shell(line, self.folder)
        if (done.returncode == 0) != succeeds:
            fail(f"'{line}' ended with {done.returncode}:\n{done.stdout}")
        return f"$ {line}\n{self.plain(done.stdout)}"

    def plain(self, text):
        """Without what differs from one recording to the next."""
        text = text.replace(self.home, "/home/me")
        for pattern, word in ((r"(?<=session )[0-9a-f]{8}\b", "4f2a91c3"), (r"\bshop-[0-9a-f]{8}\b", "shop-7d90b1e2"),
                              (r"\d{4}-\d\d-\d\dT[\d_]+Z", "2026-11-27T09_30_00_000Z"), (r"(?<= in )[\d.]+m?s$", "1s"),
                              (r"^npm ERR!", "npm error"), (r"^drydock: no limit on [^\n]*\n", "")):
            text = re.sub(pattern, word, text, flags=re.MULTILINE)
        return re.sub(r"\n{2,}", "\n", text).lstrip("\n")


def quoted(*parts):
    return "".join(f"    {line}\n" for part in parts for line in part.splitlines())


def record(programs):
    """In the lab, as root."""
    base = os.path.join(os.environ["TMPDIR"], "base.tar")
    # Node.js has authorities of its own, and npm can be told of others.
    run(LAB + "/package_image", "--ca", os.environ["DRYDOCK_LAB_CA"], "--npm", "--text",
        "/usr/etc/npmrc=cafile=/etc/ssl/certs/ca-certificates.crt\n", base, "bash", "coreutils", "nodejs")
    os.chmod(base, 0o644)
    session = Session(programs)
    session.output("mkdir ~/shop && drydock --runtime podman build --base $TMPDIR/base.tar")
    session.output("echo '{}' >package.json && echo 'registry=https://registry.example/' >.npmrc", session.folder)
    install = "drydock run -- npm install tiny-greeting"
    project = session.show("cat .npmrc")
    blocked = session.show(install, succeeds=False)
    told = re.search(r"^drydock: allow with: (drydock egress allow .+)$", blocked, re.MULTILINE)
    if not told:
        fail(f"drydock has not said how to allow the registry:\n{blocked}")
    allow = session.show(told.group(1))
    works = session.show(install)
    use = session.show("""drydock -q run -- node -p 'require("tiny-greeting")("world")'""")
    if "hello, world" not in use:
        fail(f"what was installed does not work:\n{use}")
    return PAGE.format(project=quoted(project), blocked=quoted(blocked), allow=quoted(allow), works=quoted(works, use))


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--record":
        print(record(sys.argv[2]), end="")
        return
    if len(sys.argv) != 4 or sys.argv[1] not in ("--check", "--write"):
        sys.exit(__doc__.splitlines()[-1])
    page, programs = sys.argv[2:]
    recorded = in_lab("P4r", __file__, "--record", os.path.realpath(programs))
    if sys.argv[1] == "--write":
        with open(page, "w", encoding="utf-8") as file:
            file.write(recorded)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".md") as file:
        file.write(recorded)
        file.flush()
        if subprocess.run(["diff", "-u", page, file.name], check=False).returncode != 0:
            fail(f"{page} is not what happened; renew it with --write")


if __name__ == "__main__":
    main()
