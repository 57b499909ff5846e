"""What the fake internet and the host's listeners share: a log of one JSON object per line."""

import json
import os
import socket
import threading
import time


class Log:
    """Appends each entry with a single write, so that a reader sees whole lines, and sees them at once."""

    def __init__(self, directory, name):
        path = os.path.join(directory, name + ".log")
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, **entry):
        line = json.dumps({"time": round(time.time(), 6), **entry}) + "\n"
        os.write(self.descriptor, line.encode())


def in_thread(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def plain_address(peer):
    """The address of a peer as people write it: no port, no zone, no v4-mapped prefix."""
    return peer[0].split("%")[0].removeprefix("::ffff:")


def bound_socket(kind, address, port):
    bound = socket.socket(family_of(address), kind)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family_of(address) == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    bound.bind((address, port))
    return bound
