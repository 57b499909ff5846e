#!/usr/bin/python3
"""Every #include below src/ goes in an allowed direction, and libraries stay behind their fences.

docs/hacking.md has the table for people. Exceptions are checked both ways: one that nothing uses any more has to go.
"""

import re

import tree

# A folder of src/ and the folders that it may include from, besides itself.
LAYERS = {
    "base": set(),
    "policy": set(),
    "runtime": {"base"},
    "docker": {"base", "runtime"},
    "podman": {"base", "runtime"},
    "core": {"base", "runtime", "policy"},
    "cli": {"base", "runtime", "core"},
    "guard": {"base", "policy"},
}

# What LAYERS forbids and is right all the same: (file, header) and the reason.
EXCEPTIONS = {
    ("cli/engines.cpp", "docker/docker_provider.hpp"): "the one place that names the engines",
    ("cli/engines.cpp", "podman/podman_provider.hpp"): "the one place that names the engines",
}

# Headers of core that a layer below it may use, for they are pure: no engine, no file, no clock.
PURE_CORE_HEADERS = {"guard": set()}

# A library and the only files that may include it.
FENCES = [
    ("libcurl", r"curl/", {"base/download.cpp", "runtime/http/client.cpp", "runtime/http/transfer.hpp"}),
    ("Boost.Beast and Boost.Asio", r"boost/(beast|asio)", {"runtime/http/hijack.cpp"}),
    ("libarchive", r"archive(_entry)?\.h$", {"core/image_archive.cpp", "core/npm_registry.cpp", "core/saved_image.cpp"}),
    ("Boost.Program_options", r"boost/program_options", {"cli/command.hpp"}),
    ("spdlog", r"spdlog/", {"base/log.hpp", "base/log.cpp"}),
    ("nlohmann/json", r"nlohmann/", {"base/json.hpp"}),
    ("OpenSSL", r"openssl/", {"base/digest.cpp"}),
    ("libidn2 and libpsl", r"(idn2|libpsl)\.h$", {"core/host_pattern.cpp"}),
]
# Tests look into archives and build option tables; the other fences hold there as well.
TESTS_MAY_USE = {"libarchive", "nlohmann/json", "Boost.Program_options"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
SUFFIXES = {".cpp", ".hpp", ".h", ".in"}


def includes(root, below):
    for path in tree.files(root, below, SUFFIXES):
        text = tree.text_of(root, path)
        for match in INCLUDE.finditer(text or ""):
            inside = path.relative_to(below).as_posix()
            yield f"{path}:{tree.line_of(text, match.start())}", inside, match.group(1) or match.group(2), bool(match.group(1))


def check_direction(where, file, header, breaches, used):
    layer, target = file.split("/")[0], header.split("/")[0]
    if layer not in LAYERS:
        breaches.append(f"{where}: folder '{layer}' is not in the table of layers")
        return
    if target == layer or target in LAYERS[layer]:
        return
    if (file, header) in EXCEPTIONS:
        used.add((file, header))
    elif header in PURE_CORE_HEADERS.get(layer, set()):
        used.add((layer, header))
    else:
        breaches.append(f"{where}: {layer} may not include '{header}'")


def main():
    root = tree.root_from_arguments()
    breaches, used, fenced, checked, layers = [], set(), set(), 0, set()
    for where, file, header, quoted in includes(root, "src"):
        checked += 1
        layers.add(file.split("/")[0])
        if quoted:
            if not (root / "src" / header).exists() and not (root / "src" / (header + ".in")).exists():
                breaches.append(f"{where}: there is no '{header}' below src/")
            check_direction(where, file, header, breaches, used)
            continue
        for name, pattern, allowed in FENCES:
            if not re.match(pattern, header):
                continue
            if file in allowed:
                fenced.add((name, file))
            else:
                breaches.append(f"{where}: {name} may be included in {', '.join(sorted(allowed))} only")
    for where, _, header, quoted in includes(root, "tests"):
        for name, pattern, _ in FENCES:
            if not quoted and re.match(pattern, header) and name not in TESTS_MAY_USE:
                breaches.append(f"{where}: {name} may not be included in tests")
    for entry, reason in EXCEPTIONS.items():
        if entry not in used:
            breaches.append(f"exception {entry[0]} -> {entry[1]} ({reason}) is not needed any more: take it out")
    for layer, headers in PURE_CORE_HEADERS.items():
        for header in sorted(headers):
            if layer in layers and (layer, header) not in used:
                breaches.append(f"exception {layer} -> {header} is not needed any more: take it out")
    for name, _, allowed in FENCES:
        for file in sorted(allowed):
            if (name, file) not in fenced:
                breaches.append(f"{file} does not include {name} any more: take it out of the fence")
    tree.finish(breaches, checked)


if __name__ == "__main__":
    main()
