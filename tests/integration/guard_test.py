#!/usr/bin/python3
"""tinyproxy and the guard as they stand in a sidecar, in a network namespace of the lab, against its fake internet.

usage, in a lab without engines: guard_test.py GUARD [unittest arguments]; --measure prints the figures as well.
"""

import json
import os
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

from sidecar import (ADDRESS, CANARY, GUARD_PORT, PROXY, PROXY_CONFIG, Sidecar, client_hello, connect, enter_namespace, exchange,
                     fetch, filter_of, hold, say, status)

GUARD = ""
MEASURE = False
BARE_PORT = 8889  # a tinyproxy without the guard, to compare with
BAD = ["rebind.test", "meta.test", "lan.test", "private.test", "cgnat.test", "mapped.test", "nat64.test", "6to4.test",
       "mixed.test", "alias.test"]
GOOD = ["allowed.test", "other.test", "v4only.test", "flip.test"]


def requests_with(*texts):
    with open(os.environ["DRYDOCK_LAB"] + "/log/requests.log") as file:
        return [line for line in file if all(text in line for text in texts)]


class WhileItRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sidecar = Sidecar(GUARD, GOOD + BAD)
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
        self.sidecar.wait_for(event="denied", host="allowed.test", sni="denied.test")
        self.assertFalse(requests_with('"sni": "denied.test"'))
        self.assertIn("hello from", fetch("allowed.test"))

    def test_names_that_are_not_listed(self):
        self.assertEqual(status("denied.test:443"), 403)
        self.sidecar.wait_for(event="denied", host="denied.test", reason="not on the allowlist")
        self.assertEqual(status("allowed.test:80"), 403)
        self.sidecar.wait_for(event="denied", host="allowed.test", port=80)

    def test_what_is_no_host_has_one_reason_everywhere(self):
        for authority in ("10.0.0.1:443 10.0.0.1:80 [::1]:443 [::1]:80 fe80::1:443 2130706433:443 0x7f.1:443 allowed.test.:443 "
                          "u@allowed.test:443 a_b.test:443 allowed.test allowed.test:0443 allowed.test:80x allowed.test:443:443 "
                          f"allowed.test:https https://allowed.test:443 {'a' * 300}.test:443 {'a' * 2000}.test:443").split():
            told = connect(authority)[1].splitlines()[0].rsplit(": ", 1)[1]
            event = self.sidecar.wait_for(event="denied")  # each once: the next one is the next one's
            self.assertIn(event["host"][:100], authority)
            self.assertEqual(event["reason"], told, authority)

    def test_what_is_no_tunnel_is_refused_with_the_reason(self):
        for request, expected in (("GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n", "403"),
                                  ("GET http://allowed.test:443/ HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n", "403"),
                                  ("GET / HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n", "403"),
                                  ("GET http://tinyproxy.stats/ HTTP/1.0\n\n", "403"), ("GET allowed.test:443\r\n\r\n", "400"),
                                  ("connect allowed.test:443 HTTP/1.1\r\n\r\n", "400"), ("nonsense\r\n\r\n", "400"),
                                  ("\r\n\r\nGET / HTTP/1.1\r\nhalf", "400"), ("CONNECT allowed.test:443 HTTP/1.1\r\nHost: a", "400"),
                                  ("CONNECT allowed.test:443\0x HTTP/1.1\r\n\r\n", "400")):
            reply = exchange(request.encode(), half_close=True)
            self.assertEqual(reply.split()[1].decode(), expected, (request, reply))
            # Who refuses by policy says so itself, and names no line that would allow it; what tinyproxy does not
            # understand it says in its own words.
            if expected == "400":
                self.assertIn(b"tinyproxy", reply, request)
            else:
                plain = request.startswith("GET http://")
                self.assertIn(b"plain HTTP never passes" if plain else b"it is no request for a tunnel", reply, request)
                self.assertIn(b" drydock refused ", reply, request)
                self.assertNotIn(b"egress allow", reply, request)
        begin = time.monotonic()
        for body in (b"x" * (4 << 20), b""):  # and one that does not come
            reply = exchange(b"POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4194304\r\n\r\n" + body)
            self.assertIn(b" 403 ", reply[:20])
        self.assertLess(time.monotonic() - begin, 5)

    def test_heads_that_are_slow_huge_or_in_pieces(self):
        for chunk in (1, 7):
            with socket.create_connection(PROXY, 15) as peer:
                for at in range(0, len(head := b"CONNECT allowed.test:443 HTTP/1.0\r\nA: b\r\n\r\n"), chunk):
                    peer.sendall(head[at:at + chunk])
                    time.sleep(0.002)
                self.assertIn(b" 200 ", peer.recv(100))
        self.assertIn(b"HTTP/1.1 431 drydock refused", exchange(b"GET / HTTP/1.1\r\nA: " + b"x" * (1 << 20)))
        begin = time.monotonic()
        self.assertIn(b"HTTP/1.1 408 drydock refused", exchange(b"CONNECT allowed.te"))
        self.assertLess(time.monotonic() - begin, 12)

    def test_a_clienthello_right_behind_the_head(self):
        with socket.create_connection(PROXY, 15) as peer:
            peer.sendall(b"CONNECT allowed.test:443 HTTP/1.1\r\n\r\n" + client_hello("allowed.test"))
            reply = b""
            while b"\r\n\r\n" not in reply or not reply.split(b"\r\n\r\n", 1)[1]:
                reply += peer.recv(4096) or self.fail("closed")
            self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply[:50])
            self.assertEqual(reply.split(b"\r\n\r\n", 1)[1][:1], b"\x16", "the server's answer")

    def test_nobody_opens_a_tunnel_by_the_back_door(self):
        mark = "x-drydock-tunnel: 0123456789abcdef0123456789abcdef\r\n"
        for fields in ("", mark):
            for address, expected in ((("127.0.0.1", GUARD_PORT), b" 403 "), (PROXY, b" 200 ")):
                peer = socket.create_connection(address, 15)
                peer.sendall(f"CONNECT allowed.test:443 HTTP/1.1\r\n{fields}Connection: x-drydock-tunnel\r\n\r\n".encode())
                self.assertIn(expected, peer.recv(100)[:20], (address, fields))
                peer.close()
        # A mark of the client's own in what is not a tunnel, and tinyproxy itself from outside.
        self.assertIn(b" 403 ", exchange(b"GET http://allowed.test:443/ HTTP/1.1\r\n" + mark.encode() + b"\r\n")[:20])
        for port in range(GUARD_PORT, GUARD_PORT + 33):
            with self.assertRaises(OSError):
                socket.create_connection((ADDRESS, port), 1)

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
            peer, head = connect("allowed.test:443")
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
        with open(f"/proc/{self.sidecar.proxy_pid()}/status") as file:
            self.assertIn("Threads:\t1\n", file.read(), "tinyproxy holds tunnels")

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
    def make(self, hosts=("allowed.test",), **options):
        sidecar = Sidecar(GUARD, hosts, **options)
        self.addCleanup(sidecar.close)
        return sidecar

    def test_it_is_ready_when_both_listen(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        self.assertEqual(status("allowed.test:443", timeout=5), 200)

    def test_it_admits_what_both_lists_admit(self):
        for filtered, listed in ((["allowed.test", "other.test"], ["allowed.test"]), (["allowed.test"], ["allowed.test", "other.test"])):
            sidecar = self.make(listed)
            sidecar.wait_for(event="ready")
            sidecar.write("filter", filter_of(filtered))
            sidecar.config(listed, filter_too=False)
            sidecar.wait_for(event="reload", verdict="allowed", generation=2)
            self.assertEqual((status("allowed.test:443"), status("other.test:443")), (200, 403))
            sidecar.close()
            self.doCleanups()

    def test_entries_end_by_themselves(self):
        sidecar = self.make(["allowed.test", "other.test", "v4only.test"])
        sidecar.wait_for(event="ready")
        def change(ends):
            sidecar.changes = {"entries": [{"pattern": host, "source": "test:1", **({"expires": int(time.time()) + ends[host]} if host in ends else {})}
                                           for host in ("allowed.test", "other.test", "v4only.test")]}
            sidecar.config(["allowed.test", "other.test", "v4only.test"])
            sidecar.wait_for(event="reload", verdict="allowed", generation=sidecar.generation)
        # What has ended when it comes is not admitted at all, though tinyproxy's filter has it.
        change({"other.test": -1, "v4only.test": 60})
        self.assertEqual([status(f"{host}.test:443") for host in ("allowed", "other", "v4only")], [200, 403, 200])
        change({"other.test": 3, "v4only.test": 60})
        held, kept = hold("other.test"), hold("allowed.test")
        begin = time.monotonic()
        sidecar.wait_for(event="expired", rule="other.test", source="test:1", generation=sidecar.generation)
        self.assertLess(time.monotonic() - begin, 3.5)
        sidecar.wait_for(event="close", host="other.test", reason="no longer allowed")
        held.settimeout(2)
        try:
            self.assertEqual(held.recv(1), b"")
        except OSError:
            pass
        self.assertEqual([status(f"{host}.test:443") for host in ("allowed", "other", "v4only")], [200, 403, 200])
        self.assertIn(b"200 OK", say(kept))
        held.close()
        # A later end that comes in time is the one that counts, and none is none.
        change({"other.test": 2, "v4only.test": 2})
        change({"v4only.test": 60})
        time.sleep(2.5)
        self.assertEqual([status(f"{host}.test:443") for host in ("allowed", "other", "v4only")], [200, 200, 200])

    def test_a_time_limit_is_the_end(self):
        ends = int(time.time()) + 4
        sidecar = self.make(["allowed.test", "other.test"], ends=ends)
        sidecar.wait_for(event="ready")
        held = hold("allowed.test")
        # Neither a change nor an entry that ends later puts it off, and none can move it.
        sidecar.changes = {"ends": ends + 60}
        sidecar.config(["allowed.test"])
        sidecar.wait_for(event="reload", verdict="denied", wanted=2)
        sidecar.changes = {"ends": ends, "entries": [{"pattern": "allowed.test", "source": "test:1", "expires": ends + 60}]}
        sidecar.config(["allowed.test"])
        sidecar.wait_for(event="reload", verdict="allowed", generation=3)
        self.assertEqual(status("allowed.test:443"), 200)
        self.assertIn(b"200 OK", say(hold("allowed.test")))
        self.assertIsNone(sidecar.process.poll())
        sidecar.wait_for(event="exit", reason="the session has reached its time limit")
        self.assertEqual(sidecar.process.wait(2), 0)
        self.assertTrue(ends <= time.time() < ends + 2, "not at its time")
        held.settimeout(2)
        try:
            self.assertEqual(held.recv(1), b"")
        except OSError:
            pass
        held.close()
        with self.assertRaises(OSError):
            status("allowed.test:443")

    def test_strangers_are_turned_away(self):
        sidecar = self.make(clients="10.99.0.4/30")
        sidecar.wait_for(event="ready")
        self.assertEqual(status("allowed.test:443", timeout=5), 403)
        sidecar.wait_for(event="denied", reason="it does not come from the session's network")

    def test_it_ends_when_asked(self):
        sidecar = self.make()
        sidecar.wait_for(event="ready")
        proxy = sidecar.proxy_pid()
        begin = time.monotonic()
        sidecar.process.terminate()
        self.assertEqual(sidecar.process.wait(5), 0)
        self.assertLess(time.monotonic() - begin, 1)
        self.assertFalse(os.path.exists(f"/proc/{proxy}"), "tinyproxy lives on")

    def test_the_end_of_its_proxy_costs_no_tunnel(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        held = hold("allowed.test")
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            before = sidecar.proxy_pid()
            os.kill(before, number)
            how = "ended with status 0" if number == signal.SIGTERM else f"was ended by signal {number.value}"
            sidecar.wait_for(event="proxy", reason=f"the proxy {how} and is started again")
            self.assertEqual(status("allowed.test:443", timeout=5), 200)
            self.assertEqual(status("denied.test:443", timeout=5), 403)
            self.assertNotEqual(sidecar.proxy_pid(), before)
        self.assertIn(b"200 OK", say(held))

    def test_a_proxy_that_hangs_is_replaced(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        held = hold("allowed.test")
        before = sidecar.proxy_pid()
        os.kill(before, signal.SIGSTOP)
        self.assertEqual([status(f"{host}.test:443") for host in ("allowed", "denied")], [200, 403])
        sidecar.wait_for(event="proxy", reason="the proxy does not answer and is killed")
        self.assertNotEqual(sidecar.proxy_pid(), before)
        self.assertIn(b"200 OK", say(held))

    def test_requests_that_come_while_it_ends_are_answered(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        answers = []
        load = [threading.Thread(target=lambda host: answers.extend((host, status(f"{host}:443")) for _ in range(40)), args=(host,))
                for host in ("allowed.test", "denied.test")]
        for thread in load:
            thread.start()
        for _ in range(4):
            os.kill(sidecar.proxy_pid(), signal.SIGKILL)
            sidecar.wait_for(event="proxy")
            sidecar.wait_for_proxy()
        for thread in load:
            thread.join()
        self.assertEqual(set(answers), {("allowed.test", 200), ("denied.test", 403)})

    def test_a_proxy_that_cannot_be_started_again_is_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = f"{folder}/tinyproxy"
            shutil.copy("/usr/bin/tinyproxy", program)
            sidecar = self.make(["allowed.test"], tinyproxy=[program, "-d"])
            sidecar.wait_for(event="ready")
            os.unlink(program)
            os.kill(sidecar.proxy_pid(), signal.SIGKILL)
            self.assertIn("cannot start", sidecar.wait_for(event="exit")["reason"])
            self.assertEqual(sidecar.process.wait(5), 1)
            with self.assertRaises(OSError):
                connect("allowed.test:443")

    def test_it_does_not_start_on_a_wrong_configuration(self):
        for changes in ({"lisen_port": 1}, {"public": ["everything"]}, {"entries": [{"pattern": "^.*$", "source": ""}]},
                        {"listen_port": 70000}, {"transparent": {"address": "192.0.2.1", "port": 443}},
                        {"proxy": {"address": "192.0.2.1", "port": 8888}}, {"clients": "10.99.0.0/33"}, {"tinyproxy": ["/nonexistent"]}):
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

        held = [hold(host) for host in ("allowed.test", "other.test")]
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
        self.assertIn(b"200 OK", say(held[0]))
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
        sidecar.changes = {}
        sidecar.write("tinyproxy.conf", "FilterDefaultDeny No\n")
        sidecar.config(["other.test"])
        self.assertIn("tinyproxy.conf cannot change", sidecar.wait_for(event="reload", verdict="denied")["reason"])
        self.assertEqual(status("other.test:443"), 403)

    def test_a_filter_that_does_not_work_is_refused(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        sidecar.write("filter", "^other\\.test:443$\n^(:443$\n")
        sidecar.config(["other.test"], filter_too=False)
        event = sidecar.wait_for(event="reload", verdict="denied")
        self.assertRegex(event["reason"], "^the old rules stay in force: the proxy ended with status")
        self.assertEqual(event["generation"], 1)
        # Also when it must be started again.
        for _ in range(2):
            self.assertEqual((status("allowed.test:443"), status("other.test:443")), (200, 403))
            os.kill(sidecar.proxy_pid(), signal.SIGKILL)
            sidecar.wait_for(event="proxy", reason="the proxy was ended by signal 9 and is started again")
        os.unlink(f"{sidecar.folder}/filter")
        sidecar.config(["other.test"], filter_too=False)
        self.assertIn("filter: it cannot be read", sidecar.wait_for(event="reload", verdict="denied")["reason"])
        sidecar.config(["other.test"])
        sidecar.wait_for(event="reload", verdict="allowed", generation=4)
        self.assertEqual((status("allowed.test:443"), status("other.test:443")), (403, 200))

    def test_many_changes_under_load(self):
        sidecar = self.make(["allowed.test"])
        sidecar.wait_for(event="ready")
        held = hold("allowed.test")
        over, faults, asked = threading.Event(), [], [0]

        def load(host, expected):
            while not over.is_set():
                try:
                    answer = status(f"{host}:443")
                except OSError as error:
                    answer = error
                asked[0] += 1
                if answer != expected:
                    faults.append((host, answer))

        threads = [threading.Thread(target=load, args=pair) for pair in (("allowed.test", 200), ("denied.test", 403)) * 2]
        for thread in threads:
            thread.start()
        try:
            for n in range(2, 202):
                sidecar.config(["allowed.test"] + ["other.test"] * (n % 2))
                sidecar.wait_for(event="reload", verdict="allowed", generation=n)
                if status("other.test:443") != (200 if n % 2 else 403):
                    faults.append(("step", n))
            # A storm: the last one counts.
            for n in range(202, 252):
                sidecar.config(["allowed.test"] + ["other.test"] * (n % 2))
            sidecar.wait_for(event="reload", verdict="allowed", generation=251)
            self.assertEqual(status("other.test:443"), 200)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(faults, [])
        self.assertGreater(asked[0], 200)
        self.assertIn(b"200 OK", say(held))
        self.assertFalse([event for event in sidecar.seen if event["event"] == "proxy"], "tinyproxy died")
        with open(f"/proc/{sidecar.process.pid}/task/{sidecar.process.pid}/children") as file:
            self.assertEqual(len(file.read().split()), 1, "a tinyproxy was left over")

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
            with socket.create_connection(PROXY, 10) as peer:
                peer.sendall(f"CONNECT {'x' * 60}.{i}.test:443 HTTP/1.1\r\n\r\n".encode())
                self.assertTrue(peer.recv(100))
        self.assertLess(sidecar.rss(), 20 * 1024)
        with socket.create_connection(PROXY, 10) as peer:
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
