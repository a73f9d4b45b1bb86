#!/usr/bin/env python3
"""Computes the tables of docs/costs.md from the prices and assumptions in tools/cost_model.

    tools/costs.py            prints the tables
    tools/costs.py --write    puts them into docs/costs.md, between its markers
    tools/costs.py --check    fails when docs/costs.md has other tables than these, or README.md other figures

Prices are list prices of us-east-1 in US dollars, before tax and discounts. A month has 730 hours.
Evidence: H is AWS's own text, read verbatim; M is a secondary source; L is an inference or memory.
"""

import sys
from pathlib import Path

from cost_model.tables import asleep_sentence, tables

README = Path(__file__).resolve().parent.parent / "README.md"
DOCUMENT = README.parent / "docs/costs.md"
BEGIN = "<!-- tables: written by tools/costs.py --write -->"
END = "<!-- end of tables -->"


def replaced(document: str) -> str:
    """Returns the document with new tables between the markers."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    if not arguments:
        print(tables(), end="")
        return 0
    if arguments not in (["--write"], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    document = DOCUMENT.read_text(encoding="utf-8")
    new = replaced(document)
    if arguments == ["--check"]:
        if new != document:
            print("docs/costs.md differs from the output of tools/costs.py; run tools/costs.py --write", file=sys.stderr)
        stated = asleep_sentence() in " ".join(README.read_text(encoding="utf-8").split())
        if not stated:
            print(f"README.md lacks the sentence: {asleep_sentence()}", file=sys.stderr)
        return int(new != document or not stated)
    DOCUMENT.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
