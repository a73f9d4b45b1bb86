#!/usr/bin/env python3
"""Computes the tables of docs/costs.md from prices and assumptions.

    tools/costs.py            prints the tables
    tools/costs.py --write    puts them into docs/costs.md, between its markers
    tools/costs.py --check    fails when docs/costs.md has other tables than these, or README.md other figures

Prices are list prices of us-east-1 in US dollars, before tax and discounts. A month has 730 hours.
Evidence: H is AWS's own text, read verbatim; M is a secondary source; L is an inference or memory.
"""

import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).resolve().parent.parent / "README.md"
DOCUMENT = README.parent / "docs/costs.md"
BEGIN = "<!-- tables: written by tools/costs.py --write -->"
END = "<!-- end of tables -->"

HOURS = 730
DAYS = HOURS / 24
MILLION = 1e6
GB = 1e9


# ---------------------------------------------------------------- prices


@dataclass(frozen=True)
class Price:
    dollars: float
    unit: str
    evidence: str
    source: str
    free: float = 0  # what an account has free every month, in the unit that `charge` is given


PRICES = {
    "acu": Price(0.12, "ACU-hour", "H", "aws/agent-toolkit-for-aws, Aurora sizing; $0.14 in eu-west-1 and eu-central-1"),
    "storage": Price(0.10, "GB-month, Aurora Standard", "H", "the same"),
    "backup": Price(0.021, "GB-month of backups beyond the database's own size", "H", "the same"),
    "io": Price(0.20, "million I/O requests, Aurora Standard", "H", "the same"),
    "apprunner_memory": Price(0.007, "GB-hour, provisioned or active", "H", "aws.amazon.com/apprunner/pricing"),
    "apprunner_cpu": Price(0.064, "vCPU-hour, active", "H", "aws.amazon.com/apprunner/pricing"),
    "fargate_cpu": Price(0.04048, "vCPU-hour, x86", "M", "vantage.sh, wring.co, cloudburn.io (2026)"),
    "fargate_memory": Price(0.004445, "GB-hour, x86", "M", "the same"),
    "alb": Price(0.0225, "hour of a load balancer", "M", "aws.amazon.com/elasticloadbalancing/pricing, as quoted 2026-09-20"),
    "lcu": Price(0.008, "LCU-hour", "M", "the same"),
    "ipv4": Price(0.005, "hour of a public IPv4 address", "H", "EC2 user guide, instance addressing"),
    "endpoint": Price(0.01, "hour of an interface endpoint in one zone", "M", "awsnegotiations.com (2026-05)"),
    "endpoint_data": Price(0.01, "GB through it", "H", "aws.amazon.com/privatelink/pricing"),
    "lambda_request": Price(0.20, "million requests", "M", "aws.amazon.com/lambda/pricing, as quoted 2026-09-20", 1),
    "lambda_arm": Price(0.0000133334, "GB-second, arm64", "M", "price tables of artillery 2.0.28 and others; x86_64 is $0.0000166667", 400_000),
    "sns_publish": Price(0.30, "million publish requests, FIFO", "M", "factualminds.com (2026-06)"),
    "sns_publish_data": Price(0.017, "GB published, FIFO", "L", "memory of aws.amazon.com/sns/pricing"),
    "sns_delivery": Price(0.01, "million deliveries, FIFO", "L", "the same"),
    "sns_delivery_data": Price(0.001, "GB delivered, FIFO", "L", "the same"),
    "sqs": Price(0.50, "million requests of 64 KB, FIFO", "M", "cloudburn.io (2026-03), factualminds.com (2026-06)", 1),
    "logs": Price(0.50, "GB of logs taken in", "M", "fortem.dev, factualminds.com (2026-06); 5 GB free: aws.amazon.com/cloudwatch/pricing", 5),
    "logs_kept": Price(0.03, "GB-month of logs kept", "L", "memory; billed compressed, counted here uncompressed"),
    "alarm": Price(0.10, "alarm on one metric, a month", "M", "c3x.dev; 10 free: aws.amazon.com/cloudwatch/pricing", 10),
    "metric": Price(0.30, "custom metric, a month, for the hours in which it has values", "M", "vantage.sh, c3x.dev; by the hour: aws.amazon.com/cloudwatch/pricing, as often quoted; 10 free: hub.pointfive.co", 10),
    "metric_read": Price(0.01, "1 000 requests for metrics", "L", "memory of aws.amazon.com/cloudwatch/pricing, with its first million free", 1_000),
    "dashboard": Price(3.00, "dashboard, a month", "M", "factualminds.com (2026-06); 3 free: aws.amazon.com/cloudwatch/pricing", 3),
    "kms": Price(0.03, "10 000 requests", "M", "wring.co, factualminds.com (2026); 20 000 free: aws.amazon.com/kms/pricing", 2),
    "s3": Price(0.023, "GB-month, S3 Standard", "M", "cloudburn.io (2026-03)"),
    "s3_put": Price(0.005, "1 000 PUT requests", "L", "memory of aws.amazon.com/s3/pricing"),
    "s3_get": Price(0.0004, "1 000 GET requests", "L", "the same"),
    "ecr": Price(0.10, "GB-month of images", "M", "cloudburn.io, wring.co (2026-03)"),
    "scheduler": Price(1.00, "million invocations", "M", "cloudburn.io (2026-03); 14 million free", 14),
    "out": Price(0.09, "GB to the internet", "M", "cloudburn.io, wring.co (2026-03); the free 100 GB from memory", 100),
    "nat": Price(0.045, "hour of a NAT gateway", "H", "aws.amazon.com/vpc/pricing, and $0.045 a GB"),
    "proxy": Price(0.015, "ACU-hour of an RDS Proxy, at least 8 ACU", "M", "blog.serverworks.co.jp (2024-06) for the minimum; the rate from memory"),
    "t3_medium": Price(0.082, "hour of db.t3.medium, Aurora", "M", "aws/agent-toolkit-for-aws (2026-03), infracost"),
    "secret": Price(0.40, "secret, a month", "L", "memory of aws.amazon.com/secrets-manager/pricing"),
}


# ---------------------------------------------------------------- assumptions

# One edit is one page published in the admin: drafts, an autosave or two, and the publication are commits of their own.
# A commit is one event and one ring.
EVENTS_PER_EDIT = 4
EVENT_GB = 2e3 / GB
SUBSCRIBERS = 2  # each takes every event
DELIVERY_OUT_GB = 4e3 / GB  # the event, headers, and TLS

# Billed time of one invocation, seconds; not measured on AWS.
CONTENT_EVENTS_SECONDS = 0.3
FAN_OUT_SECONDS = 0.05
DELIVER_SECONDS = 0.4  # most of it the receiver's
FUNCTION_GB = 0.25
CACHE_SECONDS = 30  # SubscriberCacheSeconds

# Lambda polls a queue with five pollers, each asking every 20 seconds, whether anything comes or not.
QUEUES_POLLED = 2
POLLERS = 5
POLLS_PER_HOUR = 3600 / 20

ALARMS = 17  # with Aurora; without a web service, releases and a night
WEB_ALARMS = 1
# The age of the oldest pending event and the number of those set apart; deliveries and their duration, for each subscriber
# and outcome, of which all is well has one. An hour begun is an hour.
METRICS = 2 + 2 * SUBSCRIBERS
SWEEPS_PER_HOUR = 1
READS_PER_SWEEP = 4  # capacity, looks, wakes; and the week's looks where a day had none
# deliver looks after what is set aside, nearly always nothing: one list of a bucket, which S3 prices as it does a PUT.
LOOKS_PER_HOUR = 12
LOOK_SECONDS = 0.1
# log-retention looks once a day. Its calls to CloudWatch Logs are free.
RETENTION_SECONDS = 3

# Log lines of the functions: two of content-events and one each of fan-out and of every delivery; metrics are lines too,
# one of content-events and one of every delivery.
LINE_GB = 400 / GB
LINES_PER_EVENT = 3 + 1 + 2 * SUBSCRIBERS
DATABASE_LOG_GB_PER_HOUR = 1e6 / GB  # while awake
DOORBELL_LINE_GB = 250 / GB
RING_GB = 4e3 / GB  # request and answer, with TLS

RESUME_HOURS = 15 / 3600
PAUSE_HOURS = 300 / 3600  # SecondsUntilAutoPause
CONTENT_GB = 1
HISTORY_DAYS = 30
ROW_GB = 2e3 / GB
IO_PER_COMMIT = 20
IO_PER_RESUME = 5_000  # an empty cache

# Seven days (BackupRetentionDays) of a database that hardly changes: one size is free, about one more is not.
BACKUP_SIZES = 1

MEDIA_GB = 2
UPLOADS_PER_EDIT = 0.2
MEDIA_READS_PER_EDIT = 2
IMAGES_GB = 1

WEB_VCPU = 0.5  # WebSize
WEB_GB = 1  # WebSize
UTILISATION = 0.5


@dataclass(frozen=True)
class Volume:
    """A day. Visitors are not in it: each one who is not answered from a cache wakes the database."""

    name: str
    edits: float
    sessions: float  # times a day that the database wakes
    session_hours: float  # from the first request to the last
    acu: float  # on average while awake
    requests_per_edit: float = 20
    request_gb: float = 30e3 / GB
    vcpu_seconds_per_edit: float = 1.0
    functions: int = 2  # running copies of fan-out and deliver that read the subscribers
    swept: float = 0  # times a day that a sweep wakes the database, because of others or because a week is over

    @property
    def busy_hours(self) -> float:
        return self.sessions * self.session_hours

    @property
    def awake_hours(self) -> float:
        awake = self.sessions * (RESUME_HOURS + self.session_hours + PAUSE_HOURS)
        return min(24, awake + self.swept * (RESUME_HOURS + PAUSE_HOURS))

    @property
    def hours_with_events(self) -> float:
        return min(24, self.sessions * (self.session_hours + 1))

    @property
    def events(self) -> float:
        return self.edits * EVENTS_PER_EDIT


ASLEEP = Volume("asleep", 0, 0, 0, 2, swept=1 / 7)
VOLUMES = [
    ASLEEP,
    Volume("10 edits a day", 10, 2, 0.5, 2, swept=1),
    Volume("1 000 edits a day", 1_000, 1, 10, 2, functions=3, swept=1),
    # No people: a program, around the clock, whose requests are few and small.
    Volume("100 000 edits a day", 100_000, 1, 24, 4, requests_per_edit=2, request_gb=5e3 / GB,
           vcpu_seconds_per_edit=0.15, functions=8),
]
PLATFORMS = ["AppRunner", "EcsExpress", "None"]
DOORBELLS = ["LambdaEndpoint", "PublicAddress", "Logs"]


# ---------------------------------------------------------------- the bill


class Charge(NamedTuple):
    listed: float
    net: float  # after what is free every month
    worked: str  # how the latter comes about


@dataclass(frozen=True)
class Line:
    label: str
    listed: float
    net: float
    worked: str


def charge(*parts: tuple[str, float]) -> Charge:
    """Dollars of these quantities a month, and the same after the free allowances."""
    listed = sum(PRICES[name].dollars * quantity for name, quantity in parts)
    net = sum(PRICES[name].dollars * max(0, quantity - PRICES[name].free) for name, quantity in parts)
    return Charge(listed, net, " + ".join(term(PRICES[name], quantity) for name, quantity in parts if quantity))


def paid_in_full(name: str, quantity: float) -> Charge:
    """Where another line has used the allowance up already."""
    dollars = PRICES[name].dollars * quantity
    return Charge(dollars, dollars, f"{number(quantity)} × {exact(PRICES[name].dollars)}" if quantity else "")


def term(price: Price, quantity: float) -> str:
    if not price.free:
        return f"{number(quantity)} × {exact(price.dollars)}"
    if quantity <= price.free:
        return f"0 ({number(quantity)} of {number(price.free)} free)"
    return f"({number(quantity)} − {number(price.free)} free) × {exact(price.dollars)}"


def web(platform: str, day: Volume) -> Charge:
    if platform == "None":
        return charge()
    # Secrets Manager's, where SecretKeyParameter is empty.
    kept = [
        ("secret", 1),
        ("s3", MEDIA_GB),
        ("s3_put", day.edits * DAYS * UPLOADS_PER_EDIT / 1000),
        ("s3_get", day.edits * DAYS * MEDIA_READS_PER_EDIT / 1000),
    ]
    vcpu_hours = day.edits * day.vcpu_seconds_per_edit / UTILISATION / 3600
    instances = max(1, ceil(vcpu_hours / (max(day.busy_hours, 1) * WEB_VCPU)))
    if platform == "AppRunner":
        # Memory is paid around the clock for the one provisioned instance, processors while requests come.
        return charge(
            ("apprunner_memory", HOURS * WEB_GB + (instances - 1) * WEB_GB * day.busy_hours * DAYS),
            ("apprunner_cpu", instances * WEB_VCPU * day.busy_hours * DAYS),
            *kept,
        )
    # ECS Express: an internet-facing load balancer in two zones, and tasks with an address each.
    return charge(
        ("alb", HOURS),
        ("lcu", day.edits * day.requests_per_edit * day.request_gb * DAYS),
        ("ipv4", (2 + instances) * HOURS),
        ("fargate_cpu", instances * WEB_VCPU * HOURS),
        ("fargate_memory", instances * WEB_GB * HOURS),
        *kept,
    )


def ring(doorbell: str, day: Volume) -> Charge:
    rings = day.events * DAYS
    if doorbell == "LambdaEndpoint":
        return charge(("endpoint", HOURS), ("endpoint_data", rings * RING_GB))
    if doorbell == "PublicAddress":
        return charge(("ipv4", HOURS))
    # The functions' own logs have used the allowance up.
    return paid_in_full("logs", rings * DOORBELL_LINE_GB)


def common(platform: str, day: Volume) -> list[Line]:
    alarms = ALARMS + (WEB_ALARMS if platform != "None" else 0)
    events = day.events * DAYS
    deliveries = events * SUBSCRIBERS
    awake = day.awake_hours * DAYS
    stored = CONTENT_GB + day.events * HISTORY_DAYS * ROW_GB
    sweeps = SWEEPS_PER_HOUR * HOURS
    looks = LOOKS_PER_HOUR * HOURS
    polls = QUEUES_POLLED * POLLERS * POLLS_PER_HOUR * HOURS
    log_gb = events * LINES_PER_EVENT * LINE_GB + (sweeps * 2 + looks) * LINE_GB + awake * DATABASE_LOG_GB_PER_HOUR
    reads = min(events * (1 + SUBSCRIBERS), day.functions * day.busy_hours * DAYS * 3600 / CACHE_SECONDS)
    out_gb = deliveries * DELIVERY_OUT_GB + day.edits * DAYS * day.requests_per_edit * day.request_gb
    seconds = (events + sweeps) * CONTENT_EVENTS_SECONDS + events * FAN_OUT_SECONDS + deliveries * DELIVER_SECONDS
    seconds += DAYS * RETENTION_SECONDS + looks * LOOK_SECONDS
    return [
        Line("Aurora, capacity while awake", *charge(("acu", awake * day.acu))),
        Line("Aurora, storage and backups", *charge(("storage", stored), ("backup", stored * BACKUP_SIZES))),
        Line("Aurora, I/O", *charge(("io", (events * IO_PER_COMMIT + (day.sessions + day.swept) * DAYS * IO_PER_RESUME) / MILLION))),
        Line("SQS, polling of empty queues", *charge(("sqs", polls / MILLION))),
        # The free million is used up by the polling.
        Line("SQS, messages", *paid_in_full("sqs", (events * 3 + deliveries * 3) / MILLION)),
        Line("SNS", *charge(
            ("sns_publish", events / MILLION), ("sns_publish_data", events * EVENT_GB),
            ("sns_delivery", events / MILLION), ("sns_delivery_data", events * EVENT_GB),
        )),
        Line("Lambda", *charge(
            ("lambda_request", (events * 2 + deliveries + sweeps + looks + DAYS) / MILLION),
            ("lambda_arm", seconds * FUNCTION_GB),
        )),
        Line("CloudWatch, logs", *charge(("logs", log_gb), ("logs_kept", log_gb))),
        Line(f"CloudWatch, {alarms} alarms", *charge(("alarm", alarms))),
        # A sweep that wakes the database tells that, and what it found, as each run does.
        Line(f"CloudWatch, {METRICS + 1} metrics", *charge(("metric", (METRICS * day.hours_with_events + 3 * day.swept) / 24))),
        Line("CloudWatch, what a sweep reads", *charge(("metric_read", sweeps * READS_PER_SWEEP / 1000))),
        Line("CloudWatch, dashboard", *charge(("dashboard", 1))),
        Line("EventBridge Scheduler", *charge(("scheduler", (sweeps + looks + DAYS) / MILLION))),
        Line("S3, looking for what is set aside", *charge(("s3_put", looks / 1000))),
        Line("KMS, reading subscribers", *charge(("kms", reads * SUBSCRIBERS / 10_000))),
        Line("ECR, images", *charge(("ecr", IMAGES_GB))),
        Line("Data to the internet", *charge(("out", out_gb))),
    ]


def bill(platform: str, doorbell: str, day: Volume) -> list[Line]:
    return [
        Line(f"Web, media and secret key: {platform}", *web(platform, day)),
        Line(f"Doorbell: {doorbell}", *ring(doorbell, day)),
        *common(platform, day),
    ]


def total(lines: list[Line]) -> tuple[float, float]:
    return sum(line.listed for line in lines), sum(line.net for line in lines)


# ---------------------------------------------------------------- tables


def money(dollars: float) -> str:
    if 0 < dollars < 0.005:
        return "<0.01"
    return f"{dollars:,.2f}".replace(",", " ")


def number(quantity: float) -> str:
    """Four significant digits, and no more zeros than that."""
    text = f"{quantity:.4g}" if quantity < 1000 else f"{quantity:,.0f}".replace(",", " ")
    return f"{quantity:.7f}".rstrip("0").rstrip(".") if "e" in text else text


def exact(dollars: float) -> str:
    whole, fraction = f"{dollars:.10f}".rstrip("0").split(".")
    return f"{whole}.{fraction:0<2}"


def table(head: list[str], rows: list[list[str]], align: str = "") -> list[str]:
    """A Markdown table; `align` has l or r for each column, and is one l and then r otherwise."""
    align = align or "l" + "r" * (len(head) - 1)
    return [
        "| " + " | ".join(head) + " |",
        "|" + "|".join({"l": "---", "r": "---:"}[side] for side in align) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def totals() -> list[str]:
    text = ["### Totals", "", "Dollars a month in an account with nothing else in it; in brackets without the allowances that are free every month.", ""]
    head = ["WebPlatform, Doorbell"] + [day.name for day in VOLUMES]
    rows = []
    for platform in PLATFORMS:
        for doorbell in DOORBELLS:
            cells = [total(bill(platform, doorbell, day)) for day in VOLUMES]
            rows.append([f"{platform}, {doorbell}"] + [f"{money(net)} ({money(listed)})" for listed, net in cells])
    return text + table(head, rows)


def items() -> list[str]:
    text = ["### Items", "", "Dollars a month, without the free allowances. A bill is one of the first three, one of the next three, and all of the rest.", ""]
    head = ["item"] + [day.name for day in VOLUMES]
    rows = [[f"Web, media and secret key: {platform}"] + [money(web(platform, day)[0]) for day in VOLUMES] for platform in PLATFORMS]
    rows += [[f"Doorbell: {doorbell}"] + [money(ring(doorbell, day)[0]) for day in VOLUMES] for doorbell in DOORBELLS]
    columns = [common(PLATFORMS[0], day) for day in VOLUMES]
    rows += [[lines[0].label] + [money(line.listed) for line in lines] for lines in zip(*columns)]
    return text + table(head, rows)


def worked() -> list[str]:
    """Two cells of the totals, each item as quantity and price."""
    text = ["### Two totals, item by item", "", "After what is free every month, to follow with a calculator.", ""]
    for platform, doorbell, day in [("EcsExpress", "PublicAddress", VOLUMES[0]), ("AppRunner", "LambdaEndpoint", VOLUMES[1])]:
        lines = bill(platform, doorbell, day)
        rows = [[line.label, line.worked or "0", money(line.net)] for line in lines]
        text += table([f"{platform}, {doorbell}, {day.name}", "quantity × price", "dollars"], [*rows, ["sum", "", money(total(lines)[1])]], "llr")
    return text


def asleep() -> str:
    """The sentence of the README, with its line breaks as blanks."""
    cells = [total(bill(*choice, ASLEEP)) for choice in (("AppRunner", "LambdaEndpoint"), ("EcsExpress", "LambdaEndpoint"), ("None", "Logs"))]
    app_runner, express, none = (f"${money(net)} (${money(listed)})" for listed, net in cells)
    return f"{app_runner} with App Runner and the Lambda endpoint, {express} with ECS Express, {none} with a web service of your own and `Doorbell=Logs`"


def wakes() -> list[str]:
    text = ["### What a wake costs", "", "Capacity only, at 2 ACU on average while awake; half of it at 1, twice at 4.", ""]
    cases = [
        ("10 edits in 1 session of an hour", 1, 1.0),
        ("10 edits in 2 sessions of half an hour", 2, 0.5),
        ("10 edits, each alone, ten minutes at a time", 10, 1 / 6),
        ("one scheduled page, published while nobody is there", 1, 0),
        ("one visitor an hour who reaches the database, all day", 24, 0),
        ("the same, and a sweep that looks after each", 48, 0),
        ("a sweep that wakes it once a day", 1, 0),
        ("a sweep that wakes it once a week, where nobody comes", 1 / 7, 0),
        ("a sweep that connects every hour", 24, 0),
        ("a connection that stays open", 1, 24),
    ]
    rows = []
    for label, sessions, hours in cases:
        awake = Volume(label, 0, sessions, hours, 2).awake_hours
        rows.append([label, f"{awake:.2f}", money(charge(("acu", awake * DAYS * 2))[0])])
    return text + table(["a day with", "hours awake", "dollars a month"], rows)


def nights() -> list[str]:
    text = ["### What a night saves", "", "Memory of App Runner's idle instance, at 1 GB; twice as much at 2 GB.", ""]
    rows = []
    # Hours of a week in which the site is paused.
    for label, hours in [
        ("every night from 20:00 to 7:00", 7 * 11),
        ("the same, and from Friday evening to Monday morning", 4 * 11 + 59),
        ("but for working hours, Monday to Friday from 9:00 to 17:00", 168 - 5 * 8),
    ]:
        saved = charge(("apprunner_memory", WEB_GB * HOURS * hours / 168))[0]
        rows.append([label, str(hours), money(saved)])
    return text + table(["paused", "hours a week", "dollars a month"], rows)


def additions() -> list[str]:
    text = ["### What is not there, and what it would add", ""]
    half_acu = charge(("acu", 0.5 * HOURS))[0]
    rows = [
        ["NAT gateway, one zone, before $0.045 a GB", money(charge(("nat", HOURS), ("ipv4", HOURS))[0])],
        ["the same in two zones", money(2 * charge(("nat", HOURS), ("ipv4", HOURS))[0])],
        ["a floor of 0.5 ACU instead of 0", money(half_acu)],
        ["RDS Proxy, its own minimum", money(charge(("proxy", 8 * HOURS))[0])],
        ["RDS Proxy with the floor that it forces", money(charge(("proxy", 8 * HOURS))[0] + half_acu)],
        ["Lambda endpoint in a second zone", money(charge(("endpoint", HOURS))[0])],
        ["a second Fargate task with its address", money(charge(("fargate_cpu", WEB_VCPU * HOURS), ("fargate_memory", WEB_GB * HOURS), ("ipv4", HOURS))[0])],
        ["a queue for invalidations (InvalidationBatches), with its alarm", money(charge(("sqs", POLLERS * POLLS_PER_HOUR * HOURS / MILLION), ("alarm", 1))[0])],
        ["releases (ReleaseTag): polling of their queue, one alarm", money(charge(("sqs", POLLERS * POLLS_PER_HOUR * HOURS / MILLION), ("alarm", 1))[0])],
        ["a domain of one's own on App Runner (CustomDomain): one alarm", money(charge(("alarm", 1))[0])],
        ["a password in Secrets Manager, for each database role", money(charge(("secret", 1))[0])],
        ["seeds: App Runner and Aurora Serverless v1, asleep", "no longer sold"],
        ["seeds: db.t3.medium, always on", money(charge(("t3_medium", HOURS))[0])],
        ["seeds: db.t3.medium and one Fargate task behind a load balancer", money(charge(("t3_medium", HOURS))[0] + web("EcsExpress", ASLEEP)[0])],
    ]
    return text + table(["item", "dollars a month"], rows)


def prices() -> list[str]:
    rows = [[f"${exact(price.dollars)}", price.unit, price.evidence, price.source] for price in PRICES.values()]
    return ["### Prices", ""] + table(["price", "for", "evidence", "source"], rows, "rlll")


def tables() -> str:
    return "\n".join(totals() + items() + worked() + wakes() + nights() + additions() + prices()).rstrip() + "\n"


def replaced(document: str) -> str:
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
            print("docs/costs.md is not what tools/costs.py computes; run tools/costs.py --write", file=sys.stderr)
        told = asleep() in " ".join(README.read_text(encoding="utf-8").split())
        if not told:
            print(f"README.md does not say: {asleep()}", file=sys.stderr)
        return int(new != document or not told)
    DOCUMENT.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
