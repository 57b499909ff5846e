#!/usr/bin/python3
"""tinyproxy and the guard as they stand in a sidecar, in a network namespace of the lab, against its fake internet.

usage, in a lab without engines: guard_test.py GUARD [unittest arguments]; --measure prints the figures as well.
"""

import json
import os
import queue
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

GUARD = ""
MEASURE = False
ADDRESS = "10.99.0.2"
PROXY = (ADDRESS, 8888)
BARE_PORT = 8889  # a tinyproxy without the guard, to compare with
GUARD_PORT = 3128
CA = os.environ.get("DRYDOCK_LAB_CA", "")
BAD = ["rebind.test", "meta.test", "lan.test", "private.test", "cgnat.test", "mapped.test", "nat64.test", "6to4.test",
       "mixed.test", "alias.test"]
GOOD = ["allowed.test", "other.test", "v4only.test", "flip.test"]
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
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0x40000000) != 0:  # CLONE_NEWNET
        sys.exit("cannot enter the namespace")
    os.close(descriptor)


class Sidecar:
    """The guard with its folder; the lines of its log as objects, in order."""

    def __init__(self, hosts=tuple(GOOD + BAD), read_log=True, **changes):
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
             "-all", "--no-new-privs", "--", GUARD, self.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.events = queue.Queue()
        self.seen = []
        if read_log:
            threading.Thread(target=self.read, daemon=True).start()

    def write(self, name, text):
        with open(f"{self.folder}/.new", "w") as file:
            file.write(text)
        os.chmod(f"{self.folder}/.new", 0o644)
        os.rename(f"{self.folder}/.new", f"{self.folder}/{name}")

    def config(self, hosts):
        """Writes filter and guard.json, each at once, the guard's last."""
        self.generation += 1
        config = {"generation": self.generation, "listen_port": GUARD_PORT, "proxy": {"address": ADDRESS, "port": 8888},
                  "transparent": {"address": ADDRESS, "port": 443}, "clients": "10.99.0.0/29",
                  "tinyproxy": ["/usr/bin/tinyproxy", "-d"],
                  "entries": [{"pattern": host, "source": "test:1"} for host in hosts],
                  "own_addresses": ["203.0.113.2", "2001:db8:1::2"], "public": ["203.0.113.0/24", "2001:db8::/32"],
                  "canary": CANARY}
        config.update(self.changes)
        self.write("filter", "".join(f"^{re.escape(host)}:443$\n" for host in [*hosts, CANARY]))
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

    def close(self):
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


def requests_with(*texts):
    with open(os.environ["DRYDOCK_LAB"] + "/log/requests.log") as file:
        return [line for line in file if all(text in line for text in texts)]


class WhileItRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sidecar = Sidecar()
        cls.sidecar.wait_for(event="ready", generation=1)

    @classmethod
    def tearDownClass(cls):
        cls.sidecar.close()

    def test_allowed_hosts_on_both_legs(self):
        for direct in (False, True):
            self.assertIn("hello from allowed.test", fetch("allowed.test", direct=direct))
            event = self.sidecar.wait_for(event="close", host="allowed.test",
                                          leg="transparent" if direct else "proxy")
            self.assertEqual(event["verdict"], "allowed")
            self.assertEqual(event["rule"], "allowed.test")
            self.assertGreater(event["received"], 500)

    def test_forbidden_addresses(self):
        for host in BAD:
            peer, head = connect(f"{host}:443")
            self.assertTrue(head.startswith("HTTP/1.1 403 drydock refused " + host), head)
            self.assertIn(b"drydock refused", peer.recv(4096))
            peer.close()
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                fetch(host, direct=True)
        for host in ("allowed.test", "v4only.test"):
            self.assertEqual(status(f"{host}:443"), 200)

    def test_one_answer_is_checked_and_dialled(self):
        self.assertEqual({status("flip.test:443") for _ in range(2)}, {200, 403})

    def test_other_server_names(self):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            fetch("allowed.test", server_name="denied.test")
        event = self.sidecar.wait_for(event="denied", host="allowed.test")
        self.assertEqual(event["sni"], "denied.test")
        self.assertFalse(requests_with('"sni": "denied.test"'))
        self.assertIn("hello from", fetch("allowed.test"))

    def test_names_that_are_not_listed(self):
        self.assertEqual(status("denied.test:443"), 403)
        self.sidecar.wait_for(event="denied", host="denied.test", reason="not on the allowlist")
        # Behind tinyproxy's back: the guard has its own list.
        self.assertEqual(status("denied.test:443", address=("127.0.0.1", GUARD_PORT)), 403)
        self.assertEqual(status("allowed.test:443", address=("127.0.0.1", GUARD_PORT)), 200)
        self.assertEqual(status("allowed.test:80"), 403)
        self.sidecar.wait_for(event="denied", host="allowed.test", port=80)

    def test_the_canary(self):
        peer, head = connect(f"{CANARY}:443")
        self.assertIn(" 200 ", head)
        self.assertEqual(peer.recv(10), b"")
        peer.close()

    def test_two_thousand_idle_tunnels(self):
        hello = client_hello("allowed.test")
        before = self.sidecar.rss()
        peers = []
        for _ in range(2000):
            peer, head = connect("allowed.test:443", address=("127.0.0.1", GUARD_PORT))
            self.addCleanup(peer.close)
            self.assertIn(" 200 ", head)
            peer.sendall(hello)
            peers.append(peer)
        for peer in peers:
            self.assertEqual(peer.recv(1), b"\x16", "the server's answer")
            while len(peer.recv(65536)) == 65536:
                pass
        idle = self.sidecar.rss()
        if MEASURE:
            print(f"\nRSS: {before} KiB before, {idle} KiB with 2000 idle tunnels")
        self.assertLess(idle, 20 * 1024)

    def test_time_of_a_tunnel(self):
        with tempfile.NamedTemporaryFile("w", dir=self.sidecar.folder, suffix=".conf") as file:
            file.write(PROXY_CONFIG.replace("127.0.0.1", "10.99.0.0/29") + f"Listen {ADDRESS}\nPort {BARE_PORT}\n"
                       f'Filter "{self.sidecar.folder}/filter"\n')
            file.flush()
            bare = subprocess.Popen(["/usr/bin/tinyproxy", "-d", "-c", file.name], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.5)
                times = {PROXY: [], (ADDRESS, BARE_PORT): []}
                for _ in range(200):
                    for address, measured in times.items():
                        begin = time.perf_counter()
                        peer, head = connect("v4only.test:443", address=address)
                        measured.append(time.perf_counter() - begin)
                        self.assertIn(" 200 ", head)
                        peer.close()
                guarded, plain = (statistics.median(measured) * 1000 for measured in times.values())
                if MEASURE:
                    print(f"\nCONNECT to 200, median of 200: {guarded:.2f} ms guarded, {plain:.2f} ms without, ratio "
                          f"{guarded / plain:.2f}")
                self.assertLess(guarded - plain, 20)
            finally:
                bare.terminate()
                bare.wait()


class FromStartToEnd(unittest.TestCase):
    def make(self, *arguments, **options):
        sidecar = Sidecar(*arguments, **options)
        self.addCleanup(sidecar.close)
        return sidecar

    def test_it_is_ready_when_both_listen(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        self.assertEqual(status("allowed.test:443", timeout=5), 200)
        self.assertEqual(status("allowed.test:443", address=("127.0.0.1", GUARD_PORT)), 200)

    def test_it_ends_when_asked(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        proxy = sidecar.proxy_pid()
        begin = time.monotonic()
        sidecar.process.terminate()
        self.assertEqual(sidecar.process.wait(5), 0)
        self.assertLess(time.monotonic() - begin, 1)
        self.assertFalse(os.path.exists(f"/proc/{proxy}"), "tinyproxy lives on")

    def test_it_ends_with_its_proxy(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        os.kill(sidecar.proxy_pid(), signal.SIGKILL)
        self.assertIn("signal 9", sidecar.wait_for(event="exit")["reason"])
        self.assertEqual(sidecar.process.wait(5), 1)
        with self.assertRaises(OSError):
            connect("allowed.test:443", address=("127.0.0.1", GUARD_PORT))

    def test_a_crash_of_its_proxy_is_survived(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        for number in (signal.SIGSEGV, signal.SIGABRT):
            os.kill(sidecar.proxy_pid(), number)
            sidecar.wait_for(event="proxy", reason=f"the proxy was ended by signal {number.value} and is started again")
            sidecar.wait_for(event="ready")
            self.assertEqual(status("allowed.test:443", timeout=5), 200)
            self.assertEqual(status("denied.test:443", timeout=5), 403)

    def test_it_does_not_start_on_a_wrong_configuration(self):
        for changes in ({"lisen_port": 1}, {"public": ["everything"]}, {"entries": [{"pattern": "^.*$", "source": ""}]},
                        {"listen_port": 70000}, {"transparent": {"address": "192.0.2.1", "port": 443}},
                        {"tinyproxy": ["/nonexistent"]}):
            sidecar = self.make(read_log=False, **changes)
            self.assertEqual(sidecar.process.wait(5), 1, changes)
            message = sidecar.process.stderr.read().decode()
            self.assertRegex(message, r"^drydock-guard: error: [^\n]+\n$")

    def test_it_does_not_stand_behind_a_proxy_that_does_not_start(self):
        sidecar = self.make(tinyproxy=["/bin/false"])
        self.assertIn("status 1", sidecar.wait_for(event="exit")["reason"])
        self.assertEqual(sidecar.process.wait(5), 1)

    def test_it_follows_its_configuration(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        self.assertEqual(status("other.test:443"), 403)
        sidecar.config(["allowed.test", "other.test"])
        sidecar.wait_for(event="reload", generation=2, verdict="allowed")
        self.assertIn("hello from other.test", fetch("other.test"))

        held = [ssl.create_default_context(cafile=CA).wrap_socket(connect(f"{host}:443")[0], server_hostname=host)
                for host in ("allowed.test", "other.test")]
        # One at each stage before that: without a ClientHello yet, too.
        early, _ = connect("other.test:443")
        begin = time.monotonic()
        sidecar.config(["allowed.test"])
        try:
            self.assertEqual(held[1].recv(1), b"")
        except OSError:
            pass
        self.assertLess(time.monotonic() - begin, 1)
        self.assertEqual(early.recv(100)[:1].strip(b"\x15"), b"")
        sidecar.wait_for(event="reload", generation=3)
        self.assertEqual(status("other.test:443"), 403)
        held[0].sendall(b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n")
        self.assertIn(b"200 OK", held[0].recv(65536))
        for peer in (*held, early):
            peer.close()

        for broken in ("{", json.dumps({"entries": []}), ""):
            sidecar.write("guard.json", broken)
            self.assertIn("old rules stay", sidecar.wait_for(event="reload", verdict="denied")["reason"])
        self.assertEqual(status("allowed.test:443"), 200)
        self.assertEqual(status("other.test:443"), 403)
        sidecar.changes = {"listen_port": 4000}
        sidecar.config(["other.test"])
        self.assertIn("cannot change", sidecar.wait_for(event="reload", verdict="denied")["reason"])

    def test_a_log_that_nobody_reads_costs_little(self):
        sidecar = self.make(read_log=False)
        for _ in range(200):  # until the proxy listens
            try:
                socket.create_connection(PROXY, 1).close()
                break
            except OSError:
                time.sleep(0.05)
        hello = client_hello("allowed.test")
        for i in range(6000):
            with socket.create_connection(("127.0.0.1", GUARD_PORT), 10) as peer:
                peer.sendall(f"CONNECT {'x' * 60}.{i}.test:443 HTTP/1.1\r\n\r\n".encode())
                self.assertTrue(peer.recv(100))
        self.assertLess(sidecar.rss(), 20 * 1024)
        with socket.create_connection(("127.0.0.1", GUARD_PORT), 10) as peer:
            peer.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\n\r\n" + hello)
            self.assertIn(b" 200 ", peer.recv(100), "the log held everything up")
        threading.Thread(target=sidecar.read, daemon=True).start()
        self.assertGreater(sidecar.wait_for(event="dropped")["count"], 0)


if __name__ == "__main__":
    if not os.environ.get("DRYDOCK_LAB"):
        sys.exit("only inside a lab: tests/lab/lab --engines none tests/integration/guard_test.py GUARD")
    GUARD = os.path.abspath(sys.argv.pop(1))
    if "--measure" in sys.argv:
        sys.argv.remove("--measure")
        MEASURE = True
    enter_namespace()
    unittest.main(verbosity=2)
