"""registry.example: an npm registry of the fake internet with two packages of its own, tiny-greeting and lab-agent 1.0.0, and those of agents.

The latter are the real ones, which `agent_packages` has put into the folder that $DRYDOCK_LAB_PACKAGES names. tiny-greeting has a command too,
greet.js, so that it can be an agent's. lab-agent is a small agent: it asks the host in LAB_AGENT_HOST with the key in LAB_AGENT_KEY what to write
down, and tries another host on the way.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import urllib.parse

HOST = "registry.example"
NAME = "tiny-greeting"
VERSION = "1.0.0"
FILES = {
    "package.json": json.dumps({"name": NAME, "version": VERSION, "main": "index.js", "license": "MIT", "engines": {"node": ">=12"}}),
    "index.js": 'module.exports = (name) => `hello, ${name}`;\n',
    "greet.js": "#!/usr/bin/env node\nconsole.log(require('./index.js')(process.argv[2] || 'nobody'));\n",
}
AGENT = "lab-agent"
AGENT_FILES = {
    "package.json": json.dumps({"name": AGENT, "version": VERSION, "license": "MIT"}),
    "bin/lab-agent": r"""#!/bin/sh
[ "$1" != --version ] || { echo "lab-agent 1.0.0"; exit; }
[ -n "$LAB_AGENT_KEY" ] || { echo "lab-agent: there is no key" >&2; exit 3; }
curl -sS -H "Authorization: Bearer $LAB_AGENT_KEY" "https://$LAB_AGENT_HOST/$1" >answer.txt || exit
curl -sS "https://$1.denied.test/" >other.txt 2>&1
printf %s "$LAB_AGENT_KEY" | sha256sum >key.txt
echo "lab-agent: done"
""",
}


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            entry.mode = 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


def integrity_of(archive):
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()


def packument(archive):
    about = {"name": NAME, "version": VERSION, "main": "index.js", "dist": {
        "tarball": f"https://{HOST}/{NAME}/-/{NAME}-{VERSION}.tgz",
        "integrity": integrity_of(archive),
        "shasum": hashlib.sha1(archive).hexdigest()}}
    return {"name": NAME, "dist-tags": {"latest": VERSION}, "versions": {VERSION: about}}


ARCHIVE = tarball(FILES)
AGENT_ARCHIVE = tarball(AGENT_FILES)
AGENT_FILE = f"{AGENT}-{VERSION}.tgz"


def agents():
    """{package: {version: {"file", "integrity"}}}"""
    packages = {AGENT: {VERSION: {"file": AGENT_FILE, "integrity": integrity_of(AGENT_ARCHIVE)}}}
    if folder := os.environ.get("DRYDOCK_LAB_PACKAGES"):
        with open(folder + "/index.json", encoding="utf-8") as index:
            packages.update(json.load(index))
    return packages


def pieces_of(name):
    if name == AGENT_FILE:
        yield AGENT_ARCHIVE
        return
    with open(f"{os.environ['DRYDOCK_LAB_PACKAGES']}/{name}", "rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def answer_of_agents(path):
    """A version's manifest, at /PACKAGE/VERSION with a slash in PACKAGE encoded, or an archive."""
    packages = agents()
    head, _, name = path.rpartition("/")
    if head == "/-":
        files = {entry["file"] for versions in packages.values() for entry in versions.values()}
        return (200, "application/octet-stream", pieces_of(name)) if name in files else None
    package = urllib.parse.unquote(head[1:])
    versions = packages.get(package, {})
    # The shortest is the one without a variant behind it.
    version = min(versions, key=len) if name == "latest" and versions else urllib.parse.unquote(name)
    if version not in versions:
        return None
    manifest = {"name": package, "version": version, "dist": {
        "tarball": f"https://{HOST}/-/{versions[version]['file']}", "integrity": versions[version]["integrity"]}}
    return 200, "application/json", [json.dumps(manifest).encode()]


def answer(request):
    """As sites.py wants it."""
    if found := answer_of_agents(request.path):
        return found
    if request.method == "POST":  # the audit
        return 200, "application/json", [b"{}"]
    if request.path == "/" + NAME:
        return 200, "application/json", [json.dumps(packument(ARCHIVE)).encode()]
    if request.path in (f"/{NAME}/latest", f"/{NAME}/{VERSION}"):
        return 200, "application/json", [json.dumps(packument(ARCHIVE)["versions"][VERSION]).encode()]
    if request.path.endswith(".tgz") and NAME in request.path:
        return 200, "application/octet-stream", [ARCHIVE]
    return 404, "application/json", [b'{"error":"not found"}']
