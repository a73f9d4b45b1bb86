"""Runs buildah with a storage of its own, beneath .local/image."""

import json
import os
import subprocess
from pathlib import Path

from steps import NAMESPACES, Failed, run


class Builder:
    """buildah as root, without a daemon and without namespaces, which a container or a virtual machine may not have."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.logs = directory / "logs"
        registries = directory / "registries.conf"
        temporary = directory / "tmp"
        for path in (self.logs, temporary):
            path.mkdir(parents=True, exist_ok=True)
        # A name without a registry then means an image of our own storage, and nothing else.
        registries.write_text("unqualified-search-registries = []\n")
        self.command = [
            "buildah",
            f"--root={directory}/storage",
            f"--runroot={directory}/run",
            "--storage-driver=vfs",
            f"--registries-conf={registries}",
        ]
        # The caches of RUN --mount=type=cache are in the temporary directory, too.
        self.environment = {**os.environ, "TMPDIR": str(temporary), "BUILDAH_ISOLATION": "chroot"}

    def run(self, name, *arguments):
        """Runs a long command; its output goes to the log `name`."""
        run([*NAMESPACES, *self.command, *arguments], self.logs / f"{name}.log", env=self.environment)

    def ask(self, *arguments):
        """What a short command prints."""
        done = subprocess.run([*self.command, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"buildah {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def names(self):
        """The names of each image in the storage."""
        return [image.get("names") or [] for image in json.loads(self.ask("images", "--json") or "[]")]

    def has(self, image):
        """True when the storage holds an image of this name."""
        return any(f"localhost/{image}" in names for names in self.names())

    def remove_containers(self):
        """Removes every working container; those of a run that was killed are among them."""
        self.ask("rm", "--all")

    def remove_old_images(self, kept_by: str):
        """Removes images whose name a newer one has taken, also where one that begins with `kept_by` is left to them."""
        self.ask("rmi", "--prune")
        for names in self.names():
            if names and all(name.startswith(f"localhost/{kept_by}:") for name in names):
                self.ask("rmi", *names)
