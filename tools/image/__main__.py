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
import own_site
import requirements
import steps
from builder import Builder
from dockerfile import ROOT
from steps import NAMESPACES, Failed, say, step

DIRECTORY = ROOT / ".local/image"
COPY = DIRECTORY / "context"
OWN = DIRECTORY / "own-site"
NAME = "wagrun:tried"
OWN_NAME = "own-site:tried"
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
            build_own_site(builder)
            check(builder)
            say(f"The image of {dockerfile.DOCKERFILE} builds, and serves and migrates as it should: {TRIED}")
            say("The image of another site migrates too, with the lines of docs/image.md in its Dockerfile")
        except Failed as failure:
            sys.exit(f"make image: {failure}")
        finally:
            builder.remove_containers()
            builder.remove_old_images(bases.KEPT)


def build(builder):
    """Builds the Dockerfile as it is, with stand-ins for the base images that it names."""
    context.copy(ROOT, COPY)
    path = COPY / dockerfile.DOCKERFILE
    for base in bases_of(COPY):
        bases.make(builder, base)
    with step(f"buildah builds {dockerfile.DOCKERFILE}"):
        lent = machine.volumes(DIRECTORY)
        options = ["--pull-never", "--platform=linux/amd64", f"--file={path}", f"--tag={NAME}"]
        builder.run("build", "build", *options, *lent, str(COPY))


def build_own_site(builder):
    """Builds migrate by itself, and the image of a site as `wagtail start` makes it, with the lines of docs/image.md."""
    options = ["--pull-never", "--platform=linux/amd64"]
    lent = machine.volumes(DIRECTORY)
    with step("buildah builds migrate by itself"):
        path = COPY / dockerfile.DOCKERFILE
        alone = [f"--file={path}", "--target=wagrun", f"--tag={own_site.migrate_image()}"]
        builder.run("build-migrate", "build", *options, *alone, *lent, str(COPY))
    with step("buildah builds the image of a site that `wagtail start` makes"):
        own_site.make(OWN, next(base for base in bases_of(COPY) if base.startswith("python:")))
        builder.run("build-own-site", "build", *options, f"--tag={OWN_NAME}", *lent, str(OWN))


def bases_of(checkout):
    """The base images that the Dockerfile of a checkout names."""
    stages = dockerfile.stages((checkout / dockerfile.DOCKERFILE).read_text())
    return sorted({stage.base for stage in stages.values()} - stages.keys() - {"scratch"})


def check(builder):
    """Looks at what was built, and runs it."""
    with step("the manifest and the configuration"):
        config = contents.check_manifests(builder, NAME)
        contents.check_config(config)
        own_config = contents.check_manifests(builder, OWN_NAME)
    with step("the files"):
        files, own_files = (mounted(builder, image) for image in (NAME, OWN_NAME))
        contents.check_files(Path(files), COPY)
    run({"files": files, "image": config, "own_files": own_files, "own_image": own_config}, builder.logs)


def mounted(builder, image):
    """The directory in which an image's files are."""
    return builder.ask("mount", builder.ask("from", "--pull-never", image))


def run(images, logs):
    """Runs migrate and the web service from the images' files, in namespaces that end with this program."""
    with tempfile.TemporaryDirectory(prefix="wagrun-image-") as directory:
        # The mount point of the trial; users without a name go through it.
        Path(directory).chmod(0o755)
        given = {
            **images,
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
