"""Checks the requests of docs/examples against the documentation of the services that they are for: tools/test_examples.py.

A test of shared/delivery renders the examples for several events, and compares the requests with rendered.json. services.json has
the documented form of the requests, written from the documents that it names. Runs with .local/venv/contract.
"""

import copy
import json
import re
import unittest
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from contract.payloads import ROOT

RENDERED = json.loads((ROOT / "shared/delivery/src/subscriber/parse/rendered.json").read_text())
SERVICES = json.loads((ROOT / "tools/contract/services.json").read_text())
MOVED = "moved, with two addresses before and after"
NOWHERE = "deleted, which no site served"
MANY = "unpublished, on thirty-one sites"
ADDRESSES = {
    "https://www.example.org/fish/",
    "https://fisch.example.org:8443/z%C3%BCrich/",
    "https://www.example.org/old/",
    "https://fisch.example.org:8443/old/",
}
INDEXES = ("algolia", "meilisearch", "typesense")
SHOWN = ("published", MOVED)


def problem(service, request):
    """Returns the way in which a request is not what the service documents."""
    alike = [form for form in service["requests"] if form["method"] == request["method"] and re.fullmatch(form["url"], request["url"])]
    if len(alike) != 1:
        return f"{len(alike)} documented requests are {request['method']} {request['url']}"
    for name, pattern in service["headers"].items():
        if not re.search(pattern, request["headers"].get(name, "")):
            return f"header {name}"
    error = next(Draft202012Validator(alike[0]["body"]).iter_errors(request["body"]), None)
    return error and f"body: {error.message}"


class TheExamples(unittest.TestCase):
    def test_each_request_is_one_that_the_service_documents(self):
        self.assertEqual(set(RENDERED), set(SERVICES))
        for name, events in RENDERED.items():
            for event, requests in events.items():
                for request in requests:
                    self.assertIsNone(problem(SERVICES[name], request), f"{name}: {event}")

    def test_another_request_is_refused(self):
        for name, events in RENDERED.items():
            request = events[MOVED][0]
            for change in (
                {"method": "GET"},
                {"url": request["url"].replace("https:", "http:")},
                {"body": [1]},
                *({"headers": {}} for _ in SERVICES[name]["headers"]),
            ):
                self.assertIsNotNone(problem(SERVICES[name], {**copy.deepcopy(request), **change}), f"{name}: {change}")

    def test_a_move_purges_every_address_of_before_and_after_once(self):
        found = {
            "cloudflare": [url for request in RENDERED["cloudflare"][MOVED] for url in request["body"]["files"]],
            "fastly": [f"https://{request['url'].partition('/purge/')[2]}" for request in RENDERED["fastly"][MOVED]],
        }
        for name, urls in found.items():
            self.assertEqual((len(urls), set(urls)), (len(ADDRESSES), ADDRESSES), name)
        paths = [path for request in RENDERED["vercel-revalidate"][MOVED] for path in request["body"]["paths"]]
        self.assertEqual(sorted(paths), sorted({urlsplit(url).path for url in ADDRESSES}))

    def test_a_page_without_an_address_purges_nothing(self):
        for name in ("cloudflare", "fastly", "vercel-revalidate"):
            self.assertEqual(RENDERED[name][NOWHERE], [], name)

    def test_many_addresses_are_several_calls(self):
        self.assertEqual([len(request["body"]["files"]) for request in RENDERED["cloudflare"][MANY]], [30, 1])
        self.assertEqual(len(RENDERED["fastly"][MANY]), 31)

    def test_an_index_has_the_pages_that_the_public_sees_and_no_other(self):
        for name in INDEXES:
            for event, requests in RENDERED[name].items():
                (request,) = requests
                self.assertEqual(request["method"] == "DELETE", event not in SHOWN, f"{name}: {event}")

    def test_a_hook_is_called_once_for_each_event(self):
        for name in ("vercel", "cloudflare-pages", "fastly-key"):
            self.assertTrue(all(len(requests) == 1 for requests in RENDERED[name].values()), name)


if __name__ == "__main__":
    unittest.main()
