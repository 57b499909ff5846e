#!/usr/bin/python3
"""Each lint passes on this tree and fails, for the right reason, on a copy of it with one breach."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import tree

# lint, file (made if it is not there), text to add to it, what the lint must say
BREACHES = [
    ("include_layers", "src/base/text.cpp", '#include "runtime/types.hpp"\n', "base may not include 'runtime/types.hpp'"),
    ("include_layers", "src/docker/wire.cpp", '#include "podman/wire.hpp"\n', "docker may not include 'podman/wire.hpp'"),
    ("include_layers", "src/podman/wire.cpp", '#  include "docker/wire.hpp"\n', "podman may not include 'docker/wire.hpp'"),
    ("include_layers", "src/core/plan.cpp", '#include "podman/wire.hpp"\n', "core may not include 'podman/wire.hpp'"),
    ("include_layers", "src/core/plan.cpp", '#include "cli/help.hpp"\n', "core may not include 'cli/help.hpp'"),
    ("include_layers", "src/cli/help.cpp", '#include "docker/docker_provider.hpp"\n', "cli may not include"),
    ("include_layers", "src/runtime/address.cpp", '#include "core/plan.hpp"\n', "runtime may not include 'core/plan.hpp'"),
    ("include_layers", "src/guard/x.cpp", '#include "core/run.hpp"\n', "guard may not include 'core/run.hpp'"),
    ("include_layers", "src/other/x.cpp", '#include "base/text.hpp"\n', "folder 'other' is not in the table"),
    ("include_layers", "src/core/plan.cpp", '#include <curl/curl.h>\n', "libcurl may be included in"),
    ("include_layers", "src/podman/service.cpp", '#include <boost/asio.hpp>\n', "Boost.Asio may be included in"),
    ("include_layers", "src/core/filter.cpp", '#include <archive.h>\n', "libarchive may be included in"),
    ("include_layers", "src/core/run.hpp", '#include <boost/program_options.hpp>\n', "Boost.Program_options may be"),
    ("include_layers", "src/core/run.cpp", '#include <spdlog/spdlog.h>\n', "spdlog may be included in"),
    ("include_layers", "src/core/run.cpp", '#include "core/nothing.hpp"\n', "there is no 'core/nothing.hpp'"),
    ("include_layers", "src/cli/engines.cpp", None, "is not needed any more: take it out"),
    ("include_layers", "src/runtime/http/hijack.cpp", None, "does not include Boost.Beast"),
    ("phrases", "docs/x.md", "This is Exfiltration" + "-proof.\n", "forbidden phrase"),
    ("phrases", "src/core/plan.cpp", "// a sandboxed\n" + "// network\n", "forbidden phrase"),
    ("phrases", "docs/x.md", "containment isn\u2019" + "t sandboxing\n", "forbidden phrase"),
    ("messages", "src/core/x.cpp", 'throw Error(ErrorKind::usage, "could not do it");\n', "begins with \"cannot\""),
    ("messages", "src/core/x.cpp", 'throw Error(ErrorKind::usage, "cannot do " + it + ": no.");\n', "no full stop"),
    ("messages", "src/core/x.cpp", 'throw Error(kind, "cannot do it", "Try again");\n', "begins in lower case"),
    ("messages", "src/core/x.cpp", 'throw Error(ErrorKind::usage, a ? "cannot a" : "never b", "x");\n', "begins with \"cannot\""),
    ("messages", "src/core/x.cpp", 'throw Error(ErrorKind::usage, "cannot do it", "try\\nagain");\n', "one line"),
    ("sources", "src/core/x.cpp", "int x;\n", "no CMakeLists.txt names it"),
    ("sources", "tests/unit/core/x_test.cpp", "int x;\n", "no CMakeLists.txt names it"),
    ("sources", "src/CMakeLists.txt", "add_library(x gone.cpp)\n", "gone.cpp does not exist"),
    ("sources", "src/core/plan.cpp", "int x;\n" * 500, "lines, more than 500"),
    ("sources", "src/core/plan.cpp", "int x = sys" + "tem(\"true\");\n", "runs a shell"),
    ("sources", "src/core/plan.cpp", "FILE* x = ::po" + "pen(\"true\", \"r\");\n", "runs a shell"),
    ("sources", "docs/x.md", "TO" + "DO: write this\n", "unfinished work"),
    ("sources", "src/core/plan.cpp", "// not yet " + "implemented\n", "unfinished work"),
    ("sources", "docs/x.md", "see /ho" + "me/alice/notes\n", "somebody's folder"),
]


def run_lint(name, root):
    lint = pathlib.Path(__file__).with_name(name + ".py")
    result = subprocess.run([sys.executable, str(lint), str(root)], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


def copy_tree(root, copy):
    for path in tree.files(root):
        if path.parts[0] in ("src", "tests", "docs", "cmake") or path.name == "CMakeLists.txt":
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, copy / path)


def main():
    root = tree.root_from_arguments()
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch, "tree")
        copy_tree(root, copy)
        for name in sorted({entry[0] for entry in BREACHES}):
            status, output = run_lint(name, copy)
            if status != 0:
                failures.append(f"{name} fails without a breach:\n{output}")
        for name, file, text, expected in BREACHES:
            path = copy / file
            before = path.read_text() if path.exists() else None
            path.parent.mkdir(parents=True, exist_ok=True)
            # Without a text the file is emptied: what it was an exception for is gone.
            path.write_text("" if text is None else (before or "") + text)
            status, output = run_lint(name, copy)
            if status == 0 or expected not in output:
                failures.append(f"{name} does not see the breach in {file} ({expected}):\n{output}")
            if before is None:
                path.unlink()
            else:
                path.write_text(before)
        for name in sorted({entry[0] for entry in BREACHES}):
            status, output = run_lint(name, pathlib.Path(scratch, "nowhere"))
            if status == 0:
                failures.append(f"{name} is content with a folder that is not there")
    print("\n".join(failures) or f"{len(BREACHES)} breaches seen")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
