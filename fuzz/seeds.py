"""Writes the seeds and the dictionary of a fuzz target from the project's own examples: seeds.py TARGET DIRECTORY

The seeds are in DIRECTORY/seeds, one file each, and the dictionary is DIRECTORY/dictionary. What the fuzzer finds is elsewhere.
"""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail_web@wagtail:[77]:"
RING = 'wagrun doorbell {"xid":"901"} by log'
URLS = [
    "https://hooks.example.org/in", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/${data.id}", "https://169.254.169.254/a?b=${type}",
    "https://example.org${data.url|path}", "https://example.org/purge?path=${data.url|path}&host=${data.url|host}",
    "https://example.org/a/${subject}/b?x=${data.title|slack}#y", "https://127。0。0。1/", "https://localhost./", "https://2130706433/",
]
ADDRESSES = "8.8.8.8 127.0.0.1 10.1.2.3 169.254.169.254 100.64.0.1 198.18.0.1 ::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:7f00:1:: 2001:0:1::1 fd00::1 2600:1f18::1"
TOKENS = ["$serde_json::private::Number", "$serde_json::private::RawValue", "${...", "|path}", "|host}", "|slack}", "$${", "deep", "long"]


def main(target, directory):
    seeds = list(SEEDS[target]())
    folder = Path(directory) / "seeds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for seed in seeds:
        seed = seed if isinstance(seed, bytes) else seed.encode()
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = set(TOKENS)
    for seed in seeds:
        text = seed.decode(errors="replace") if isinstance(seed, bytes) else seed
        words.update(re.findall(r'"([^"\\\n]{1,50})"', text))
        words.update(re.findall(r"\$\{[^}\n]{1,50}\}", text))
    (Path(directory) / "dictionary").write_text("".join(f'"{escaped(word)}"\n' for word in sorted(words)))


def escaped(word):
    return "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '\\"' else f"\\x{byte:02x}" for byte in word.encode())


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def payloads():
    text = (ROOT / "docs/payloads.md").read_text()
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.S)]


def events():
    return [payload for payload in payloads() if isinstance(payload, dict) and "specversion" in payload]


def subscribers():
    cases = json.loads((ROOT / "shared/delivery/src/subscriber/parse/cases.json").read_text())
    examples = [json.loads(path.read_text()) for path in sorted((ROOT / "docs/examples").glob("*.json"))]
    return examples + [case["subscriber"] for case in cases]


def requests_in(*files):
    """JSON objects that stand in documents and tests, such as {"replay": …}."""
    found = set()
    for file in files:
        for match in re.finditer(r"\{\s*\"\w+[\w-]*\"\s*:", (ROOT / file).read_text()):
            try:
                value, _ = json.JSONDecoder().raw_decode((ROOT / file).read_text(), match.start())
            except json.JSONDecodeError:
                continue
            found.add(compact(value))
    return sorted(found)


def chosen(*groups):
    """Each group of seeds behind the byte that chooses its parser."""
    return [bytes([index]) + seed.encode() for index, group in enumerate(groups) for seed in group]


def lines_of_the_log():
    yield f"{PREFIX}LOG:  {RING}"
    yield f"{PREFIX}LOG:  {RING}\n{PREFIX}CONTEXT:  PL/pgSQL function wagrun.ring(text) line 7 at RAISE\n{PREFIX}STATEMENT:  COMMIT"
    yield f":[1]:LOG:  {RING}"
    yield f"x@y:[1]:LOG:  {RING}\n{PREFIX}LOG:  {RING}"
    yield f"a\n2026-11-21 21:46:46 UTC::@:[1]:LOG:  {RING}\n2026-11-21 21:46:46 UTC::"
    yield f"2026-11-21 21:46:46 UTC::@:[1]:LOG:  00000: {RING}"


def of_invocation():
    yield from requests_in("docs/runbook.md", "docs/events.md", "docs/subscribers.md", "functions/content-events/src/request/tests.rs",
                           "functions/content-events/src/invocation/tests.rs")
    yield from ('{"xid":"901"}', '{"sweep":true}', '{"retry":"all"}', '{"cancel":"019ae000-0000-7000-8000-000000000000"}',
                '{"replay":{"since":"2026-11-21T08:00:00Z","until":"2026-11-22T08:00:00Z","type":"wagtail.page.*","under":"/blog/"}}',
                '{"snapshot":{"subscriber":"search","types":["wagtail.page.*"],"content_types":["blog.*"],"under":"/blog/"}}',
                '{"count":{"replay":{"type":"wagtail.page.*"}},"wait":false}', '{"mark":"doctor-1"}',
                '{"progress":"019ae000-0000-7000-8000-000000000000"}', '{"snapshot":{"subscriber":"search"},"wait":false}',
                '{"match":{"types":["*"],"under":"/"}}', '{"awslogs":{"data":"H4sIAAAAAAAA"}}')


def of_payloads():
    cloudformation = compact({"RequestType": "Create", "RequestId": "r", "ResponseURL": "https://s3.example/", "StackId": "arn:s",
                              "LogicalResourceId": "Migration", "PhysicalResourceId": "p", "ResourceProperties": {"DomainName": "www.example.org"}})
    created = {"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "CreateLogGroup", "requestParameters": {"logGroupName": "/x"}}}
    parameter = compact({"detail-type": "Parameter Store Change", "source": "aws.ssm",
                         "detail": {"operation": "Update", "name": "/wagrun/subscribers/cdn", "type": "SecureString"}})
    return chosen(
        ['{"command":"migrate","deploy":"x@sha256:aa","capture":true}', '{"command":"plan"}', '{"command":"publish-scheduled"}', '["migrate",null,null]'],
        ['{"deploy":{"tag":"prod","digest":"sha256:aa"}}', '{"status":true}', '{"check":true}'],
        ["{}", '{"plan":true,"enforce":true,"deleteOrphans":true}', compact(created)],
        ['{"sweep":"backlogs","at_once":true}', '{"sweep":"subscribers"}'],
        [cloudformation],
        ['{"compare":"subscribers"}', '["subscribers"]', parameter],
    )


def of_release_message():
    events = requests_in("functions/release/src/message/tests.rs")
    ecr = compact({"version": "0", "detail-type": "ECR Image Action", "time": "2026-11-21T08:00:00Z", "resources": [], "detail": {
        "action-type": "PUSH", "result": "SUCCESS", "repository-name": "wagrun-site", "image-digest": "sha256:aa", "image-tag": "prod"}})
    migrated = compact({"detail-type": "Lambda Function Invocation Result - Success", "time": "2026-11-21T08:00:00Z", "detail": {
        "requestPayload": {"command": "migrate", "deploy": "sha256:aa"}, "requestContext": {"condition": "Success"},
        "responsePayload": {"applied_django": ["a.1"]}}})
    changed = compact({"detail-type": "AppRunner Service Operation Status Change", "time": "2026-11-21T08:00:00Z", "resources": [
        "arn:aws:apprunner:eu-central-1:123456789012:service/site/8fe1e10304f84fd2b0df550fe98a71fa"],
        "detail": {"operationStatus": "DEPLOYMENT_COMPLETED_SUCCESSFULLY"}})
    ecs = compact({"detail-type": "ECS Deployment State Change", "time": "2026-11-21T08:00:00Z", "detail": {"eventName": "SERVICE_DEPLOYMENT_COMPLETED"}})
    release = {"sequence": 7, "digest": "sha256:aa", "tag": "prod", "started_at": "2026-11-21T08:00:00Z", "phase": "deploying",
               "deployment_id": "o", "phase_started_at": "2026-11-21T08:00:00Z", "migrations_applied": 2}
    image = {"digest": "sha256:bb", "requested_at": "2026-11-21T08:00:00Z"}
    failure = {"sequence": 6, "digest": "sha256:cc", "phase": "migrating", "reason": "x", "failed_at": "2026-11-21T08:00:00Z"}
    state = {"sequence": 7, "current": release, "next": image, "newest_request": image, "last_failure": failure,
             "deployed": {"digest": "sha256:dd", "deployed_at": "2026-11-21T08:00:00Z"}}
    others = [{**release, "phase": "updating-migrate", "update_accepted": True}, {**release, "phase": "migrating", "attempts": 2}]
    return chosen(events + [ecr, migrated, changed, ecs, '{"deploy":{"tag":"prod"}}', '{"check":true}'],
                  [compact(state)] + [compact({"sequence": 7, "current": other}) for other in others])


def of_template():
    for subscriber in subscribers():
        if subscriber.get("target") == "webhook":
            for event in events()[:6]:
                yield f"{compact(subscriber)}\n{compact(event)}"
    for url in URLS:
        subscriber = {"target": "webhook", "url": url, "template": {"all": "${data}", "x": ["${...data.urls}", "${data.url|host}"]}}
        yield f"{compact(subscriber)}\n{compact(events()[0])}"
    repeated = {"target": "webhook", "url": "https://example.org/${each}", "for_each": ["${...data.urls|path}"], "per_request": 3, "template": "${each}"}
    for each in (repeated, {key: value for key, value in repeated.items() if key != "per_request"}):
        yield f"{compact(each)}\n{compact(events()[2])}"


def of_receiver_url():
    for url in URLS:
        yield f"{url}\n{ADDRESSES}\n{compact(events()[0]['data'])}"


def of_queue_message():
    plain = [compact(event) for event in events()]
    deliveries = [compact({"subscriber": "cdn", "event": event, "unfiltered": True}) for event in events()]
    recall = {"recall": {"subscriber": "cdn", "subject": "page/4"}, "turn": {"since": "2026-11-21T08:00:00Z", "number": 1, "of": 3}}
    record = {"since": "2026-11-21T08:00:00Z", "paced": True, "tried_since": "2026-11-21T08:00:00Z", "recalled_to": "page/4"}
    return chosen(plain, [*deliveries, compact(recall)], deliveries, [compact(record)])


def of_subscriber_directory():
    """Directories of one subscriber and of all, with every kind of entry."""
    def directory(entries, **fields):
        return compact({"format": 1, "path": "/wagrun/subscribers", "as_of": "2026-11-21T08:00:00Z",
                        "rules": {"schemes": "https_only", "max_attempts": 8}, "subscribers": entries, **fields})

    def entry(value, **fields):
        return {"version": 3, "changed_at": 1795248000000, "value": value, "is_usable": True, **fields}
    values = [compact(subscriber) for subscriber in subscribers()]
    unusable = {"is_usable": False, "in_force": {"version": 2, "value": values[0]}}
    yield directory({f"team/{number}": entry(value) for number, value in enumerate(values)})
    yield from (directory({"cdn": entry(value)}) for value in values[:20])
    yield directory({})
    yield directory({"cdn": entry("{}", **unusable), "x": entry('{"enabled":false}', is_usable=False), "y": entry("", is_usable=False)})
    yield directory({"cdn": entry(None, is_incomplete=True, **unusable), "x": entry(None, is_usable=False, is_incomplete=True)})
    yield directory({}, format=2)
    yield '{"format":2,"new":true}'


def of_discovery():
    table = {"table": "blog_author", "key_column": "id", "kind": "snippet", "model": "blog.author", "object": "blog.author", "root": None,
             "collection": None, "parents": [{"table": "a", "key_column": "id", "link_column": "b"}], "fields": {"a_id": "a"}, "withheld": ["b"],
             "ignored": ["c"], "owner_type": "content_type_id",
             "owners": {"9": {"object": "page", "kind": "page", "model": "wagtailcore.page", "collection": "tags"}}}
    patterns = {"is_i18n": True, "appends_slash": True, "serves_any_path": False, "prefixes": {"en": "/", "de": None}, "routes": [["/", "en"]],
                "default_language": "en", "default_prefixes": ["/", "/news/"], "own_urls": ["blog.shop"]}
    discovery = {"tables": [table], "schedules": [{"table": "wagtailcore_page", "due_column": "expire_at", "live_column": "live"}],
                 "url_patterns": patterns, "user": {"table": "auth_user", "key_column": "id", "name_column": "username"}, "has_superuser": True}
    plain = {**discovery, "url_patterns": {**patterns, "is_i18n": False, "serves_any_path": True, "appends_slash": False}}
    failure = {"action": "publish", "object": "blog.page/4", "revision": 7, "title": "x", "due": "2026-11-21T08:00:00Z", "table": "t", "key": "4", "reason": "x"}
    return chosen([compact(discovery), compact(plain)], [compact({"published": 1, "expired": 0, "failures": [failure]})])


def of_captured_change():
    page = {"id": 4, "title": "News", "slug": "news", "path": "000100010002", "url_path": "/home/news/", "live": True, "content_type": 9,
            "locale": 1, "latest_revision": 2, "live_revision": 2, "first_published_at": "2026-11-01T08:00:00+00:00"}
    author = {"id": 7, "name": "Ann", "bio": "long", "extra": {"a": [1, 2.50, None]}, "links": [{"title": "x", "meta": "deep"}]}
    for depth in (3, 120, 124, 126, 130):
        for before, after in ((page, {**page, "title": "Old"}), ({**author, "name": "Bob"}, author), (None, author), (author, None)):
            rows = "\n".join("" if row is None else compact(row) for row in (before, after))
            yield bytes([depth]) + rows.encode()
    for event in events():
        yield b"\x05" + f"\n{compact(event['data'])}".encode()


SEEDS = {
    "captured_change": of_captured_change,
    "discovery": of_discovery,
    "doorbells": lines_of_the_log,
    "invocation": of_invocation,
    "log_record": lambda: chosen(lines_of_the_log(), ['{"messageType":"DATA_MESSAGE","logEvents":[]}'], ["\x1f"]),
    "payloads": of_payloads,
    "queue_message": of_queue_message,
    "receiver_url": of_receiver_url,
    "release_message": of_release_message,
    "subscriber": lambda: map(compact, subscribers()),
    "subscriber_directory": of_subscriber_directory,
    "template": of_template,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
