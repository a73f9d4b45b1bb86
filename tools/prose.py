#!/usr/bin/env python3
"""Checks how comments and documents read, as far as that can be counted: prose.py [FILE ...]

- A doc comment of Rust begins with a verb or with the thing itself, not with a question word (CONTRIBUTING.md, "Style").
- A sentence has at most 30 words, in Markdown and in doc comments.
- `cannot`, not `can't`.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_WORDS = 30
QUESTION = re.compile(r"(What|Who|Whom|Whose|When|Where|Whether|Which|How|Why|If)\b")
DOC = re.compile(r"\s*//[/!] ?(.*)")
FENCE = re.compile(r"\s*(```|~~~)")
# Names such as content-events begin a sentence in lower case.
END = re.compile(r"(?<=[.!?])[)*_\"]*\s+|;\s+|:\s+(?=[A-Z])")


def main(names):
    listed = subprocess.run(["git", "ls-files", "*.rs", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [Path(name).resolve() for name in names] or [ROOT / name for name in listed.stdout.split()]
    problems = [problem for file in files if file.exists() for problem in check(file)]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


def check(file):
    where = file.relative_to(ROOT)
    read = rust if file.suffix == ".rs" else markdown
    for number, text, is_doc in read(file.read_text()):
        if is_doc and (found := QUESTION.match(text)):
            yield f"{where}:{number}: a doc comment begins with {found[1]!r}"
        for sentence in END.split(text):
            words = [word for word in sentence.split() if re.search(r"\w", word)]
            if len(words) > MAX_WORDS:
                yield f"{where}:{number}: {len(words)} words: {' '.join(words[:8])} ..."
        if re.search(r"\bcan't\b", text):
            yield f"{where}:{number}: can't instead of cannot"


def rust(text):
    """The paragraphs of each doc comment, with their lines."""
    block = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = DOC.match(line)
        if found:
            block.append(found[1])
        elif block:
            start = number - len(block)
            for offset, paragraph in paragraphs(block):
                yield start + offset, paragraph, True
            block = []


def markdown(text):
    for offset, paragraph in paragraphs(text.splitlines()):
        yield offset + 1, paragraph, False


def paragraphs(lines):
    """Joined lines of prose with the index of the first. Each list item and each cell of a table is a paragraph."""
    current, start, is_code = [], 0, False
    for index, line in enumerate([*lines, ""]):
        if FENCE.match(line):
            is_code = not is_code
            line = ""
        stripped = line.strip()
        begins = re.match(r"([-*] |\d+\. |\||#|>|<!--)", stripped)
        if (not stripped or begins or is_code) and current:
            yield start, " ".join(current)
            current = []
        if is_code or not stripped:
            continue
        if stripped.startswith("#"):
            yield index, stripped.lstrip("# ")
        elif stripped.startswith("|"):
            for cell in stripped.strip("|").split(" | "):
                yield index, cell.strip()
        else:
            if not current:
                start = index
            current.append(re.sub(r"^([-*] |\d+\. |> )", "", stripped))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
