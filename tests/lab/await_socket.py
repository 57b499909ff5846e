#!/usr/bin/python3
"""Wait until an engine answers on its socket. usage: await_socket.py SOCKET [SECONDS]"""

import http.client
import socket
import sys
import time


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.host)


def answers(path):
    try:
        connection = UnixConnection(path)
        connection.request("GET", "/_ping", headers={"Host": "engine"})
        return connection.getresponse().status == 200
    except OSError:
        return False


def main():
    deadline = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 30)
    while not answers(sys.argv[1]):
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main())
