"""Ends the processes of the stack and removes its directories when the process that started them has ended.

Destructors do not run when a test process exits, nor after SIGKILL. The end of the standard input of this program is always
noticed. The input has one command a line:
    group <process group> <signal>     end this group with that signal (the newest first)
    forget <process group>             the group has ended
    signal <process group> <signal>    send that signal now
    directory <path>                   remove this directory at the end

A kernel uses the numbers of ended processes again, on a busy machine within minutes. So a group is known by the start of its leader too.
"""

import os
import shutil
import signal
import sys
import time

TERMINATION_TIMEOUT_SECONDS = 10

groups = {}
leaders = {}
directories = []


def start_of(process):
    """Returns the time at which a process started; None for one that has ended, and where there is no /proc."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            # The name of the command is in brackets and may contain any character.
            return file.read().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None


def is_ours(group):
    """Returns false when the leader has ended and another process has its number. The number of a group with members is not used again."""
    start = start_of(group)
    return start is None or start == leaders.get(group, start)


def send(group, name):
    if not is_ours(group):
        return
    try:
        os.killpg(group, getattr(signal, "SIG" + name))
    except (ProcessLookupError, PermissionError):
        pass


def alive(group):
    """Returns true if the group has a running process. A zombie does not run, and a container may never collect it."""
    if not is_ours(group):
        return False
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return True
    for process in processes:
        try:
            with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
                # The name of the command is in brackets and may contain any character.
                state, _, of_group = file.read().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError, ValueError):
            continue
        if int(of_group) == group and state not in "ZX":
            return True
    return False


def end(group, name):
    send(group, name)
    deadline = time.monotonic() + TERMINATION_TIMEOUT_SECONDS
    while alive(group):
        if time.monotonic() > deadline:
            send(group, "KILL")
            return
        time.sleep(0.02)


for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ignored, signal.SIG_IGN)

for line in sys.stdin:
    command, _, rest = line.rstrip("\n").partition(" ")
    if command == "group":
        # A test gives another start, as if the number had been used again.
        group, name, *start = rest.split()
        groups[int(group)] = name
        leaders[int(group)] = start[0] if start else start_of(group)
    elif command == "forget":
        groups.pop(int(rest), None)
    elif command == "signal":
        group, name = rest.split()
        send(int(group), name)
    elif command == "directory":
        directories.append(rest)

for group, name in reversed(groups.items()):
    end(group, name)
for directory in directories:
    shutil.rmtree(directory, ignore_errors=True)
