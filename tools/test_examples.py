"""Checks the requests of docs/examples against the documentation of the services that they are for: tools/test_examples.py.

A test of shared/delivery renders the examples for several events, and compares the requests with rendered.json. services.json has
the documented form of the requests, written from the documents that it names. Runs with .local/venv/contract.
"""

import copy
import json
import re
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from contract.generated import NODE, run
from contract.payloads import ROOT
from contract.receivers import TSC

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
# The parts of Next.js and Node.js that the route uses.
NEXT_TYPES = """
declare module "next/cache" { export function revalidatePath(path: string): void }
declare const process: { env: Record<string, string | undefined> };
"""
NEXT = """
export const paths = [];
export const revalidatePath = (path) => paths.push(path);
"""
CALL = """
import { readFileSync } from "node:fs";
import { paths } from "next/cache";
import { POST } from "./route.js";
const statuses = [];
for (const { url, method, headers, body } of JSON.parse(readFileSync(0, "utf8"))) {
  const answer = await POST(new Request(url, { method, headers, body: JSON.stringify(body) }));
  statuses.push(answer.status);
}
console.log(JSON.stringify({ statuses, paths }));
"""
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

    def test_the_route_for_next_js_revalidates_the_paths_for_the_right_token_only(self):
        document = (ROOT / "docs/subscribers.md").read_text()
        code = document.partition("### A route for Next.js")[2].partition("```ts\n")[2].partition("```")[0]
        (request,) = RENDERED["vercel-revalidate"][MOVED]
        forged = {**request, "headers": {"authorization": "Bearer x"}}
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            (folder / "node_modules/next").mkdir(parents=True)
            (folder / "node_modules/next/package.json").write_text('{"type": "module", "exports": {"./cache": "./cache.js"}}')
            (folder / "node_modules/next/cache.js").write_text(NEXT)
            (folder / "package.json").write_text('{"type": "module"}')
            (folder / "next.d.ts").write_text(NEXT_TYPES)
            (folder / "route.ts").write_text(code)
            (folder / "call.js").write_text(CALL)
            options = ["--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"]
            run([NODE, TSC, *options, "next.d.ts", "route.ts"], cwd=folder)
            token = request["headers"]["authorization"].removeprefix("Bearer ")
            said = run([NODE, "call.js"], cwd=folder, input=json.dumps([request, forged]), env={"REVALIDATE_TOKEN": token})
        self.assertEqual(json.loads(said), {"statuses": [204, 401], "paths": request["body"]["paths"]})


if __name__ == "__main__":
    unittest.main()
