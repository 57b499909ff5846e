#!/usr/bin/python3
"""The lab host's own services: TCP and UDP 7777 on every address. Whoever gets an answer here has reached the host.

usage: hostlisten.py LOG-DIRECTORY; prints "ready" once everything listens.
"""

import socket
import struct
import sys
import threading

from lablog import Log, bound_socket, family_of, in_thread, plain_address

PORT = 7777
REPLY = b"drydock lab: this is the host\n"


def serve_connection(connection, peer, log):
    with connection:
        log.add(proto="tcp", client=plain_address(peer), local=plain_address(connection.getsockname()))
        connection.settimeout(10)
        try:
            connection.sendall(REPLY)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except OSError:
            pass


def serve_tcp(listener, log):
    while True:
        connection, peer = listener.accept()
        in_thread(serve_connection, connection, peer, log)


def destination(ancillary):
    """The address a datagram was sent to, from its IP_PKTINFO or IPV6_PKTINFO."""
    for level, _, data in ancillary:
        if level == socket.IPPROTO_IP:
            return socket.inet_ntop(socket.AF_INET, data[8:12])
        if level == socket.IPPROTO_IPV6:
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return ""


def serve_udp(listener, log):
    while True:
        data, ancillary, _, peer = listener.recvmsg(2048, 256)
        log.add(proto="udp", client=plain_address(peer), local=destination(ancillary), data=data.decode("latin-1"))
        try:
            listener.sendto(REPLY, peer)
        except OSError:
            pass  # a datagram may come from where no answer can go


def main():
    log = Log(sys.argv[1], "host")
    for address in ("0.0.0.0", "::"):
        tcp = bound_socket(socket.SOCK_STREAM, address, PORT)
        tcp.listen(256)
        in_thread(serve_tcp, tcp, log)
        udp = bound_socket(socket.SOCK_DGRAM, address, PORT)
        if family_of(address) == socket.AF_INET:
            udp.setsockopt(socket.IPPROTO_IP, 8, struct.pack("i", 1))  # IP_PKTINFO, which the module does not name
        else:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        in_thread(serve_udp, udp, log)
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
