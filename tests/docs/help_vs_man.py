#!/usr/bin/python3
"""Every command and option of `drydock help` is in its manual page, in the same words, and no page has more.

    help_vs_man.py DRYDOCK MAN_DIR            the check
    help_vs_man.py --skeleton DRYDOCK COMMAND a page to begin with, for a new command
"""

import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^  (?:(-\w) \[ (--[\w-]+) \]|(--[\w-]+))(?: (?!\s)(\S+))?(?:\s+(.*))?$")
PAGE_OPTION = re.compile(r"^(?:\*(-\w)\*, )?\*(--[\w-]+)\*(?: (\S+))?$")
SHARED = re.compile(r"^Takes the options of \*drydock-([\w-]+)\*\(1\)\.", re.MULTILINE)


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=30).stdout


def plain(text):
    """Words without markup, the case of the first letter and the final stop."""
    text = " ".join(re.sub(r"[*_\\]", "", text).split())
    return (text[:1].lower() + text[1:]).rstrip(".")


def section(text, title):
    """The lines under a heading of the help text that ends with a colon."""
    match = re.search(rf"^{title}:\n((?:  .*\n|\s{{10,}}.*\n)*)", text, re.MULTILINE)
    return match.group(1) if match else ""


def help_options(text, title):
    """name -> (short, value, description)"""
    options, name = {}, None
    for line in section(text, title).splitlines():
        match = OPTION.match(line)
        if match:
            short, name = match.group(1), match.group(2) or match.group(3)
            options[name] = [short, match.group(4), match.group(5) or ""]
        elif name is not None:
            options[name][2] += " " + line.strip()
    return {name: (short, value, plain(words)) for name, (short, value, words) in options.items()}


def page_options(text, heading):
    match = re.search(rf"^# {heading}\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
    options, name = {}, None
    for line in (match.group(1) if match else "").splitlines():
        option = PAGE_OPTION.match(line)
        if option:
            name = option.group(2)
            options[name] = [option.group(1), option.group(3), ""]
        elif line.startswith("\t") and name is not None:
            options[name][2] += " " + line.strip()
        elif line.strip():
            name = None
    return {name: (short, value, plain(words)) for name, (short, value, words) in options.items()}


def compare(where, from_help, from_page, failures):
    for name in sorted(from_help.keys() | from_page.keys()):
        if name not in from_page:
            failures.append(f"{where}: {name} is in the help and not in the page")
        elif name not in from_help:
            failures.append(f"{where}: {name} is in the page and not in the help")
        else:
            (short, value, words), (page_short, page_value, page_words) = from_help[name], from_page[name]
            if (short, value) != (page_short, page_value):
                failures.append(f"{where}: {name} is '{short} {value}' in the help and '{page_short} {page_value}' in the page")
            if not page_words.startswith(words):
                failures.append(f"{where}: {name} does not begin with the words of the help:\n  help: {words}\n  page: {page_words}")


def commands(general):
    """[(name, [aliases], summary)]"""
    found = []
    for line in section(general, "Commands").splitlines():
        match = re.match(r"^  ([\w-]+(?:, [\w-]+)*)\s{1,}(.*)$", line)
        names = match.group(1).split(", ")
        found.append((names[0], names[1:], match.group(2).strip()))
    return found


def check_group(name, help_text, path, text, program, failures):
    """Its commands: each has a line in SYNOPSIS and a section with its summary and its options."""
    members = commands(help_text)
    for member, _, summary in members:
        full, heading = f"{name} {member}", f"{name} {member}".upper()
        member_help = run(program, "help", name, member)
        synopsis = re.search(rf"^Usage: drydock {full}(.*)$", member_help, re.MULTILINE).group(1)
        if f"*drydock {full}*{synopsis}" not in text:
            failures.append(f"{path.name}: SYNOPSIS is not \"*drydock {full}*{synopsis}\"")
        found = re.search(rf"^# {heading}\n\n((?:.+\n)+)", text, re.MULTILINE)
        if not found or not plain(found.group(1)).startswith(plain(summary)):
            failures.append(f"{path.name}: \"# {heading}\" does not begin with \"{summary}\"")
        check_examples(full, member_help, path, text, failures)
        options, in_page = help_options(member_help, "Options"), page_options(text, heading)
        body = re.search(rf"^# {heading}\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
        shared = SHARED.search(body.group(1)) if body else None
        if shared:
            # Those of the other command, but for what has a word of its own here.
            other = help_options(run(program, "help", shared.group(1)), "Options")
            options = {option: words for option, words in options.items() if option in in_page or other.get(option) != words}
        compare(f"{path.name}, {heading}", options, in_page, failures)
    for heading in re.findall(rf"^# ({name.upper()} \w+)$", text, re.MULTILINE):
        if heading not in {f"{name} {member}".upper() for member, _, _ in members}:
            failures.append(f"{path.name}: \"# {heading}\" is no command of {name}")


def check_examples(name, help_text, path, text, failures):
    shown = [re.split(r"\s{2,}", line.strip())[0] for line in section(help_text, "Examples").splitlines()]
    in_page = re.search(r"^# EXAMPLES\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL)
    if not shown:
        failures.append(f"{name}: the help has no example")
    for example in shown:
        if in_page is None or f"\n\t{example}\n" not in in_page.group(1):
            failures.append(f"{path.name}: EXAMPLES has no \"{example}\"")


def check_command(name, aliases, summary, program, pages, failures):
    path = pages / f"drydock-{name}.1.scd"
    if not path.exists():
        failures.append(f"command {name} has no page: begin with tests/docs/help_vs_man.py --skeleton {program} {name} "
                        f"> {path}, and name it in docs/man/CMakeLists.txt")
        return
    text, help_text = path.read_text(), run(program, "help", name)
    if f"\ndrydock-{name} - {summary}\n" not in text:
        failures.append(f"{path.name}: NAME is not \"drydock-{name} - {summary}\"")
    synopsis = re.search(rf"^Usage: drydock {name}(.*)$", help_text, re.MULTILINE).group(1)
    for word in [name, *aliases]:
        if f"*drydock {word}*{synopsis}" not in text:
            failures.append(f"{path.name}: SYNOPSIS is not \"*drydock {word}*{synopsis}\"")
    check_examples(name, help_text, path, text, failures)
    if section(help_text, "Commands"):
        check_group(name, help_text, path, text, program, failures)
    options = help_options(help_text, "Options")
    # A member of a group may share options too; that is its section's business.
    shared = None if section(help_text, "Commands") else SHARED.search(text)
    if shared:
        if options != help_options(run(program, "help", shared.group(1)), "Options"):
            failures.append(f"{path.name}: the options are not those of {shared.group(1)}")
        return
    compare(path.name, options, page_options(text, "OPTIONS"), failures)


def check(program, pages):
    failures, general = [], run(program, "help")
    found = commands(general)
    main_page = (pages / "drydock.1.scd").read_text()
    compare("drydock.1.scd", help_options(general, "Global options"), page_options(main_page, "GLOBAL OPTIONS"), failures)
    for name, aliases, summary in found:
        heading = ", ".join(f"*{word}*" for word in [name, *aliases])
        match = re.search(rf"^{re.escape(heading)}\n\t(.*(?:\n\t.*)*)", main_page, re.MULTILINE)
        if not match:
            failures.append(f"drydock.1.scd: COMMANDS has no \"{heading}\"")
        elif not plain(match.group(1)).startswith(plain(summary)):
            failures.append(f"drydock.1.scd: {name} does not begin with \"{summary}\"")
        check_command(name, aliases, summary, program, pages, failures)
    known = {f"drydock-{name}.1.scd" for name, _, _ in found}
    for path in sorted(pages.glob("drydock-*.1.scd")):
        if path.name not in known:
            failures.append(f"{path.name} is the page of a command that does not exist")
    listed = set(re.findall(r"^  (drydock[\w.-]*\.\d)\)?$", (pages / "CMakeLists.txt").read_text(), re.MULTILINE))
    for path in sorted(pages.glob("*.scd")):
        if path.stem not in listed:
            failures.append(f"{path.name} is not in docs/man/CMakeLists.txt")
    if len(found) < 5:
        failures.append("the help was not understood")
    return failures


def skeleton(program, name):
    help_text = run(program, "help", name)
    _, aliases, summary = next(entry for entry in commands(run(program, "help")) if entry[0] == name)
    synopsis = re.search(rf"^Usage: drydock {name}(.*)$", help_text, re.MULTILINE).group(1)
    lines = [f"drydock-{name}(1)", "", "# NAME", "", f"drydock-{name} - {summary}", "", "# SYNOPSIS", ""]
    lines += ["++\n".join(f"*drydock {word}*{synopsis}" for word in [name, *aliases]), "", "# DESCRIPTION", ""]
    body = help_text.split("\n\n")
    lines += [body[2].strip() if not body[2].startswith(("Options:", "Global")) else summary, "", "# OPTIONS", "",
              "Global options are in *drydock*(1).", ""]
    for option, (short, value, words) in help_options(help_text, "Options").items():
        head = (f"*{short}*, " if short else "") + f"*{option}*" + (f" {value}" if value else "")
        lines += [head, f"\t{words[:1].upper()}{words[1:]}.".replace("*.", "\\*."), ""]
    lines += ["# EXAMPLES", ""]
    for line in section(help_text, "Examples").splitlines():
        example, what = re.split(r"\s{2,}", line.strip())
        lines += [f"{what[:1].upper()}{what[1:]}:", "", f"\t{example}", ""]
    lines += ["# SEE ALSO", "", "*drydock*(1)"]
    print("\n".join(lines))


def main():
    if sys.argv[1] == "--skeleton":
        skeleton(sys.argv[2], sys.argv[3])
        return
    failures = check(sys.argv[1], pathlib.Path(sys.argv[2]))
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
