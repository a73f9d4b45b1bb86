"""Reads bodies in XML."""

from xml.etree import ElementTree

from .models import is_flattened, location
from .scalars import from_text


def read_xml(body, name, findings):
    """Returns the root element, which must have this name."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        findings.add("the body", f"is not XML: {error}")
        return None
    if _local(root.tag) != name:
        findings.add("the body", f"is an element {_local(root.tag)}, where the model has {name}")
    return root


def from_element(shape, element, place, findings):
    """Returns the value of an element, with the names of the model instead of the names on the wire."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, element, place, findings)
    if kind == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if _local(child.tag) != wanted:
                findings.add(f"{place}.{_local(child.tag)}", f"is not {wanted}, as elements of {shape.name} are called")
        children = enumerate(element)
        return [from_element(shape.member, child, f"{place}[{index}]", findings) for index, child in children]
    if kind == "map":
        return dict(_entry(shape, child, place, findings) for child in element)
    return from_text(shape, element.text or "", place, findings, "iso8601")


def _structure(shape, element, place, findings):
    known, result = {}, {}
    for name, member in shape.members.items():
        if location(member) is None:
            known[member.serialization.get("name", name)] = (name, member)
    for attribute, text in element.attrib.items():
        found = [known[wire] for wire in known if _local(attribute) == wire.rpartition(":")[2]]
        if not found or not found[0][1].serialization.get("xmlAttribute"):
            findings.add(f"{place}.{_local(attribute)}", f"is not an attribute of {shape.name}")
            continue
        result[found[0][0]] = text
    for child in element:
        tag = _local(child.tag)
        inner = f"{place}.{tag}" if place else tag
        if tag not in known:
            findings.add(inner, f"is not a member of {shape.name}")
            continue
        name, member = known[tag]
        if member.type_name == "list" and is_flattened(member):
            items = result.setdefault(name, [])
            items.append(from_element(member.member, child, f"{inner}[{len(items)}]", findings))
        elif member.type_name == "map" and is_flattened(member):
            result.setdefault(name, {}).update([_entry(member, child, inner, findings)])
        elif name in result:
            findings.add(inner, "is there twice")
        else:
            result[name] = from_element(member, child, inner, findings)
    return result


def _entry(shape, element, place, findings):
    children = {_local(child.tag): child for child in element}
    key = children.get(shape.key.serialization.get("name", "key"))
    value = children.get(shape.value.serialization.get("name", "value"))
    if len(children) != 2 or key is None or value is None:
        findings.add(place, f"has an entry with {sorted(children)}, where a key and a value belong")
        return "", None
    return key.text or "", from_element(shape.value, value, f"{place}[{key.text}]", findings)


def _local(tag):
    return tag.rpartition("}")[2]
