#!/usr/bin/python3
"""The fake internet: web servers and a name server that answer whatever reaches them, and log it.

usage: inet.py LOG-DIRECTORY CERTIFICATE KEY; prints "ready" once everything listens.
"""

import hashlib
import itertools
import os
import resource
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sites
from lablog import Log, bound_socket, family_of, in_thread, plain_address

WEB = ("203.0.113.10", "2001:db8:1::10")
DNS = ("203.0.113.53", "2001:db8:1::53")
PLAIN_PORTS = (80, 2222)
TLS_PORTS = (443, 8443)
ECHO_PORTS = (7, 443, 2222)

# --- names -----------------------------------------------------------------------------------------------------------

EVERY_NAME = {"A": ["203.0.113.10"], "AAAA": ["2001:db8:1::10"]}
# Names that a hostile owner of an allowed domain could publish. A list of lists is answered in turn, query by query.
SPECIAL = {
    "rebind.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]},
    "meta.test": {"A": ["169.254.169.254"], "AAAA": ["fd00:ec2::254"]},
    "lan.test": {"A": ["203.0.113.2"], "AAAA": ["2001:db8:1::2"]},
    "private.test": {"A": ["10.0.0.1"], "AAAA": ["fd12:3456::1"]},
    "cgnat.test": {"A": ["100.100.100.200"]},
    "mapped.test": {"AAAA": ["::ffff:127.0.0.1"]},
    "nat64.test": {"AAAA": ["64:ff9b::7f00:1"]},
    "6to4.test": {"AAAA": ["2002:7f00:1::1"]},
    "mixed.test": {"A": ["203.0.113.10", "127.0.0.1"]},
    "alias.test": {"CNAME": "rebind.test"},
    "flip.test": {"A": [["203.0.113.10"], ["127.0.0.1"]]},
    "v4only.test": {"A": ["203.0.113.10"]},
    "v6only.test": {"AAAA": ["2001:db8:1::10"]},
    "nx.test": None,
}
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 64: "SVCB",
         65: "HTTPS", 255: "ANY"}
TURNS = {name: itertools.count() for name in SPECIAL}
NOERROR, FORMERR, NXDOMAIN = 0, 1, 3


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def read_question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    (number,) = struct.unpack("!H", query[at + 1:at + 3])
    return ".".join(labels), number, query[12:at + 5]


def addresses(name, kind):
    listed = (SPECIAL[name] if name in SPECIAL else EVERY_NAME).get(kind, [])
    if listed and isinstance(listed[0], list):
        return listed[next(TURNS[name]) % len(listed)]
    return listed


def records(name, kind):
    """The (owner, type number, data) triples that answer a question."""
    entry = SPECIAL.get(name, EVERY_NAME)
    if "CNAME" in entry:
        yield name, 5, encode_name(entry["CNAME"])
        name = entry["CNAME"]
    if kind in ("A", "AAAA"):
        for address in addresses(name, kind):
            yield name, 1 if kind == "A" else 28, socket.inet_pton(family_of(address), address)
    elif kind == "TXT":
        yield name, 16, b"\x0bdrydock lab"


def answer(query, proto, peer, log):
    try:
        name, number, question = read_question(query)
    except (IndexError, struct.error):
        log.add(proto=proto, client=plain_address(peer), malformed=query.hex())
        return query[:2].ljust(2, b"\0") + struct.pack("!HHHHH", 0x8000 | FORMERR, 0, 0, 0, 0)
    kind = TYPES.get(number, f"TYPE{number}")
    log.add(proto=proto, client=plain_address(peer), name=name, type=kind)
    lower = name.lower()
    exists = SPECIAL.get(lower, EVERY_NAME) is not None
    found = list(records(lower, kind)) if exists else []
    flags = 0x8580 | (NOERROR if exists else NXDOMAIN)  # an authoritative answer, recursion available
    body = b"".join(encode_name(owner) + struct.pack("!HHIH", number, 1, 0, len(data)) + data
                    for owner, number, data in found)
    return query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + question + body


def serve_dns_udp(listener, log):
    while True:
        query, peer = listener.recvfrom(4096)
        listener.sendto(answer(query, "udp", peer, log), peer)


class DnsOverTcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(size := self.rfile.read(2)) == 2:
            query = self.rfile.read(int.from_bytes(size, "big"))
            reply = answer(query, "tcp", self.client_address, self.server.log)
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)


# --- web -------------------------------------------------------------------------------------------------------------

class Page(BaseHTTPRequestHandler):
    """GET / a greeting; GET /bytes/N that many bytes; GET /delay/S the greeting after S seconds;
    POST an echo of the body; PUT its size."""

    protocol_version = "HTTP/1.1"

    def respond(self, body=b"", length=None):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("X-Lab-Sni", self.sni or "-")
        self.send_header("X-Lab-Client", plain_address(self.client_address))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def sni(self):
        return getattr(self.connection, "lab_sni", None)

    def note(self):
        self.server.log.add(event="request", port=self.server.server_port, client=plain_address(self.client_address),
                            sni=self.sni, host=self.headers.get("Host"), method=self.command, path=self.path, key=self.key)

    @property
    def key(self):
        """The SHA-256 of the key or token that it came with."""
        headers = [self.headers.get(name) for name in ("X-Api-Key", "X-Goog-Api-Key", "Authorization")]
        given = next((value.removeprefix("Bearer ") for value in headers if value), None)
        return given and hashlib.sha256(given.encode()).hexdigest()

    @property
    def host(self):
        return (self.headers.get("Host") or self.sni or "-").split(":")[0]

    def answered_by_site(self):
        """Whether a site of this name has answered."""
        site = sites.find(self.host)
        if not site:
            return False
        body = b"".join(self.blocks()) if self.command in ("POST", "PUT") else b""
        status, content_type, pieces = site(sites.Request(self.host, self.command, self.path, body))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command != "HEAD":
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        return True

    def do_GET(self):
        self.note()
        if self.answered_by_site():
            return
        head, _, amount = self.path.lstrip("/").partition("/")
        if head == "bytes" and amount.isdigit():
            self.respond(length=int(amount))
            if self.command != "HEAD":
                self.send_bytes(int(amount))
            return
        if head == "delay":
            time.sleep(float(amount))
        self.respond(f"drydock lab: hello from {self.host}\n".encode())

    do_HEAD = do_GET

    def send_bytes(self, count):
        block = b"drydock lab: ok\n" * 4096
        while count > 0:
            self.wfile.write(block[:count])
            count -= len(block)

    def do_POST(self):
        self.note()
        if not self.answered_by_site():
            self.respond(b"".join(self.blocks()))

    def do_PUT(self):
        self.note()
        self.respond(f"{sum(len(block) for block in self.blocks())} bytes\n".encode())

    def blocks(self):
        """The request's body, piece by piece."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            left = int(self.headers.get("Content-Length", 0))
            while left and (block := self.rfile.read(min(left, 65536))):
                left -= len(block)
                yield block
            return
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def log_message(self, *_):
        pass


class Web(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(self, address, port, log, context=None):
        self.address_family = family_of(address)
        self.log = log
        self.context = context
        super().__init__((address, port), Page)

    def server_bind(self):  # the base class looks its own name up in the DNS
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        """Shake hands in the connection's own thread: a silent client must not hold up the others."""
        if not self.context:
            super().finish_request(request, client_address)
            return
        secure = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with secure:
            try:
                secure.settimeout(60)
                secure.do_handshake()
                secure.settimeout(None)
            except OSError as error:
                self.log.add(event="tls-failed", port=self.server_port, client=plain_address(client_address),
                             sni=getattr(secure, "lab_sni", None), reason=str(error))
                return
            self.log.add(event="tls", port=self.server_port, client=plain_address(client_address),
                         sni=getattr(secure, "lab_sni", None))
            super().finish_request(secure, client_address)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a client that hangs up is no news
            super().handle_error(request, client_address)


def remember_sni(connection, name, _):
    connection.lab_sni = name


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = remember_sni
    return context


def echo_udp(listener, log):
    port = listener.getsockname()[1]
    while True:
        data, peer = listener.recvfrom(65536)
        log.add(event="udp", port=port, client=plain_address(peer), data=data[:200].decode("latin-1"))
        listener.sendto(data, peer)


def serve_names(log):
    for address in DNS:
        in_thread(serve_dns_udp, bound_socket(socket.SOCK_DGRAM, address, 53), log)
        server = type("Dns", (socketserver.ThreadingTCPServer,),
                      {"address_family": family_of(address), "allow_reuse_address": True, "daemon_threads": True})
        tcp = server((address, 53), DnsOverTcp)
        tcp.log = log
        in_thread(tcp.serve_forever)


def serve_web(log, context):
    for address in WEB:
        for port in PLAIN_PORTS:
            in_thread(Web(address, port, log).serve_forever)
        for port in TLS_PORTS:
            in_thread(Web(address, port, log, context).serve_forever)
        for port in ECHO_PORTS:
            in_thread(echo_udp, bound_socket(socket.SOCK_DGRAM, address, port), log)


def main():
    # A thread and a socket for each connection, and there may be thousands.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory, certificate, key = sys.argv[1:]
    parent, child = socket.socketpair()
    # A process of its own: how long a name takes must not depend on what the web servers do.
    if os.fork() == 0:
        parent.close()
        serve_names(Log(directory, "dns"))
        child.send(b"+")
        child.recv(1)  # until the web servers' process has ended
        return
    child.close()
    serve_web(Log(directory, "requests"), tls_context(certificate, key))
    if not parent.recv(1):
        sys.exit("the name server did not start")
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
