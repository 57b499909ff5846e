"""What the lints share: the files of the source tree, and how a lint ends."""

import os
import pathlib
import sys

SKIPPED = {".git", "build", ".cache", "__pycache__"}


def root_from_arguments():
    """The tree's root: the only argument, by default the tree that this file is in."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1]).resolve()
    return pathlib.Path(__file__).resolve().parents[2]


def files(root, below=".", suffixes=None):
    """The files below a folder, sorted, as paths relative to the root."""
    found = []
    for folder, folders, names in os.walk(root / below):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in names:
            path = pathlib.Path(folder, name)
            if name in SKIPPED or path.is_symlink() or not path.is_file():
                continue
            if suffixes is None or path.suffix in suffixes:
                found.append(path.relative_to(root))
    return sorted(found)


def text_of(root, path):
    """A file's text, or None when it is not text."""
    data = (root / path).read_bytes()
    if b"\0" in data:
        return None
    return data.decode("utf-8", errors="replace")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(breaches, checked):
    """Prints the breaches and exits: 0 only when there are none and something was looked at."""
    for breach in breaches:
        print(breach)
    if checked == 0:
        print("nothing was checked: is this the root of the source tree?")
        sys.exit(1)
    sys.exit(1 if breaches else 0)
