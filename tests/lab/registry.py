"""registry.example: an npm registry of the fake internet with one package in it, tiny-greeting 1.0.0."""

import base64
import gzip
import hashlib
import io
import json
import tarfile

HOST = "registry.example"
NAME = "tiny-greeting"
VERSION = "1.0.0"
FILES = {
    "package.json": json.dumps({"name": NAME, "version": VERSION, "main": "index.js", "license": "MIT"}),
    "index.js": 'module.exports = (name) => `hello, ${name}`;\n',
}


def tarball():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in FILES.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


def packument(archive):
    about = {"name": NAME, "version": VERSION, "main": "index.js", "dist": {
        "tarball": f"https://{HOST}/{NAME}/-/{NAME}-{VERSION}.tgz",
        "integrity": "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode(),
        "shasum": hashlib.sha1(archive).hexdigest()}}
    return {"name": NAME, "dist-tags": {"latest": VERSION}, "versions": {VERSION: about}}


ARCHIVE = tarball()


def answer(request):
    """As sites.py wants it."""
    if request.method == "POST":  # the audit
        return 200, "application/json", [b"{}"]
    if request.path == "/" + NAME:
        return 200, "application/json", [json.dumps(packument(ARCHIVE)).encode()]
    if request.path.endswith(".tgz") and NAME in request.path:
        return 200, "application/octet-stream", [ARCHIVE]
    return 404, "application/json", [b'{"error":"not found"}']
