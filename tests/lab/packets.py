#!/usr/bin/python3
"""Log every frame that arrives on the fake internet's side of the wire, one JSON object per line.

usage: packets.py LOG-DIRECTORY INTERFACE; prints "ready" once the capture is on.
A datagram to UDP port 9 (discard) is logged with its text: `mark` uses that to say "everything before this is logged".
"""

import socket
import struct
import sys

from lablog import Log

ETH_P_ALL = 3
PACKET_OUTGOING = 4
MARK_PORT = 9
TCP_FLAGS = "FSRPAU"
EXTENSION_HEADERS = {0, 43, 44, 60}


def transport(protocol, payload, entry):
    if protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and len(payload) >= 4:
        entry["sport"], entry["dport"] = struct.unpack("!HH", payload[:4])
        if protocol == socket.IPPROTO_UDP:
            entry["proto"] = "udp"
            if entry["dport"] == MARK_PORT:
                entry["data"] = payload[8:].decode("latin-1")
        else:
            entry["proto"] = "tcp"
            flags = payload[13] if len(payload) > 13 else 0
            entry["flags"] = "".join(letter for bit, letter in enumerate(TCP_FLAGS) if flags >> bit & 1)
    elif protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6) and payload:
        entry["proto"] = "icmp" if protocol == socket.IPPROTO_ICMP else "icmp6"
        entry["type"] = payload[0]
    else:
        entry["proto"] = f"ip-{protocol}"


def describe(ether_type, packet):
    entry = {"length": len(packet)}
    if ether_type == 0x0800 and len(packet) >= 20:
        header = (packet[0] & 15) * 4
        entry["src"], entry["dst"] = (socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (12, 16))
        transport(packet[9], packet[header:], entry)
    elif ether_type == 0x86DD and len(packet) >= 40:
        entry["src"], entry["dst"] = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
        protocol, rest = packet[6], packet[40:]
        while protocol in EXTENSION_HEADERS and len(rest) >= 8:
            size = 8 if protocol == 44 else 8 + rest[1] * 8
            protocol, rest = rest[0], rest[size:]
        transport(protocol, rest, entry)
    elif ether_type == 0x0806 and len(packet) >= 28:
        entry["src"], entry["dst"] = (socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (14, 24))
        entry["proto"] = "arp"
    else:
        entry["proto"] = f"ether-{ether_type:#06x}"
    return entry


def main():
    directory, interface = sys.argv[1:]
    log = Log(directory, "packets")
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    capture.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: room for a burst, so that none is lost
    capture.bind((interface, ETH_P_ALL))
    print("ready", flush=True)
    while True:
        packet, (_, ether_type, kind, *_) = capture.recvfrom(65536)
        if kind != PACKET_OUTGOING:
            log.add(**describe(ether_type, packet))


if __name__ == "__main__":
    main()
