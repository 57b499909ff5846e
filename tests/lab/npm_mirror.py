#!/usr/bin/env python3
"""A mirror of the npm packages that agents are made of, for a lab, which reaches no registry.

usage: npm_mirror.py fetch DIR DRYDOCK AGENT...   (on the machine: from the registry that its npm uses)
       npm_mirror.py serve DIR [PORT]             (in the lab: on 127.0.0.1; prints the port that it has)

DIR keeps what the registry said of each version, and the archives under their digests; one that is there is
not fetched again.
"""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import urllib.parse
import urllib.request


def manifest_name(package, version):
    return urllib.parse.quote(f"{package}@{version}", safe="") + ".json"


def archive_name(manifest):
    return hashlib.sha256(manifest["dist"]["integrity"].encode()).hexdigest()[:32] + ".tgz"


def has_digest(path, integrity):
    if not path.is_file():
        return False
    digest = hashlib.sha512(path.read_bytes()).digest()
    return integrity == "sha512-" + base64.b64encode(digest).decode()


def fetch(directory, drydock, agents):
    registry = subprocess.run(["npm", "--prefix", "/", "config", "get", "registry"], check=True,
                              capture_output=True, text=True).stdout.strip().rstrip("/")
    listing = subprocess.run([drydock, "--json", "-q", "agents", *agents], check=True, capture_output=True, text=True)

    def manifest_of(package, version):
        url = f"{registry}/{urllib.parse.quote(package, safe='')}/{urllib.parse.quote(version, safe='')}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            manifest = json.load(answer)
        (directory / manifest_name(package, version)).write_text(json.dumps(manifest))
        return manifest

    for agent in json.loads(listing.stdout)["agents"]:
        for entry in agent["npm"]:
            manifest = manifest_of(entry["package"], entry["version"])
            if entry["variant"]:
                manifest = manifest_of(entry["package"], manifest["version"] + entry["variant"])
            path = directory / archive_name(manifest)
            integrity = manifest["dist"]["integrity"]
            if not has_digest(path, integrity):
                part = path.with_suffix(".part")
                with urllib.request.urlopen(manifest["dist"]["tarball"], timeout=60) as answer, part.open("wb") as file:
                    while piece := answer.read(1 << 20):
                        file.write(piece)
                if not has_digest(part, integrity):
                    sys.exit(f"npm_mirror: {manifest['dist']['tarball']} has not the digest that the registry names")
                part.rename(path)
            print(f"{manifest['name']} {manifest['version']}: {path.stat().st_size // 1000000} MB")


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = pathlib.Path()

    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/-/"):
            path = self.directory / os.path.basename(self.path)
            if path.is_file():
                self.reply(200, "application/octet-stream", path.read_bytes())
                return
        else:
            package, _, version = urllib.parse.unquote(self.path).lstrip("/").rpartition("/")
            path = self.directory / manifest_name(package, version)
            if path.is_file():
                manifest = json.loads(path.read_text())
                port = self.server.server_address[1]
                manifest["dist"]["tarball"] = f"http://127.0.0.1:{port}/-/{archive_name(manifest)}"
                self.reply(200, "application/json", json.dumps(manifest).encode())
                return
        self.reply(404, "application/json", b'{"error":"not found"}')


def serve(directory, port):
    Registry.directory = directory
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Registry)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def main():
    if len(sys.argv) >= 5 and sys.argv[1] == "fetch":
        directory = pathlib.Path(sys.argv[2])
        directory.mkdir(parents=True, exist_ok=True)
        fetch(directory, sys.argv[3], sys.argv[4:])
    elif len(sys.argv) in (3, 4) and sys.argv[1] == "serve":
        serve(pathlib.Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else 0)
    else:
        sys.exit(__doc__)


main()
