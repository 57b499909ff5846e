#!/usr/bin/python3
"""Errors read "cannot <verb> <noun> '<name>': <reason>", lower case, no full stop; hints are lower case without one too.

Reads the literals of every Error(kind, message, hint) below src/. What is put together at run time is not seen.
"""

import re

import tree

CONSTRUCTION = re.compile(r"\bError\((?=ErrorKind::|kind\b|[\w.]+\.kind\(\))")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Hints begin with a program's or an option's name, or with a word of lower case.
NAMES = ("DRYDOCK_", "DOCKER_HOST", "CONTAINER_HOST")
# A literal that ends so is completed by what follows it, or is an abbreviation.
FULL_STOP = re.compile(r"[^.]\.$")


def arguments_of(text, start):
    """The arguments of a call whose opening parenthesis ends at `start`, as (offset, source)."""
    depth, begin, i, result = 1, start, start, []
    while i < len(text) and depth > 0:
        c = text[i]
        if c == '"':
            i = LITERAL.match(text, i).end() - 1
        elif c == "'":
            i += 3 if text[i + 1] == "\\" else 2
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 1:
            result.append((begin, text[begin:i]))
            begin = i + 1
        i += 1
    result.append((begin, text[begin:i - 1]))
    return result


def literals(source):
    """The string literals of an expression, neighbours joined as the compiler does."""
    joined = re.sub(r'"\s*"', "", re.sub(r"//[^\n]*\n", "\n", source))
    return [match.group(1) for match in LITERAL.finditer(joined)]


def begins_with_literal(source):
    return re.match(r'\s*(?:std::string\(|with_errno\(|fmt::format\()*\s*"', source) is not None


def ends_with_literal(source):
    return re.search(r'"\s*\)*\s*$', source) is not None


def alternatives(source):
    """The two texts of `choice ? one : other`; else the expression itself."""
    depth, at = 0, [0]
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|::|[()\[\]{}?:]', source):
        token = match.group(0)
        depth += token in ("(", "[", "{")
        depth -= token in (")", "]", "}")
        if depth == 0 and token in ("?", ":"):
            at.append(match.end())
    if len(at) == 1:
        return [source]
    return [source[begin:end].rstrip(" :?\n") for begin, end in zip(at[1:], at[2:] + [len(source) + 1])]


def check(source, what, breaches, where):
    words = literals(source)
    if not words:
        return
    if begins_with_literal(source):
        first = words[0]
        if what == "message" and not first.startswith("cannot "):
            breaches.append(f"{where}: an error begins with \"cannot\": \"{first}\"")
        if first[:1].isupper() and not first.startswith(NAMES):
            breaches.append(f"{where}: a {what} begins in lower case: \"{first}\"")
    if ends_with_literal(source) and FULL_STOP.search(words[-1]):
        breaches.append(f"{where}: a {what} has no full stop at its end: \"{words[-1]}\"")
    for word in words:
        if "\\n" in word or word.endswith("!"):
            breaches.append(f"{where}: a {what} is one line without exclamation: \"{word}\"")


def main():
    root = tree.root_from_arguments()
    breaches, checked = [], 0
    for path in tree.files(root, "src", {".cpp", ".hpp"}):
        text = tree.text_of(root, path)
        for match in CONSTRUCTION.finditer(text):
            checked += 1
            arguments = arguments_of(text, match.end())
            where = f"{path}:{tree.line_of(text, match.start())}"
            for what, (_, source) in zip(("message", "hint"), arguments[1:]):
                for part in alternatives(source):
                    check(part, what, breaches, where)
    tree.finish(breaches, checked)


if __name__ == "__main__":
    main()
