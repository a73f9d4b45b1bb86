"""Reads parameters of the query protocols, such as `Entries.member.1.Id=a`, into a tree that is matched with the shapes."""

from .scalars import from_text

# The key of a value without further names below it.
LEAF = ""


def tree(pairs, findings):
    """Returns nested dictionaries, with one level for each part of a name. The value is under LEAF."""
    root = {}
    for name, value in pairs:
        node = root
        for part in name.split("."):
            node = node.setdefault(part, {})
        if LEAF in node:
            findings.add(name, "is there twice")
        node[LEAF] = value
    return root


class Query:
    """The names in the protocol `query`."""

    def member_name(self, name, shape):
        # A flattened list takes the name of its elements, if they have one.
        if shape.type_name == "list" and self.is_flattened(shape) and "name" in shape.member.serialization:
            return shape.member.serialization["name"]
        return shape.serialization.get("name", name)

    def is_flattened(self, shape):
        return bool(shape.serialization.get("flattened"))

    def element_name(self, shape):
        return shape.member.serialization.get("name", "member")


class Ec2(Query):
    """The names in the protocol of EC2: all lists are flattened, and names begin with a capital."""

    def member_name(self, name, shape):
        if "queryName" in shape.serialization:
            return shape.serialization["queryName"]
        name = shape.serialization.get("name", name)
        return name[:1].upper() + name[1:]

    def is_flattened(self, shape):
        return True


def from_tree(names, shape, node, place, findings):
    """Returns the value at a node. `names` is the protocol."""
    if shape.type_name == "structure":
        return _structure(names, shape, node, place, findings)
    if shape.type_name == "list":
        return _list(names, shape, node, place, findings)
    if shape.type_name == "map":
        return _map(names, shape, node, place, findings)
    for further in node:
        if further != LEAF:
            findings.add(f"{place}.{further}", f"is below {shape.name}, which is a single {shape.type_name}")
    return from_text(shape, node.get(LEAF, ""), place, findings, "iso8601")


def _structure(names, shape, node, place, findings):
    known = {names.member_name(name, member): (name, member) for name, member in shape.members.items()}
    result = {}
    for part, inner in node.items():
        inner_place = f"{place}.{part}" if place else part
        if part not in known:
            findings.add(inner_place if part else place, f"is not a member of {shape.name}")
            continue
        name, member = known[part]
        result[name] = from_tree(names, member, inner, inner_place, findings)
    return result


def _list(names, shape, node, place, findings):
    if node == {LEAF: ""}:
        return []
    if not names.is_flattened(shape):
        node = _only(node, names.element_name(shape), place, findings)
    numbered = _numbered(node, place, findings)
    return [from_tree(names, shape.member, item, f"{place}[{index}]", findings) for index, item in enumerate(numbered)]


def _map(names, shape, node, place, findings):
    if node == {LEAF: ""}:
        return {}
    if not names.is_flattened(shape):
        node = _only(node, "entry", place, findings)
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    result = {}
    for entry in _numbered(node, place, findings):
        key = entry.get(key_name, {}).get(LEAF)
        if set(entry) != {key_name, value_name} or key is None:
            findings.add(place, f"has an entry with {sorted(entry)}, where {key_name} and {value_name} belong")
            continue
        result[key] = from_tree(names, shape.value, entry[value_name], f"{place}[{key}]", findings)
    return result


def _only(node, name, place, findings):
    for part in node:
        if part != name:
            findings.add(f"{place}.{part}", f"is not {place}.{name}, as the protocol writes elements")
    return node.get(name, {})


def _numbered(node, place, findings):
    """Returns the nodes 1, 2, 3 … in their order."""
    expected = [str(number) for number in range(1, len(node) + 1)]
    if set(node) != set(expected):
        findings.add(place, f"has the elements {', '.join(sorted(node))}, which are not numbered from 1")
    return [node[number] for number in expected if number in node]
