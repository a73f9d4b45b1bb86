"""A network of this process's own, in which every address there is belongs to this machine.

`enter` makes a user, network and mount namespace. It needs no root, but a kernel that lets users create user namespaces. The
route `local default dev lo` makes each IPv4 and IPv6 address one of this machine. So a connection to an address is made if the
program tries, whatever the address is, and no address has to be foreseen.
"""

import ctypes
import fcntl
import os
import socket
import struct
import tempfile
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
NETLINK_ROUTE, RTM_NEWROUTE, NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 0, 24, 0x1, 0x4, 0x400
RTA_OIF, RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL = 4, 255, 3, 254, 2

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine does not let a user create the namespaces."""


def enter(nameserver, hosts):
    """Moves this process, which has one thread, into the namespaces. `hosts` is the text of /etc/hosts there."""
    # A kernel may allow the namespace and refuse what is done in it. A child tries first, so that this process is not half inside.
    child = os.fork()
    if child == 0:
        try:
            move(nameserver, hosts)
        except OSError as error:
            print(f"no namespace: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise Unavailable("user, mount and network namespaces are needed")
    move(nameserver, hosts)


def move(nameserver, hosts):
    user, group = os.getuid(), os.getgid()
    call(libc.unshare, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"0 {user} 1")
    write("/proc/self/gid_map", f"0 {group} 1")
    bring_up("lo")
    for family in (socket.AF_INET, socket.AF_INET6):
        accept_every_address(family)
    call(libc.mount, None, b"/", None, MS_REC | MS_PRIVATE, None)
    replace("/etc/resolv.conf", f"nameserver {nameserver}\noptions timeout:5 attempts:2\n")
    replace("/etc/hosts", hosts)
    replace("/etc/nsswitch.conf", "hosts: files dns\n")


def call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def replace(path, text):
    """Shows this text in place of a file."""
    target = os.path.realpath(path)
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    call(libc.mount, os.fsencode(file.name), os.fsencode(target), None, MS_BIND, None)
    if Path(path).read_text() != text:
        raise OSError(f"{path} was not replaced")
    # The mount keeps the file.
    os.unlink(file.name)


def bring_up(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", interface.encode(), 0)
        (flags,) = struct.unpack("16xH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", interface.encode(), flags | IFF_UP))


def accept_every_address(family):
    """Does `ip route add local default dev lo`."""
    attribute = struct.pack("=HHI", 8, RTA_OIF, socket.if_nametoindex("lo"))
    route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL, 0)
    body = route + attribute
    header = struct.pack("=IHHII", 16 + len(body), RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        (number,) = struct.unpack_from("=i", netlink.recv(4096), 16)
    if number != 0:
        raise OSError(-number, f"route: {os.strerror(-number)}")
