"""A DNS server that answers as an attacker's would."""

import collections
import ipaddress
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28


class Dns:
    """Answers on UDP. `names` has for each name a function of the number of the lookup, from 0, that returns addresses, or names
    to go on with."""

    def __init__(self, address):
        self.names = {}
        self.lookups = collections.Counter()
        # Each of the two questions of one lookup is counted.
        self.questions = collections.Counter()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            answer = self.answer(query)
            if answer is not None:
                self.socket.sendto(answer, peer)

    def answer(self, query):
        name, end = read_name(query, 12)
        (kind,) = struct.unpack_from("!H", query, end)
        question = query[12 : end + 4]
        number = self.questions[name, kind]
        self.questions[name, kind] += 1
        self.lookups[name] = max(self.lookups[name], number + 1)
        found = self.names.get(name.lower())
        if found is None:
            return query[:2] + struct.pack("!HHHHH", 0x8183, 1, 0, 0, 0) + question
        found = found(number)
        if found is None:
            return None
        records, owner = [], name
        for each in found:
            try:
                address = ipaddress.ip_address(each)
            except ValueError:
                records.append(record(owner, CNAME, write_name(each)))
                owner = each
                continue
            if kind == (A if address.version == 4 else AAAA):
                records.append(record(owner, kind, address.packed))
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)


def record(name, kind, data):
    # Nobody may keep it.
    time_to_live = 0
    return write_name(name) + struct.pack("!HHIH", kind, 1, time_to_live, len(data)) + data


def read_name(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "replace"))
        at += 1 + message[at]
    return ".".join(labels), at + 1


def write_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
