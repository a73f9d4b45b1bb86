"""Checks parameters against the shapes of the model, as botocore does, and further: enumerations, patterns and all bounds."""

from .documented import DOCUMENTED
from .exceptions import EXCEPTIONS
from .patterns import compiled

TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "biginteger": int,
    "float": int | float,
    "double": int | float,
    "bigdecimal": int | float,
    "blob": bytes,
}


def validate(service, shape, value, findings):
    """Adds a sentence for each value that the model does not allow."""
    _Validation(service, findings).value(shape, value, "", {})


class _Validation:
    def __init__(self, service, findings):
        self.service = service
        self.findings = findings

    def value(self, shape, value, place, documented):
        """Checks one value. `documented` has facts about the value that its shape does not have."""
        kind = shape.type_name
        if value is None or kind == "timestamp" or getattr(shape, "is_document_type", False):
            # Timestamps are checked with their form. A value that could not be read already has its sentence.
            return
        if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            self.add(shape, place, "type", f"is {_shown(shape, value)}, where {shape.name} is a {kind}")
            return
        facts = {**shape.metadata, **documented}
        getattr(self, f"_{kind}", self._number)(shape, facts, value, place)

    def add(self, shape, place, rule, sentence):
        if (self.service, shape.name, rule) not in EXCEPTIONS:
            self.findings.add(place, sentence)

    def _structure(self, shape, facts, value, place):
        prefix = f"{place}." if place else ""
        for name in shape.required_members:
            if value.get(name) is None:
                self.add(shape, prefix + name, "required", "is missing")
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            self.add(shape, place, "union", f"has {len(value)} of the members of {shape.name}, of which exactly one is set")
        for name, inner in value.items():
            self.value(shape.members[name], inner, prefix + name, DOCUMENTED.get((self.service, name), {}))

    def _list(self, shape, facts, value, place):
        self._bounds(shape, facts, len(value), place, "elements")
        for index, inner in enumerate(value):
            self.value(shape.member, inner, f"{place}[{index}]", {})
        if "unique" in facts:
            ids = [inner.get(facts["unique"]) for inner in value]
            if len(set(ids)) < len(ids):
                self.add(shape, place, "unique", f"has elements with the same {facts['unique']}")

    def _map(self, shape, facts, value, place):
        self._bounds(shape, facts, len(value), place, "entries")
        for key, inner in value.items():
            self.value(shape.key, key, f"{place}[{key}]'s key", {})
            self.value(shape.value, inner, f"{place}[{key}]", {})

    def _string(self, shape, facts, value, place):
        self._bounds(shape, facts, len(value), place, "characters")
        allowed = facts.get("enum")
        if allowed and value not in allowed:
            self.add(shape, place, "enum", f"is {_shown(shape, value)}, which is none of {', '.join(sorted(allowed))}")
        pattern = facts.get("pattern")
        expression = compiled(pattern) if pattern else None
        if expression and not expression.fullmatch(value):
            self.add(shape, place, "pattern", f"is {_shown(shape, value)}, which is not of the form {pattern}")

    def _blob(self, shape, facts, value, place):
        self._bounds(shape, facts, len(value), place, "bytes")

    def _boolean(self, shape, facts, value, place):
        pass

    def _number(self, shape, facts, value, place):
        least, most = facts.get("min"), facts.get("max")
        if least is not None and value < least:
            self.add(shape, place, "range", f"is {value}, less than {least}")
        if most is not None and value > most:
            self.add(shape, place, "range", f"is {value}, more than {most}")

    def _bounds(self, shape, facts, length, place, unit):
        least, most = facts.get("min"), facts.get("max")
        if least is not None and length < least:
            self.add(shape, place, "length", f"has {length} {unit}, fewer than {least}")
        if most is not None and length > most:
            self.add(shape, place, "length", f"has {length} {unit}, more than {most}")


def _shown(shape, value):
    if shape.metadata.get("sensitive"):
        return "(sensitive)"
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
