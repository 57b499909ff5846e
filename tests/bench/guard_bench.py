#!/usr/bin/python3
"""What a session's sidecar costs: throughput and latency beside a direct connection of the same kind, and memory.

usage, in a lab without engines: guard_bench.py GUARD [ROUNDS]; prints figures and ratios, each pair measured in one run.

    agent 10.99.0.3 ── 10.99.0.2 side 10.98.0.2 ── 10.98.0.1 web 10.0.0.1:443, 203.0.113.10:443
      └────────────────── 10.97.0.2 ──── 10.97.0.1 ──────────┘     the direct way

Where nothing else limits it, a transfer through the sidecar is limited by the processor: there are two connections for one, and with them twice the
work. With fewer free processors than the three programs that take part, that shows as a ratio of about one half. So there are also figures where
the client, the server and the sidecar have each the same share of a processor, as they have on a machine with one for each; for links of some speeds;
for TLS; and how much of a processor the guard took.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import sidecar  # noqa: E402

HOST, TLS_HOST = "private.test", "v4only.test"  # 10.0.0.1 and 203.0.113.10, says the lab
VOLUME = 1 << 30
SMALL = 64
TUNNELS = 2000

LINKS = ("1gbit", "2.5gbit", "5gbit")
SHARE = 0.5  # of a processor, for each of three
PERIOD = 20000  # microseconds

# Zeros to and from a client that asks for them behind a ClientHello, or in TLS at another address.
SERVE = """
import socket, ssl, sys, threading
block = bytes(1 << 20)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
def serve(peer, in_tls):
    if in_tls: peer = context.wrap_socket(peer, server_side=True)
    with peer:
        order = b""
        while not order.endswith(b"!!!!"):
            piece = peer.recv(1)
            if not piece: return
            order += piece
        kind, count = order[-21:-20], int(order[-20:-4])
        if kind == b"d":
            while count > 0: count -= peer.send(block[:min(count, len(block))])
        else:
            buffer = bytearray(1 << 20)
            while count > 0: count -= peer.recv_into(buffer) or count
        peer.sendall(b"e")
        peer.recv(1)
def listen(address, in_tls):
    listener = socket.create_server((address, 443), backlog=1024)
    def run():
        while True: threading.Thread(target=serve, args=(listener.accept()[0], in_tls), daemon=True).start()
    threading.Thread(target=run).start()
listen("10.0.0.1", False)
listen("203.0.113.10", True)
print("ready", flush=True)
"""

ASK = """
import socket, ssl, sys, time
way, kind, count, rounds, hello, in_tls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), bytes.fromhex(sys.argv[5]), sys.argv[6] == "tls"
name, address = ("v4only.test", "203.0.113.10") if in_tls else ("private.test", "10.0.0.1")
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
buffer = bytearray(1 << 20)
for _ in range(rounds):
    begin = time.perf_counter()
    if way == "direct": peer = socket.create_connection((address, 443), 30)
    else:
        peer = socket.create_connection(("10.99.0.2", 8888), 30)
        peer.sendall(f"CONNECT {name}:443 HTTP/1.1\\r\\n\\r\\n".encode())
        head = b""
        while not head.endswith(b"\\r\\n\\r\\n"): head += peer.recv(1) or sys.exit("no answer: %r" % head)
        assert b" 200 " in head, head
    if in_tls: peer, hello = context.wrap_socket(peer, server_hostname=name), b""
    peer.sendall(hello + kind.encode() + b"%016d!!!!" % count)
    if kind == "d": left = count
    else:
        left, sent, block = 0, 0, bytes(1 << 20)
        while sent < count: sent += peer.send(block[:min(count - sent, len(block))])
    left += 1
    while left > 0: left -= peer.recv_into(buffer) or sys.exit("cut short")
    print(time.perf_counter() - begin)
    peer.close()
"""


def make_namespaces():
    commands = ["ip netns add agent", "ip netns add side", "ip netns add web"]
    for left, left_address, right, right_address in (("agent", "10.99.0.3/29", "side", "10.99.0.2/29"),
                                                     ("side", "10.98.0.2/29", "web", "10.98.0.1/29"),
                                                     ("agent", "10.97.0.2/29", "web", "10.97.0.1/29")):
        a, b = f"{left}-{right}", f"{right}-{left}"
        commands += [f"ip link add {a} netns {left} type veth peer name {b} netns {right}",
                     f"ip -n {left} addr add {left_address} dev {a}", f"ip -n {left} link set {a} up",
                     f"ip -n {right} addr add {right_address} dev {b}", f"ip -n {right} link set {b} up"]
    # The name server is the lab's.
    commands += ["ip link add lab-side type veth peer name side-lab netns side", "ip addr add 10.96.0.1/29 dev lab-side", "ip link set lab-side up",
                 "ip -n side addr add 10.96.0.2/29 dev side-lab", "ip -n side link set side-lab up",
                 "ip -n side route add default via 10.96.0.1"]
    for address in ("10.0.0.1", "203.0.113.10"):
        commands += [f"ip -n side route add {address} via 10.98.0.1", f"ip -n agent route add {address} via 10.97.0.1",
                     f"ip -n web addr add {address}/32 dev lo"]
    commands += [f"ip -n {name} link set lo up" for name in ("agent", "side", "web")]
    for command in commands:
        subprocess.run(command.split(), check=True)


def limit_links(rate):
    for name, device in (("web", "web-side"), ("web", "web-agent"), ("agent", "agent-side"), ("agent", "agent-web")):
        subprocess.run(f"tc -n {name} qdisc replace dev {device} root tbf rate {rate} burst 1m latency 20ms".split(), check=True)


def ask(way, kind, count, rounds, protocol="plain"):
    hello = sidecar.client_hello(HOST).hex()
    done = subprocess.run(["ip", "netns", "exec", "agent", sys.executable, "-c", ASK, way, kind, str(count), str(rounds), hello,
                           protocol], stdout=subprocess.PIPE, check=True, text=True)
    return [float(line) for line in done.stdout.split()]


class Shares:
    """Groups of processes that get SHARE of a processor each, and before others that wait for one: cgroups(7)."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.second = "cpu" in open("/sys/fs/cgroup/cgroup.controllers").read().split()
        kind = ["-t", "cgroup2"] if self.second else ["-t", "cgroup", "-o", "cpu"]
        subprocess.run(["mount", *kind, "none", self.folder], check=True)
        self.top = f"{self.folder}/bench-{os.getpid()}"
        self.groups = []
        self.make(self.top)
        if self.second:
            self.write(self.folder, "cgroup.subtree_control", "+cpu")
            self.write(self.top, "cgroup.subtree_control", "+cpu")
        self.write(self.top, *(("cpu.weight", "10000") if self.second else ("cpu.shares", "200000")))

    def make(self, path):
        os.mkdir(path)
        self.groups.append(path)

    @staticmethod
    def write(group, name, text):
        with open(f"{group}/{name}", "w") as file:
            file.write(text)

    def put(self, name, pids):
        group = f"{self.top}/{name}"
        if not os.path.isdir(group):
            self.make(group)
            quota = str(int(SHARE * PERIOD))
            if self.second:
                self.write(group, "cpu.max", f"{quota} {PERIOD}")
            else:
                self.write(group, "cpu.cfs_period_us", str(PERIOD))
                self.write(group, "cpu.cfs_quota_us", quota)
        for pid in pids:
            self.write(group, "cgroup.procs", str(pid))

    def close(self):
        for group in reversed(self.groups):
            for pid in open(f"{group}/cgroup.procs").read().split():
                self.write(self.folder, "cgroup.procs", pid)
            os.rmdir(group)
        subprocess.run(["umount", self.folder], check=True)
        os.rmdir(self.folder)


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def seconds_of(pid):
    """Of a processor, that the process has used: proc(5), utime and stime."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_throughput(served, what, rounds, volume, protocol="plain"):
    for kind, name in (("d", "download"), ("u", "upload")):
        times = {"direct": [], "guarded": []}
        before = seconds_of(served.process.pid)
        for _ in range(rounds):
            for way, measured in times.items():
                measured += ask(way, kind, volume, 1, protocol)
        direct, guarded = (volume / 1e6 / statistics.median(measured) for measured in times.values())
        used = (seconds_of(served.process.pid) - before) / (rounds * volume / 1e9)
        print(f"{name}, {what}: {direct:.0f} MB/s direct, {guarded:.0f} MB/s through the sidecar, ratio {guarded / direct:.2f}; "
              f"the guard takes {used:.2f} s a GB", flush=True)


def measure_latency():
    direct, guarded = (statistics.median(ask(way, "d", SMALL, 300)) * 1000 for way in ("direct", "guarded"))
    print(f"connect, ask, {SMALL} bytes: {direct:.2f} ms direct, {guarded:.2f} ms through the sidecar, "
          f"{guarded - direct:+.2f} ms, ratio {guarded / direct:.1f}", flush=True)


def measure_memory(served):
    hello = sidecar.client_hello(HOST)
    before = served.rss(), resident(served.proxy_pid())
    peers = []
    for _ in range(TUNNELS):
        try:
            peer, head = sidecar.connect(f"{HOST}:443", timeout=5)
        except OSError as error:
            print(f"tunnel {len(peers) + 1} was not opened: {error}")
            break
        assert " 200 " in head, head
        peer.sendall(hello)
        peers.append(peer)
    time.sleep(0.5)
    after = served.rss(), resident(served.proxy_pid())
    print(f"{len(peers)} idle tunnels: guard {before[0]} -> {after[0]} KiB, tinyproxy {before[1]} -> {after[1]} KiB", flush=True)
    for peer in peers:
        peer.close()


def main():
    if not os.environ.get("DRYDOCK_LAB"):
        sys.exit("only inside a lab: tests/lab/lab --engines none tests/bench/guard_bench.py GUARD")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    make_namespaces()
    folder = tempfile.mkdtemp()
    certificate, key = f"{folder}/certificate", f"{folder}/key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=bench",
                    "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(["ip", "netns", "exec", "web", sys.executable, "-c", SERVE, certificate, key], stdout=subprocess.PIPE)
    server.stdout.readline()
    sidecar.join_namespace("side")
    served = sidecar.Sidecar(os.path.abspath(sys.argv[1]), [HOST, TLS_HOST], allow_private=[HOST])
    try:
        served.wait_for(event="ready")
        measure_latency()
        measure_throughput(served, "in memory", rounds, VOLUME)
        measure_throughput(served, "TLS", rounds, VOLUME // 2, "tls")
        shares = Shares()
        shares.put("server", [server.pid])
        shares.put("sidecar", [served.process.pid, served.proxy_pid()])
        shares.put("client", [os.getpid()])
        measure_throughput(served, f"{SHARE} of a processor each", rounds, VOLUME)
        measure_throughput(served, f"TLS, {SHARE} of a processor each", rounds, VOLUME // 4, "tls")
        shares.close()
        measure_memory(served)
        for rate in LINKS:
            limit_links(rate)
            measure_throughput(served, f"a link of {rate}", 3, VOLUME // 4)
            if rate == LINKS[0]:
                measure_throughput(served, f"TLS, a link of {rate}", 3, VOLUME // 8, "tls")
    finally:
        served.close()
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
