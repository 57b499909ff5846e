"""A guard with its tinyproxy as they stand in a sidecar, and what asks them; for programs that run in a lab without engines."""

import ctypes
import json
import os
import queue
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

ADDRESS = "10.99.0.2"
PROXY = (ADDRESS, 8888)
GUARD_PORT = 3128
CA = os.environ.get("DRYDOCK_LAB_CA", "")
CANARY = "canary-test.drydock.invalid"
PROXY_CONFIG = """Allow 127.0.0.1
LogLevel Connect
MaxClients 256
Timeout 600
DisableViaHeader Yes
FilterURLs On
FilterType ere
FilterDefaultDeny Yes
ConnectPort 443
"""


def enter_namespace():
    """A namespace like a sidecar's: one address, a default route, the lab's name server."""
    for command in ("ip netns add side", "ip link add side1 type veth peer name side0 netns side",
                    "ip addr add 10.99.0.1/29 dev side1", "ip link set side1 up", "ip -n side link set lo up",
                    f"ip -n side addr add {ADDRESS}/29 dev side0", "ip -n side link set side0 up",
                    "ip -n side route add default via 10.99.0.1"):
        subprocess.run(command.split(), check=True)
    join_namespace("side")


def join_namespace(name):
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "cannot enter the namespace")
    os.close(descriptor)


class Sidecar:
    """The guard with its folder; the lines of its log as objects, in order."""

    def __init__(self, guard, hosts, read_log=True, **changes):
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        self.generation = 0
        self.changes = changes
        self.config(hosts)
        self.write("tinyproxy.conf", PROXY_CONFIG + f"Upstream http 127.0.0.1:{GUARD_PORT}\n")
        # As nobody, without a capability: binding port 443 is what the sysctl of the sidecar is for.
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
            file.write("443")
        self.process = subprocess.Popen(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all", "--bounding-set",
             "-all", "--no-new-privs", "--", guard, self.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.events = queue.Queue()
        self.seen = []
        if read_log:
            threading.Thread(target=self.read, daemon=True).start()

    def write(self, name, text):
        with open(f"{self.folder}/.new", "w") as file:
            file.write(text)
        os.chmod(f"{self.folder}/.new", 0o644)
        os.rename(f"{self.folder}/.new", f"{self.folder}/{name}")

    def config(self, hosts, filter_too=True):
        """Writes filter and guard.json, each at once, the guard's last."""
        self.generation += 1
        config = {"generation": self.generation, "listen_port": GUARD_PORT, "proxy": {"address": ADDRESS, "port": 8888},
                  "transparent": {"address": ADDRESS, "port": 443}, "clients": "10.99.0.0/29",
                  "tinyproxy": ["/usr/bin/tinyproxy", "-d"],
                  "entries": [{"pattern": host, "source": "test:1"} for host in hosts],
                  "own_addresses": ["203.0.113.2", "2001:db8:1::2"], "public": ["203.0.113.0/24", "2001:db8::/32"],
                  "canary": CANARY}
        config.update(self.changes)
        if filter_too:
            self.write("filter", filter_of(hosts))
        self.write("guard.json", json.dumps(config))

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def wait_for(self, seconds=5, **members):
        """The next event with these members."""
        end = time.monotonic() + seconds
        while True:
            event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            self.seen.append(event)
            if all(event.get(key) == value for key, value in members.items()):
                return event

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def proxy_pid(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])

    def wait_for_proxy(self):
        for _ in range(500):
            try:
                return self.proxy_pid()
            except IndexError:
                time.sleep(0.01)

    def close(self):
        if not os.path.exists(self.folder):
            return
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()
        self.process.stderr.close()
        shutil.rmtree(self.folder)


def connect(authority, address=PROXY, timeout=15):
    """Asks for a tunnel: the socket, and the head of the answer."""
    peer = socket.create_connection(address, timeout)
    peer.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = peer.recv(1)
        if not piece:
            break
        head += piece
    return peer, head.decode()


def status(authority, **options):
    peer, head = connect(authority, **options)
    peer.close()
    return int(head.split()[1]) if head else 0


def fetch(host, server_name=None, direct=False):
    """What GET / over TLS says, through the proxy or on the transparent leg."""
    peer = socket.create_connection((ADDRESS, 443), 15) if direct else connect(f"{host}:443")[0]
    context = ssl.create_default_context(cafile=CA)
    context.check_hostname = False
    with context.wrap_socket(peer, server_hostname=server_name or host) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        reply = b""
        while piece := tls.recv(65536):
            reply += piece
        return reply.decode()


def client_hello(host):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def filter_of(hosts):
    return "".join(f"^{re.escape(host)}:443$\n" for host in [*hosts, CANARY])


def exchange(request, half_close=False):
    """Sends bytes, and reads to the end."""
    with socket.create_connection(PROXY, 15) as peer:
        try:
            peer.sendall(request)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        reply = b""
        while piece := peer.recv(65536):
            reply += piece
        return reply


def hold(host):
    """An open tunnel, with TLS in it."""
    return ssl.create_default_context(cafile=CA).wrap_socket(connect(f"{host}:443")[0], server_hostname=host)


def say(held):
    with held:
        held.sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
        return held.recv(65536)
