"""Tests that the contract refuses each change that breaks a reader: tools/test_contract.py, with .local/venv/contract.

Each documented payload is changed in every place: a field is left out, renamed or has another type, and the type of the event is
another one. The schema must refuse every such payload. A field that is new must be refused by the check only.
"""

import copy
import json
import shutil
import tempfile
import unittest
from pathlib import Path

from jsonschema import Draft202012Validator

from check_contract import asyncapi, refused
from contract import generated, receivers, schema as schemas
from contract.payloads import documented

# A reader must not count on these.
OPTIONAL = {"locale", "groups", "replayed", "subscriber", "backfill"}
# In the test event, all fields but these two depend on the subscriber.
OF_EVERY_TEST = {"name", "title"}


def places(value, path=()):
    """Yields the path of every field whose shape the contract fixes."""
    for key, inner in value.items():
        yield (*path, key)
        # The columns of an object are the site's own.
        is_open = key == "fields" or (key == "previous" and "fields" in value)
        if isinstance(inner, dict) and not is_open:
            yield from places(inner, (*path, key))


def is_optional(event, path):
    if event["type"] == "subscriber.test" and path[0] == "data":
        return path[-1] not in OF_EVERY_TEST | {"data"}
    return path[-1] in OPTIONAL or "previous" in path[:-1]


def changed(event, path, change):
    event = copy.deepcopy(event)
    parent = event
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return event


class TheSchema(unittest.TestCase):
    def setUp(self):
        self.schema = schemas.load()
        self.events = documented()

    def assert_refused(self, event, message):
        self.assertIsNotNone(schemas.problem(self.schema, event), message)

    def test_it_accepts_each_documented_payload(self):
        self.assertEqual(list(refused(self.schema, self.events)), [])
        self.assertGreater(len(self.events), 25)

    def test_it_refuses_a_payload_without_one_of_its_fields(self):
        for place, event in self.events:
            for path in places(event):
                if not is_optional(event, path):
                    self.assert_refused(changed(event, path, lambda parent, key: parent.pop(key)), f"{place} without {path}")

    def test_it_refuses_a_field_of_another_type(self):
        for place, event in self.events:
            for path in places(event):
                for value in ({"unexpected": 1}, [[]], "true" if path[-1] == "live" else True):
                    if self.is_right(event, path, value):
                        continue
                    other = changed(event, path, lambda parent, key, value=value: parent.update({key: value}))
                    self.assert_refused(other, f"{place} with {path} = {value}")

    def is_right(self, event, path, value):
        """Returns true for a mark, for the title of an object, whose column may have any type, and for columns of the site's own."""
        if isinstance(value, dict):
            return path == ("data", "fields") or (path == ("data", "previous") and not event["subject"].startswith("page/"))
        is_object = schemas.definition(self.schema, event) == "ObjectEvent"
        return value is True and (path == ("replayed",) or (path == ("data", "title") and is_object))

    def test_it_refuses_a_renamed_field_and_the_check_refuses_a_new_one(self):
        lenient = Draft202012Validator(self.schema)
        for place, event in self.events:
            for path in places(event):
                renamed = changed(event, path, lambda parent, key: parent.update({f"{key}_renamed": parent.pop(key)}))
                self.assert_refused(renamed, f"{place} with {path} renamed")
                further = changed(event, path, lambda parent, key: parent.update({f"{key}_new": 1}))
                self.assert_refused(further, f"{place} with a field beside {path}")
                self.assertTrue(lenient.is_valid(further), f"a receiver lets a new field beside {path} of {place} pass")

    def test_it_refuses_another_type_and_an_event_that_belongs_elsewhere(self):
        types = ["page.published", "wagtail.page.live", "wagtail.page", "wagtail.image.published", "site.released", "subscriber.on"]
        for place, event in self.events:
            for kind in types:
                self.assert_refused({**event, "type": kind}, f"{place} with the type {kind}")
            self.assert_refused({**event, "subject": "blog.author/4x", "partitionkey": "page/4"}, f"{place} with another subject")
            self.assert_refused({**event, "sequence": event["sequence"].lstrip("0") + "a"}, f"{place} with a sequence of letters")

    def test_a_model_that_is_called_image_is_told_apart_from_images(self):
        author = next(event for _, event in self.events if event["type"] == "wagtail.author.updated")
        for kind in ("wagtail.blog.image.updated", "wagtail.blog.page.created", "wagtail.site.updated", "wagtail.redirect.deleted"):
            self.assertIsNone(schemas.problem(self.schema, {**author, "type": kind}), kind)
            self.assertEqual(schemas.definition(self.schema, {"type": kind}), "ObjectEvent")
        for kind in ("wagtail.image.updated", "wagtail.page.updated", "wagtail.author.published", "wagtail.a.b.c.updated"):
            self.assert_refused({**author, "type": kind}, kind)

    def test_missing_and_cut_values_are_allowed_only_where_the_event_says_so(self):
        page = next(event for _, event in self.events if event["type"] == "wagtail.page.updated")
        data = {**page["data"], "title": None}
        self.assert_refused({**page, "data": data}, "a page without a title")
        self.assertIsNone(schemas.problem(self.schema, {**page, "data": {**data, "incomplete": True}}))
        image = next(event for _, event in self.events if event["type"] == "wagtail.image.updated")
        data = {key: value for key, value in image["data"].items() if key != "fields"}
        self.assert_refused({**image, "data": data}, "an image without fields")
        self.assertIsNone(schemas.problem(self.schema, {**image, "data": {**data, "truncated": True}}))

    def test_private_pages_name_their_groups(self):
        page = next(event for _, event in self.events if event["type"] == "wagtail.page.unpublished")
        data = {**page["data"], "visible_to": "groups", "groups": ["Staff"], "previous": {"visible_to": "public"}}
        self.assertIsNone(schemas.problem(self.schema, {**page, "data": data}))
        for wrong in ({"visible_to": "staff"}, {"groups": "Staff"}, {"groups": [1]}, {"urls": None}, {"urls": [None]}):
            self.assert_refused({**page, "data": {**data, **wrong}}, wrong)


class TheDocuments(unittest.TestCase):
    """What is made from the schema says when the schema is another one."""

    def setUp(self):
        self.schema = schemas.load()
        self.events = documented()

    def written(self, schema, directory):
        path = Path(directory) / "events.schema.json"
        path.write_text(json.dumps(schema))
        return path

    def test_asyncapi_describes_each_payload_and_no_other(self):
        self.assertEqual(list(asyncapi(self.schema, self.events)), [])
        broken = [(place, {**event, "sequence": 1}) for place, event in self.events]
        self.assertEqual(len(list(asyncapi(self.schema, broken))), len(self.events))
        self.assertEqual(len(list(asyncapi(self.schema, self.events[:1]))), 7)

    def test_asyncapi_s_parser_finds_a_fault_of_the_document(self):
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(schemas.PATH, directory)
            text = (schemas.PATH.parent / "asyncapi.yaml").read_text()
            for right, wrong in (("action: send", "action: shout"), ("#/$defs/PageEvent", "#/$defs/PagEvent")):
                document = Path(directory) / "asyncapi.yaml"
                self.assertIn(right, text)
                document.write_text(text.replace(right, wrong))
                self.assertTrue(any("(" in line for line in asyncapi(self.schema, self.events, document)), wrong)

    def test_a_changed_schema_makes_the_committed_types_outdated(self):
        self.schema["$defs"]["PageData"]["properties"]["url"]["type"] = "string"
        with tempfile.TemporaryDirectory() as directory:
            said = list(generated.outdated(self.written(self.schema, directory)))
        self.assertEqual(["docs/types/events.ts" in line or "docs/types/events.py" in line for line in said], [True, True])

    def test_types_without_a_field_break_the_examples_and_the_payloads(self):
        del self.schema["$defs"]["PageData"]["properties"]["urls"]
        self.schema["$defs"]["PageData"]["required"].remove("urls")
        with tempfile.TemporaryDirectory() as directory:
            for name, text in generated.generate(self.written(self.schema, directory)).items():
                (Path(directory) / name).write_text(text)
            for name in ("receiver.ts", "receiver.py"):
                shutil.copy(generated.TYPES / name, directory)
            typescript, python = receivers.problems(schemas.load(), self.events, Path(directory))
        for said, language in ((typescript, "ts"), (python, "py")):
            self.assertIn(f"receiver.{language}", said)
            self.assertIn(f"payloads.{language}", said)
            self.assertIn("urls", said)

    def test_an_example_that_forgets_a_type_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            for path in generated.TYPES.iterdir():
                text = path.read_text() if path.is_file() else ""
                if path.name == "receiver.ts":
                    text = text.replace('      case "wagtail.page.unpublished":\n', "")
                (Path(directory) / path.name).write_text(text)
            said = list(receivers.problems(self.schema, self.events, Path(directory)))
        self.assertTrue(any("wagtail.page.unpublished" in line for line in said), said)


if __name__ == "__main__":
    unittest.main()
