#!/usr/bin/python3
"""The sources are all built, none is long, and none holds a shell call, a stub's words or somebody's folder."""

import re

import tree

LONGEST = 500
CODE = {".cpp", ".hpp", ".py", ".sh", ".cmake"}
# The words in pieces, so that this file does not hold them.
STUB_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b|(?i:\b(" +
                        "|".join(["not (yet )?" + "implemented", "un" + "implemented", "place" + "holder",
                                  "lorem" + " ipsum"]) + r")\b)")
# With an argument: Engine::system() has none.
SHELL_CALLS = re.compile(r"(?<![\w.>:])(?:std::|::)?(?:sys" + r"tem|po" + r"pen)\s*\(\s*[^)\s]")
NOT_CODE = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
# The container's own home is /home/agent; the lab's user is dev.
HOMES = re.compile(r"(?<![\w$}.*])/(?:home/(?!agent\b|dev\b|user\b|me\b|someone\b)[a-z]|Users/\w|work/\w|builds?/\w)")
CMAKE_SOURCE = re.compile(r"[\w./-]+\.cpp\b")


def listed_sources(root):
    """Every .cpp that a CMakeLists.txt names, as a path from the root."""
    listed = set()
    for path in tree.files(root, ".", {".txt"}):
        if path.name != "CMakeLists.txt":
            continue
        text = re.sub(r"#[^\n]*", "", tree.text_of(root, path))
        for name in CMAKE_SOURCE.findall(text):
            listed.add(((root / path.parent / name).resolve(), f"{path}: {name}"))
    return listed


def main():
    root = tree.root_from_arguments()
    breaches = []
    listed = listed_sources(root)
    names = {path for path, _ in listed}
    code = [path for path in tree.files(root) if path.parts[0] in ("src", "tests", "cmake", "scripts") and path.suffix in CODE]
    for path in code:
        if path.suffix == ".cpp" and (root / path).resolve() not in names:
            breaches.append(f"{path}: no CMakeLists.txt names it, so it is never built")
    for path, where in sorted(listed):
        if not path.exists():
            breaches.append(f"{where} does not exist")
    for path in code:
        text = tree.text_of(root, path)
        lines = text.count("\n")
        if lines > LONGEST:
            breaches.append(f"{path}: {lines} lines, more than {LONGEST}: split it")
        if path.suffix in (".cpp", ".hpp"):
            for match in SHELL_CALLS.finditer(NOT_CODE.sub('""', text)):
                breaches.append(f"{path}: {match.group(0)[:-1]}…) runs a shell")
    for path in tree.files(root):
        text = tree.text_of(root, path)
        for pattern, what in ((STUB_WORDS, "a word of unfinished work"), (HOMES, "somebody's folder")):
            for match in pattern.finditer(text or ""):
                breaches.append(f"{path}:{tree.line_of(text, match.start())}: {what}: {match.group(0)}")
    tree.finish(breaches, len(code))


if __name__ == "__main__":
    main()
