#!/usr/bin/env python3
"""Prints which module of a crate uses which, and fails on a cycle: module_graph.py [CRATE]

Without a crate it checks every crate of the workspace. An arrow is a path that begins with `crate` or `super`. Paths are
followed through `pub use`, so that a name which a parent re-exports counts as the module that defines it. Test modules are
left out: they may use everything. A parent uses its children; a child that uses its parent closes a cycle.
"""

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
TEST = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))? )?mod \w+\s*(?:;|\{.*?\n\})", re.S)
USE = re.compile(r"\b(pub(?:\([a-z]+\))? )?use ((?:crate|super|self)?[^;]*);", re.S)
PATH = re.compile(r"\b(?:crate|super)(?:::\w+)+")


def main(names):
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    failed = False
    for member in workspace["members"]:
        if names and Path(member).name not in names:
            continue
        crate = Crate(ROOT / member)
        if names:
            for module, used in sorted(crate.arrows().items()):
                print(f"{member}: {name(module)} -> {', '.join(sorted(map(name, used)))}")
        for cycle in cycles(crate.arrows()):
            failed = True
            print(f"{member}: the modules {', '.join(sorted(map(name, cycle)))} use each other", file=sys.stderr)
    return 1 if failed else 0


def name(module):
    return "::".join(module) or "(root)"


class Crate:
    """The modules of a crate, by their paths."""

    def __init__(self, directory):
        self.modules = {}
        source = directory / "src"
        for root in ("main.rs", "lib.rs"):
            if (source / root).exists():
                self.read(source / root, source, ())
        self.reexports = {module: dict(self.exported(module)) for module in self.modules}

    def read(self, file, folder, path):
        text = TEST.sub("", COMMENT.sub("", file.read_text()))
        self.modules[path] = self.modules.get(path, "") + text
        for child in re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", text, re.M):
            for candidate in (folder / f"{child}.rs", folder / child / "mod.rs"):
                if candidate.exists():
                    self.read(candidate, folder / child, (*path, child))

    def exported(self, module):
        """The names that a module re-exports, with the paths they come from."""
        for public, tree in USE.findall(self.modules[module]):
            if public:
                for path in expand(tree):
                    yield path[-1], self.absolute(path, module)

    def absolute(self, path, module):
        """A path from the crate's root, or none when it leads to another crate."""
        first, *rest = path
        while first == "super" and module:
            module = module[:-1]
            if rest and rest[0] == "super":
                first, *rest = rest
            else:
                return (*module, *rest)
        if first == "crate":
            return tuple(rest)
        if first == "self":
            return (*module, *rest)
        return (*module, first, *rest) if (*module, first) in self.modules else None

    def target(self, path, depth=0):
        """The module that a path leads to."""
        if path is None or depth > 9:
            return None
        module = ()
        for index, part in enumerate(path):
            if (*module, part) in self.modules:
                module = (*module, part)
            elif part in self.reexports[module]:
                source = self.reexports[module][part]
                return self.target((*source, *path[index + 1 :]), depth + 1) if source else None
            else:
                break
        return module

    def arrows(self):
        arrows = defaultdict(set)
        for module, text in self.modules.items():
            paths = {path for _, tree in USE.findall(text) for path in expand(tree)}
            paths |= {tuple(path.split("::")) for path in PATH.findall(USE.sub("", text))}
            for path in paths:
                used = self.target(self.absolute(path, module))
                if used is not None and used != module:
                    arrows[module].add(used)
        return arrows


def expand(tree):
    """The paths of a use tree: `a::{b, c::d}` gives a::b and a::c::d."""
    tree = " ".join(tree.split())
    head, brace, rest = tree.partition("{")
    prefix = tuple(part for part in head.split("::") if part.strip())
    if not brace:
        path = tree.split(" as ")[0]
        return [tuple(part.strip() for part in path.split("::") if part.strip() not in ("", "*"))]
    inner, depth, items, current = rest.rsplit("}", 1)[0], 0, [], ""
    for letter in inner:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            items.append(current)
            current = ""
        else:
            current += letter
    items.append(current)
    paths = [path for item in items if item.strip() for path in expand(item.strip())]
    return [prefix if path == ("self",) else (*prefix, *path) for path in paths]


def cycles(arrows):
    """The sets of modules that reach each other (Tarjan's strongly connected components)."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for used in arrows.get(module, ()):
            if used not in index:
                visit(used)
                low[module] = min(low[module], low[used])
            elif used in stack:
                low[module] = min(low[module], index[used])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(component)

    for module in list(arrows):
        if module not in index:
            visit(module)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
