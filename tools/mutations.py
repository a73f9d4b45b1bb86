#!/usr/bin/env python3
"""Takes out one safeguard after the other, and runs the short form of `make faults` each time: tools/mutations.py [NAME...]

Each change is made in a copy of this checkout, so the checkout itself stays as it is. A change that no test notices is a failure of
this program. The report goes to docs/reliability.md by hand.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / ".local/mutations"
# The short form of `make faults`.
TESTS = ["faults::everything_committed", "faults::without_a_schedule"]
# Longer than the tests wait for anything to come to rest.
TIMEOUT = 900


@dataclass
class Mutation:
    """A line that keeps a promise, and the line without it."""

    name: str
    file: str
    line: str
    without: str
    # The same of another file, where only both together are a mutation.
    also: tuple[str, str, str] | None = None

    def edited(self):
        """Returns the new text of each file that the mutation changes."""
        texts = {}
        for file, line, without in filter(None, [(self.file, self.line, self.without), self.also]):
            text = (ROOT / file).read_text()
            if text.count(line) != 1:
                sys.exit(f"{self.name}: {file} has {text.count(line)} times: {line}")
            texts[file] = text.replace(line, without)
        return texts


CONTENT_EVENTS = "functions/content-events/src"
DELIVER = "functions/deliver/src"
OUTBOX = "shared/database/src/outbox"

MUTATIONS = [
    # Each of the two alone makes up for the other, as long as nothing is killed.
    Mutation(
        "no look after the unlock, and nobody stands by",
        f"{CONTENT_EVENTS}/live_events.rs",
        "LockedWorkEnd::Done if look.is_pending => {}",
        "LockedWorkEnd::Done if look.is_pending && false => {}",
        also=(
            f"{CONTENT_EVENTS}/drain_lock.rs",
            "while !outbox::try_lock(connection, Lock::NextDrainer).await? {",
            "if stop_at > Instant::now() { return Ok(LockResult::AnotherStandsBy); } "
            "while !outbox::try_lock(connection, Lock::NextDrainer).await? {",
        ),
    ),
    Mutation(
        "no wait for the commit that rang",
        f"{CONTENT_EVENTS}/drain.rs",
        "OpenTransactions::new(invocation, context.stop_at)",
        "OpenTransactions::new(&Invocation::Sweep, context.stop_at)",
    ),
    Mutation(
        "several events of an object in flight",
        f"{CONTENT_EVENTS}/publish/lanes.rs",
        "batch.push(outgoing);",
        "batch.push(outgoing); self.ready.push_back(object);",
    ),
    Mutation(
        "a refused event does not hold back its object",
        f"{CONTENT_EVENTS}/run_state.rs",
        "self.refused_objects.insert(refusal.object.clone());",
        "",
    ),
    Mutation(
        "an event has a new id each time it is published",
        f"{CONTENT_EVENTS}/compose.rs",
        "id: change.id,",
        "id: uuid::Uuid::new_v4(),",
    ),
    Mutation(
        "a message group for each event of an object",
        f"{CONTENT_EVENTS}/publish/topic.rs",
        ".message_group_id(fifo_id(&event.subject))",
        ".message_group_id(event.id.to_string())",
    ),
    Mutation(
        "events that were refused are settled",
        f"{CONTENT_EVENTS}/batch.rs",
        "state.unsettled.extend(results.sequences);",
        "state.unsettled.extend(results.sequences); "
        "state.unsettled.extend(results.refusals.iter().map(|one| one.sequence));",
    ),
    Mutation(
        "two drainers at once",
        f"{OUTBOX}/lock.rs",
        ".bind(lock as i64)\n        .fetch_one(connection)\n        .await\n}",
        ".bind(i64::from(std::process::id()))\n        .fetch_one(connection)\n        .await\n}",
    ),
    Mutation(
        "a transaction has the place of its first change",
        f"{OUTBOX}/claim.sql",
        "max(position) over (partition by xid, began_at) as place",
        "min(position) over (partition by xid, began_at) as place",
    ),
    Mutation(
        "a pass takes what is committed while it lasts",
        f"{OUTBOX}/claim.sql",
        "select coalesce($4::pg_snapshot, pg_current_snapshot()) as pass_snapshot",
        "select case when $4::pg_snapshot is null then pg_current_snapshot() else pg_current_snapshot() end as pass_snapshot",
    ),
    Mutation(
        "transactions are claimed in parts",
        f"{OUTBOX}/claim.sql",
        "where $3 or is_whole or changes < $2",
        "where $3 or is_whole or true",
    ),
    Mutation(
        "a refused delivery is not noticed",
        "shared/delivery/src/queue.rs",
        "if answer.successful.iter().any(|entry| entry.id == id) {",
        "if answer.successful.iter().any(|entry| entry.id == id) || !answer.failed.is_empty() {",
    ),
    Mutation(
        "a failed message does not hold back its group",
        "shared/delivery/src/partial_batch.rs",
        "failed_groups.extend(group);",
        "failed_groups.extend(group.filter(|_| false));",
    ),
    Mutation(
        "a failed attempt removes its message",
        f"{DELIVER}/delivery/run.rs",
        "NextStep::Retry => Err(failed.retained),",
        "NextStep::Retry => Ok(()),",
    ),
    Mutation(
        "a delivery overtakes what is set aside of its lane",
        f"{DELIVER}/delivery/decide.rs",
        "Some(_) if facts.lane_is_set_aside =>",
        "Some(_) if facts.lane_is_set_aside && false =>",
    ),
    Mutation(
        "a delivery is removed from the bucket before it is sent",
        f"{DELIVER}/backlog/resend_lane.rs",
        "match send(&oldest).await {",
        "backlogs.bucket.remove(&oldest.key).await?; match send(&oldest).await {",
    ),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of the mutations; all without one")
    parser.add_argument("--check", action="store_true", help="only look whether each line is still in the code")
    arguments = parser.parse_args()
    chosen = [one for one in MUTATIONS if not arguments.names or any(name in one.name for name in arguments.names)]
    for one in chosen:
        one.edited()
    if arguments.check:
        return
    prepare()
    not_caught = []
    for one in chosen:
        began = time.monotonic()
        verdict = try_out(one)
        print(f"{verdict:9} {time.monotonic() - began:5.0f} s  {one.name}", flush=True)
        if verdict != "caught":
            not_caught.append(one.name)
    print(f"{len(chosen) - len(not_caught)} of {len(chosen)} caught")
    if not_caught:
        sys.exit(f"not caught: {', '.join(not_caught)}")


def prepare():
    """Makes COPY a copy of the last commit and of what is changed since, with the installed tools of this checkout."""
    if not COPY.exists():
        run("git", "clone", "--quiet", "--no-checkout", ROOT, COPY)
    run("git", "fetch", "--quiet", ROOT, "HEAD", directory=COPY)
    run("git", "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD", directory=COPY)
    patch = subprocess.run(["git", "diff", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    if patch:
        subprocess.run(["git", "apply"], cwd=COPY, input=patch, check=True)
    tools = COPY / ".local"
    if not tools.exists():
        tools.symlink_to(ROOT / ".local")


def try_out(mutation):
    edited = mutation.edited()
    originals = {COPY / file: (COPY / file).read_text() for file in edited}
    try:
        for file, text in edited.items():
            (COPY / file).write_text(text)
        command = ["cargo", "test", "--workspace", "--locked", "--test", "e2e"]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(COPY / "target"), "CARGO_INCREMENTAL": "0"}
        built = subprocess.run([*command, "--no-run"], cwd=COPY, env=environment, capture_output=True, text=True)
        if built.returncode != 0:
            print(built.stderr, file=sys.stderr)
            return "broken"
        return tested([*command, "--", "--nocapture", *TESTS], environment, mutation)
    finally:
        for path, original in originals.items():
            path.write_text(original)


def tested(command, environment, mutation):
    log = COPY / f"{mutation.name.replace(' ', '-')}.log"
    with open(log, "w") as output:
        test = subprocess.Popen(
            command, cwd=COPY, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            return "caught" if test.wait(TIMEOUT) != 0 else "survived"
        except subprocess.TimeoutExpired:
            os.killpg(test.pid, signal.SIGKILL)
            return "hung"


def run(*command, directory=ROOT):
    subprocess.run(command, cwd=directory, check=True)


if __name__ == "__main__":
    main()
