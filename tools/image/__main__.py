"""Builds the image of site/Dockerfile with buildah, looks at it, and runs migrate and the web service from it.

`make image` runs it, as root, with the Python of .local/venv/tools. Everything it makes is in .local/image.
"""

import fcntl
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
sys.path.append(str(TOOLS))

import bases
import contents
import context
import dockerfile
import machine
import requirements
import steps
from builder import Builder
from dockerfile import ROOT
from steps import NAMESPACES, Failed, say, step

DIRECTORY = ROOT / ".local/image"
COPY = DIRECTORY / "context"
NAME = "wagrun:tried"
TRIED = "with stand-ins for the base images, not the real ones"


def main():
    requirements.check()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("make image: ended by a signal"))
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with open(DIRECTORY / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        builder = Builder(DIRECTORY)
        # Those of a run that was killed.
        builder.remove_containers()
        try:
            build(builder)
            check(builder, NAME)
            say(f"The image of {dockerfile.DOCKERFILE} builds, and serves and migrates as it should: {TRIED}")
        except Failed as failure:
            sys.exit(f"make image: {failure}")
        finally:
            builder.remove_containers()
            builder.remove_old_images(bases.KEPT)


def build(builder):
    """Builds the Dockerfile as it is, with stand-ins for the base images that it names."""
    context.copy(ROOT, COPY)
    path = COPY / dockerfile.DOCKERFILE
    stages = dockerfile.stages(path.read_text())
    for base in sorted({stage.base for stage in stages.values()} - stages.keys() - {"scratch"}):
        bases.make(builder, base)
    with step(f"buildah builds {dockerfile.DOCKERFILE}"):
        lent = machine.volumes(DIRECTORY)
        options = ["--pull-never", "--platform=linux/amd64", f"--file={path}", f"--tag={NAME}"]
        builder.run("build", "build", *options, *lent, str(COPY))


def check(builder, image):
    """Looks at what was built, and runs it."""
    with step("the manifest and the configuration"):
        config = contents.check_manifests(builder, image)
        contents.check_config(config)
    with step("the files"):
        files = Path(builder.ask("mount", builder.ask("from", "--pull-never", image)))
        contents.check_files(files, COPY)
    run(files, config, builder.logs)


def run(files, config, logs):
    """Runs migrate and the web service from the image's files, in namespaces that end with this program."""
    with tempfile.TemporaryDirectory(prefix="wagrun-image-") as directory:
        # The mount point of the trial; users without a name go through it.
        Path(directory).chmod(0o755)
        given = {
            "files": str(files),
            "image": config,
            "directory": directory,
            "environment": str(ROOT / ".local/venv/postgres"),
            "logs": str(logs),
            "began": steps.BEGAN,
        }
        trial = subprocess.Popen([*NAMESPACES, "--net", "--ipc", sys.executable, str(TOOLS / "image/trial.py"), json.dumps(given)])
        try:
            code = trial.wait()
        finally:
            trial.kill()
            trial.wait()
        if code != 0:
            raise Failed("the trial failed")


if __name__ == "__main__":
    main()
