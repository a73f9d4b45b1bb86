#!/usr/bin/env python3
"""Looks for the secrets of the tests in every log of the tests: check_secrets.py LOCAL

LOCAL is `.local`. The tests record each secret in LOCAL/secrets before they use it (`testing::secrets`). Each is looked for in
LOCAL/logs and in the requests to AWS in LOCAL/requests: as it is, in JSON, in a URL, in hexadecimal digits and in base64. A request
that writes a parameter or the subscriber directory may hold secrets, and no other one. Files from before LOCAL/secrets/started belong to an earlier run.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

# The kinds of `testing::secrets`. A test run has secrets of each.
KINDS = {"Signing", "Header", "Url", "Password", "SecretKey", "Session"}
# The secrets in the code of tests.
WRITTEN = re.compile(r"\b(?:whsec|whsk)_[A-Za-z0-9+/]{24,}={0,2}")
# A shorter text would be found by chance.
MIN_LENGTH = 10
MAY_HOLD_SECRETS = re.compile(
    rb'"AmazonSSM\.PutParameter"|"operation": "PutParameter"|/subscriber-directory\.json\?x-id=PutObject'
    rb'|"operation": "PutObject", "parameters": \{"Bucket": "[^"]*", "Key": "subscriber-directory\.json"'
)
ROOT = Path(__file__).resolve().parent.parent


def main(local):
    secrets = recorded(local / "secrets")
    problems = [f"no secret of the kind {kind} was recorded" for kind in sorted(KINDS - set(secrets.values()))]
    secrets |= dict.fromkeys(written(), "written in a test")
    files = of_this_run(local)
    if not files:
        problems.append("there are no logs")
    found = find(secrets, files)
    problems += [f"{file}:{line}: a secret, {kind}, {form}" for file, line, kind, form in found]
    size = sum(file.stat().st_size for file in files) >> 20
    print(f"{len(secrets)} secrets looked for in {len(files)} files of {size} MiB")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


def recorded(directory):
    """Returns the kind of each secret that the tests have recorded."""
    lines = [json.loads(line) for file in sorted(directory.glob("*.jsonl")) for line in file.read_text().splitlines()]
    short = {line["kind"] for line in lines if len(line["secret"]) < MIN_LENGTH}
    if short:
        sys.exit(f"a secret is too short to be looked for: {', '.join(sorted(short))}")
    return {line["secret"]: line["kind"] for line in lines}


def written():
    """Returns the secrets that stand in the code of tests."""
    names = subprocess.run(["git", "ls-files", "*.rs", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {secret for name in names.split() for secret in WRITTEN.findall((ROOT / name).read_text())}


def of_this_run(local):
    started = local / "secrets/started"
    since = started.stat().st_mtime if started.exists() else 0
    files = [file for directory in ("logs", "requests") for file in (local / directory).rglob("*") if file.is_file()]
    return sorted(file for file in files if file.stat().st_mtime >= since)


def find(secrets, files):
    """Yields file, line, kind and form of each secret that is found. grep looks for many texts at once."""
    patterns = {text: (kind, form) for secret, kind in secrets.items() for form, text in forms(secret).items()}
    if not files:
        return
    with tempfile.NamedTemporaryFile("w") as list_of_texts:
        list_of_texts.write("\n".join(patterns) + "\n")
        list_of_texts.flush()
        command = ["grep", "--text", "--fixed-strings", "--line-number", "--with-filename", f"--file={list_of_texts.name}"]
        for start in range(0, len(files), 500):
            answer = subprocess.run([*command, "--", *files[start : start + 500]], capture_output=True, env={"LC_ALL": "C"} | path())
            if answer.returncode > 1:
                sys.exit(answer.stderr.decode())
            for line in answer.stdout.splitlines():
                yield from findings(line, patterns)


def path():
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def findings(line, patterns):
    file, number, text = line.split(b":", 2)
    if MAY_HOLD_SECRETS.search(text):
        return
    for pattern, (kind, form) in patterns.items():
        if pattern.encode() in text:
            yield file.decode(), int(number), kind, form
            return


def forms(secret):
    """Returns the texts by which a secret can be recognised."""
    texts = {"as it is": secret, "in JSON": json.dumps(secret)[1:-1], "in a URL": urllib.parse.quote(secret, safe="")}
    prefix, _, key = secret.partition("_")
    values = [secret.encode()]
    if prefix in ("whsec", "whsk"):
        texts["without its prefix"] = key
        values.append(base64.b64decode(key + "=" * (-len(key) % 4)))
    for place, value in enumerate(values):
        name = ("", ", of the key itself")[place]
        texts[f"in hexadecimal digits{name}"] = value.hex()
        texts[f"in capital hexadecimal digits{name}"] = value.hex().upper()
        for offset in range(3):
            # The digits that depend on the secret alone, after other bytes.
            digits = base64.b64encode(bytes(offset) + value)[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6].decode()
            texts[f"in base64 at {offset}{name}"] = digits
            texts[f"in base64 of URLs at {offset}{name}"] = digits.translate(str.maketrans("+/", "-_"))
    return texts


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
