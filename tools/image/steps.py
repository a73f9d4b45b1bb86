"""Shows progress: a line when a step begins, a line every few seconds while it lasts, and the end of its log when it fails."""

import subprocess
import time
from contextlib import contextmanager

BEGAN = time.monotonic()
SECONDS_BETWEEN_LINES = 15
LINES_OF_A_FAILURE = 25
LONGEST_LINE = 300


# Namespaces that end with the command, and take along every process and mount that it leaves; also when we are killed.
NAMESPACES = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--mount-proc", "--kill-child"]


class Failed(Exception):
    """A step or a check failed; the text says which, and why."""


def say(text):
    """Prints a line, after the seconds since the beginning."""
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", flush=True)


@contextmanager
def step(name):
    """Says that a step begins, and how long it took."""
    say(f"{name} …")
    began = time.monotonic()
    yield
    say(f"{name}: done in {time.monotonic() - began:.1f} s")


def run(command, log, **options):
    """Runs a command to its end, with its output in the file `log`. Raises Failed, with the end of it, when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        while True:
            try:
                code = process.wait(SECONDS_BETWEEN_LINES)
                break
            except subprocess.TimeoutExpired:
                say(f"  … {''.join(tail(log, 1)).strip()[:110]}")
    except BaseException:
        # Not asked to end: `unshare` does not listen, and what it started has nothing to save.
        process.kill()
        process.wait()
        raise
    if code != 0:
        raise Failed(f"{log.stem} ended with {code}:\n{excerpt(log)}")


def wait_until(what, seconds, attempt):
    """Calls `attempt` until it returns something true, which is returned. Raises Failed after so many seconds."""
    began = shown = time.monotonic()
    while not (result := attempt()):
        now = time.monotonic()
        if now - began > seconds:
            raise Failed(f"{what}: not there after {seconds} s")
        if now - shown > SECONDS_BETWEEN_LINES:
            say(f"  … {what}: not yet")
            shown = now
        time.sleep(0.1)
    return result


def expect(what, holds, found):
    """Raises Failed when something does not hold, with what was found in its place."""
    if not holds:
        raise Failed(f"not as expected: {what}. Found: {found}")


def tail(log, lines):
    """The last lines of a file."""
    return log.read_text(errors="replace").splitlines()[-lines:]


def excerpt(log):
    """The end of a log, for a person to read."""
    lines = [line[:LONGEST_LINE] for line in tail(log, LINES_OF_A_FAILURE)]
    return "\n".join([*lines, f"(the end of {log})"])
