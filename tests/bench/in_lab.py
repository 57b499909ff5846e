"""What benchmarks on an engine share: the lab's user, an image, a project."""

import os
import subprocess
import sys

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab")
IMAGE = "localhost/drydock-test:latest"


def as_user(*words, **options):
    return subprocess.run([f"{LAB}/as-user", *words], check=True, text=True, stdout=subprocess.PIPE, cwd="/", **options)


class Bench:
    """Of the lab's engine and the build directory that is the first argument."""

    def __init__(self):
        if not os.environ.get("DRYDOCK_LAB_CONFIG"):
            sys.exit(f"only inside a lab: tests/lab/lab --config P4r {sys.argv[0]} BUILD-DIRECTORY [ROUNDS]")
        build = os.path.abspath(sys.argv[1])
        self.config = os.environ["DRYDOCK_LAB_CONFIG"]
        self.engine = "docker" if self.config.startswith("D") else "podman"
        archive = os.path.join(os.environ["TMPDIR"], "bench-image.tar")
        subprocess.run([f"{build}/tests/support/drydock-test-image", "--ca", os.environ["DRYDOCK_LAB_CA"], archive, IMAGE], check=True)
        os.chmod(archive, 0o644)
        as_user(self.engine, "load", "-q", "-i", archive)
        self.project = as_user("mktemp", "-d", "/tmp/project.XXXXXX").stdout.strip()
        self.drydock = [f"{build}/src/drydock", "--runtime", self.engine, "run", "-q", "--image", IMAGE]

    def run(self, *words, **options):
        """A session in the project, to its end."""
        return as_user("sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", self.project, *self.drydock, *words, **options)
