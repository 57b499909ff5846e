#!/usr/bin/python3
"""A unix socket that passes everything on to another, until it is told to fail.

usage: unix_proxy.py LISTEN TARGET     prints "ready"; SIGUSR1 freezes it: it accepts and is silent for ever;
SIGTERM ends it and every connection, and takes the socket away.
"""

import os
import selectors
import signal
import socket
import sys

frozen = False


def freeze(*_):
    global frozen
    frozen = True


def end(*_):
    os.unlink(sys.argv[1])
    os._exit(0)


def main():
    signal.signal(signal.SIGUSR1, freeze)
    signal.signal(signal.SIGTERM, end)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    events = selectors.DefaultSelector()
    events.register(listener, selectors.EVENT_READ)
    peer = {}
    kept = []
    print("ready", flush=True)
    while True:
        for key, _ in events.select(1):
            if frozen:
                if key.fileobj is listener:
                    kept.append(listener.accept()[0])
                else:
                    events.unregister(key.fileobj)
                continue
            if key.fileobj is listener:
                client = listener.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                server.connect(sys.argv[2])
                peer[client], peer[server] = server, client
                events.register(client, selectors.EVENT_READ)
                events.register(server, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
                other = peer[key.fileobj]
                if data:
                    other.sendall(data)
                    continue
                other.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            events.unregister(key.fileobj)


main()
