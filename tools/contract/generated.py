"""The types for TypeScript and Python, which are generated from the schema."""

import subprocess
import sys
import tempfile
from pathlib import Path

from .payloads import ROOT

TYPES = ROOT / "docs/types"
NODE = ROOT / ".local/npm/contract/node"
PYTHON = Path(sys.executable)


def generate(schema):
    """Returns the text of each file by its name. `schema` is a path."""
    return {"events.ts": typescript(schema), "events.py": python(schema)}


def typescript(schema):
    return run([NODE, ROOT / "tools/contract/types.mjs", schema])


def python(schema):
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "events.py"
        run(
            [
                *(PYTHON, "-m", "datamodel_code_generator", "--input", schema, "--input-file-type", "jsonschema"),
                *("--output", out, "--output-model-type", "typing.TypedDict", "--target-python-version", "3.11"),
                *("--use-schema-description", "--use-field-description", "--disable-timestamp", "--formatters", "builtin"),
                *("--custom-file-header", '"""Generated from docs/events.schema.json by `make types`. Python 3.11 or newer."""'),
            ]
        )
        return out.read_text()


def outdated(schema):
    """Yields the names of the committed files that are not what the schema gives."""
    for name, text in generate(schema).items():
        path = TYPES / name
        if not path.exists() or path.read_text() != text:
            yield f"docs/types/{name} is not what docs/events.schema.json gives; `make types` writes it"


def write(schema):
    for name, text in generate(schema).items():
        (TYPES / name).write_text(text)


def run(command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[1]}: {done.stdout}{done.stderr}")
    return done.stdout
