#!/usr/bin/python3
"""What a session's sidecar costs: throughput and latency beside a direct connection of the same kind, and memory.

usage, in a lab without engines: guard_bench.py GUARD [ROUNDS]; prints figures and ratios, each pair measured in one run.

    agent 10.99.0.3 ── 10.99.0.2 side 10.98.0.2 ── 10.98.0.1 web 10.0.0.1:443
      └────────────────── 10.97.0.2 ──── 10.97.0.1 ──────────┘     the direct way
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import guard_test  # noqa: E402

HOST, SERVER = "private.test", ("10.0.0.1", 443)  # a name of the lab's that leads there
VOLUME = 1 << 30
SMALL = 64
TUNNELS = 2000

SERVE = """
import socket, threading
block = bytes(1 << 20)
def serve(peer):
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
listener = socket.create_server(("10.0.0.1", 443), backlog=1024)
print("ready", flush=True)
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

ASK = """
import socket, sys, time
way, kind, count, rounds, hello = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), bytes.fromhex(sys.argv[5])
buffer = bytearray(1 << 20)
for _ in range(rounds):
    begin = time.perf_counter()
    if way == "direct": peer = socket.create_connection(("10.0.0.1", 443), 30)
    else:
        peer = socket.create_connection(("10.99.0.2", 8888), 30)
        peer.sendall(b"CONNECT private.test:443 HTTP/1.1\\r\\n\\r\\n")
        head = b""
        while not head.endswith(b"\\r\\n\\r\\n"): head += peer.recv(1) or sys.exit("no answer: %r" % head)
        assert b" 200 " in head, head
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
                 "ip -n side route add default via 10.96.0.1", "ip -n side route add 10.0.0.1 via 10.98.0.1",
                 "ip -n agent route add 10.0.0.1 via 10.97.0.1", "ip -n web addr add 10.0.0.1/32 dev lo"]
    commands += [f"ip -n {name} link set lo up" for name in ("agent", "side", "web")]
    for command in commands:
        subprocess.run(command.split(), check=True)


def ask(way, kind, count, rounds):
    hello = guard_test.client_hello(HOST).hex()
    done = subprocess.run(["ip", "netns", "exec", "agent", sys.executable, "-c", ASK, way, kind, str(count), str(rounds), hello],
                          stdout=subprocess.PIPE, check=True, text=True)
    return [float(line) for line in done.stdout.split()]


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def measure_throughput(rounds):
    for kind, name in (("d", "download"), ("u", "upload")):
        times = {"direct": [], "guarded": []}
        for _ in range(rounds):
            for way, measured in times.items():
                measured += ask(way, kind, VOLUME, 1)
        direct, guarded = (VOLUME / 1e6 / statistics.median(measured) for measured in times.values())
        print(f"{name}: {direct:.0f} MB/s direct, {guarded:.0f} MB/s through the sidecar, ratio {guarded / direct:.2f}", flush=True)


def measure_latency():
    direct, guarded = (statistics.median(ask(way, "d", SMALL, 300)) * 1000 for way in ("direct", "guarded"))
    print(f"connect, ask, {SMALL} bytes: {direct:.2f} ms direct, {guarded:.2f} ms through the sidecar, "
          f"{guarded - direct:+.2f} ms, ratio {guarded / direct:.1f}", flush=True)


def measure_memory(sidecar):
    hello = guard_test.client_hello(HOST)
    before = sidecar.rss(), resident(sidecar.proxy_pid())
    peers = []
    for _ in range(TUNNELS):
        try:
            peer, head = guard_test.connect(f"{HOST}:443", timeout=5)
        except OSError as error:
            print(f"tunnel {len(peers) + 1} was not opened: {error}")
            break
        assert " 200 " in head, head
        peer.sendall(hello)
        peers.append(peer)
    time.sleep(0.5)
    after = sidecar.rss(), resident(sidecar.proxy_pid())
    print(f"{len(peers)} idle tunnels: guard {before[0]} -> {after[0]} KiB, tinyproxy {before[1]} -> {after[1]} KiB", flush=True)
    for peer in peers:
        peer.close()


def main():
    if not os.environ.get("DRYDOCK_LAB"):
        sys.exit("only inside a lab: tests/lab/lab --engines none tests/bench/guard_bench.py GUARD")
    guard_test.GUARD = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    make_namespaces()
    server = subprocess.Popen(["ip", "netns", "exec", "web", sys.executable, "-c", SERVE], stdout=subprocess.PIPE)
    server.stdout.readline()
    guard_test.join_namespace("side")
    sidecar = guard_test.Sidecar([HOST], allow_private=[HOST])
    try:
        sidecar.wait_for(event="ready")
        measure_latency()
        measure_throughput(rounds)
        measure_memory(sidecar)
    finally:
        sidecar.close()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
