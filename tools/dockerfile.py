"""Reads site/Dockerfile and .dockerignore, for the tests beside this file. Runs with the Python of .local/venv/tools."""

import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from docker.utils.build import exclude_paths

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = "site/Dockerfile"


@dataclass
class Copy:
    sources: list[str]
    destination: str
    stage: str | None  # the stage whose files are copied, or None for the context


@dataclass
class Stage:
    name: str
    base: str
    text: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    directory: str = "/"
    user: str = "root"
    port: str | None = None
    command: str | None = None


def stages(text):
    """Returns the stages by name, each with the settings of the stage it is built on. The name of the last one is `image`."""
    found = {}
    stage = None
    for line in logical_lines(text):
        instruction, _, rest = line.partition(" ")
        rest = rest.strip()
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name or "image"] = Stage(name or "image", base)
            if parent := found.get(base):
                stage.environment, stage.directory = dict(parent.environment), parent.directory
        elif instruction == "ENV":
            for assignment in shlex.split(rest):
                name, _, value = assignment.partition("=")
                stage.environment[name] = value
        elif instruction == "COPY":
            stage.copies.append(read_copy(shlex.split(rest)))
        elif instruction == "RUN":
            stage.runs.append(re.sub(r"--mount=\S+\s+", "", rest))
        elif instruction == "WORKDIR":
            stage.directory = rest
        elif instruction == "USER":
            stage.user = rest
        elif instruction == "EXPOSE":
            stage.port = rest
        elif instruction == "CMD":
            stage.command = rest
        elif instruction not in ("ENTRYPOINT", "LABEL"):
            raise ValueError(f"the tests don't know the instruction {instruction}")
        stage.text += f"{line}\n"
    return found


def logical_lines(text):
    """Returns the instructions on one line each, without comments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def read_copy(words):
    stage = None
    while words[0].startswith("--"):
        option, _, value = words.pop(0).partition("=")
        stage = value if option == "--from" else stage
    return Copy(words[:-1], words[-1], stage)


def context(root):
    """Returns the files below `root` that Docker sends to the build, by .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    paths = exclude_paths(str(root), patterns, dockerfile=DOCKERFILE)
    return {path for path in paths if (root / path).is_file()} - {DOCKERFILE, ".dockerignore"}


def lay_out(stage, files, directory):
    """Copies the files that a stage copies from the context into `directory`, which stands for the root directory of the
    stage.
    """
    for copy in stage.copies:
        if copy.stage:
            continue
        target = directory / (Path(stage.directory) / copy.destination).relative_to("/")
        for source in copy.sources:
            for path in (path for path in files if path == source or path.startswith(f"{source}/")):
                # Docker copies the content of a directory. A file keeps its name in a directory.
                name = Path(path).relative_to(source) if path != source else Path(path).name
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, target / name)
