"""Runs programs in the image's files as Lambda does: read-only but for /tmp, as a user without a name.

Works in the namespaces that the trial runs in: its mounts end with them.
"""

import os
import subprocess
from pathlib import Path

from steps import Failed

DEVICES = ("null", "zero", "full", "random", "urandom")


class Container:
    """The image's files, mounted read-only in a directory."""

    def __init__(self, files: Path, directory: Path, config, replaced: dict[str, Path]):
        """Mounts; `replaced` are files of the image in whose place others are shown."""
        self.root = directory
        self.variables = dict(variable.split("=", 1) for variable in config["config"]["Env"])
        self.working_directory = config["config"]["WorkingDir"]
        self.root.mkdir()
        mount("--bind", files, self.root)
        mount("-o", "remount,bind,ro", self.root)
        for name, source in replaced.items():
            mount("--bind", source, self.root / name.lstrip("/"))
        mount("-t", "proc", "proc", self.root / "proc")
        # No /dev/shm, as on Lambda; gunicorn has to do without, too.
        mount("-t", "tmpfs", "-o", "mode=755", "devices", self.root / "dev")
        for device in DEVICES:
            (self.root / "dev" / device).touch()
            mount("--bind", f"/dev/{device}", self.root / "dev" / device)
        mount("-t", "tmpfs", "-o", "mode=1777", "tmp", self.root / "tmp")

    def start(self, command, variables, user, log):
        """Starts a command with the image's variables and these, as a user and group of this number."""

        def enter():
            os.chroot(self.root)
            os.chdir(self.working_directory)
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

        with open(log, "wb") as output:
            return subprocess.Popen(
                command,
                env={**self.variables, **variables},
                preexec_fn=enter,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


def mount(*arguments):
    """Mounts as the program of this name does. Raises Failed when it can't."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
