"""Every packet that the kernel sends in this network namespace, as the judge of what was called."""

import collections
import ipaddress
import os
import socket
import struct
import threading

ETH_P_ALL, PACKET_OUTGOING, SOL_PACKET, PACKET_STATISTICS = 0x0003, 4, 263, 6
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP, ICMP_V6 = 6, 17, 1, 58
SYN, ACK = 0x02, 0x10
# The address of the datagrams that mark a place among the packets.
MARK = ("192.0.3.99", 9)

Call = collections.namedtuple("Call", "protocol address port")


class Packets:
    """Listens at the kernel. A call is the first packet of a TCP connection, or a datagram that is no answer."""

    def __init__(self):
        self.calls = []
        self.marks = {}
        self.changed = threading.Condition()
        self.listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            packet, (_, protocol, direction, _, _) = self.listener.recvfrom(65535)
            # lo shows each packet twice: when it is sent and when it comes.
            if direction == PACKET_OUTGOING:
                self.see(protocol, packet)

    def see(self, protocol, packet):
        if protocol == ETH_P_IP:
            kind, rest = packet[9], packet[(packet[0] & 15) * 4 :]
            address = ipaddress.ip_address(packet[16:20])
        elif protocol == ETH_P_IPV6:
            kind, rest = packet[6], packet[40:]
            address = ipaddress.ip_address(packet[24:40])
        else:
            kind, rest, address = protocol, b"", "no IP"
        if kind == TCP:
            if rest[13] & (SYN | ACK) != SYN:
                return
            call = Call("tcp", str(address), int.from_bytes(rest[2:4], "big"))
        elif kind == UDP:
            source, port = struct.unpack("!HH", rest[:4])
            if (str(address), port) == MARK:
                with self.changed:
                    self.marks[rest[8:]] = len(self.calls)
                    self.changed.notify_all()
                return
            if source == 53:
                return
            call = Call("udp", str(address), port)
        elif kind in (ICMP, ICMP_V6):
            # The kernel's own: a port is closed, a neighbour is looked for. No program without a raw socket sends one.
            return
        else:
            call = Call(f"protocol {kind}", str(address), 0)
        with self.changed:
            self.calls.append(call)

    def here(self):
        """The number of calls so far. All packets that were sent before have been seen."""
        mark = os.urandom(16)
        self.marker.sendto(mark, MARK)
        with self.changed:
            if not self.changed.wait_for(lambda: mark in self.marks, timeout=30):
                raise AssertionError("the kernel shows no packets")
            return self.marks[mark]

    def since(self, start):
        """The calls from one place to now."""
        return self.calls[start : self.here()]

    def dropped(self):
        """The number of packets that were not seen."""
        _, drops = struct.unpack("=II", self.listener.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        return drops
