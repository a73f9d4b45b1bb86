"""The bill of a month: a line for each service, from the prices and the assumptions."""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from cost_model.assumptions import (
    ALARMS,
    BACKLOG_CHECKS_PER_HOUR,
    BACKLOG_CHECK_SECONDS,
    BACKUP_SIZES,
    CACHE_SECONDS,
    COMPARISONS_PER_HOUR,
    COMPARISON_SECONDS,
    CONTENT_EVENTS_SECONDS,
    CONTENT_GB,
    DATABASE_LOG_GB_PER_HOUR,
    DAYS,
    DELIVERY_OUT_GB,
    DELIVER_SECONDS,
    DOORBELL_LINE_GB,
    EVENT_GB,
    FAN_OUT_SECONDS,
    FUNCTION_GB,
    HISTORY_DAYS,
    HOURS,
    IMAGES_GB,
    IO_PER_COMMIT,
    IO_PER_RESUME,
    LINES_PER_EVENT,
    LINE_GB,
    MEDIA_GB,
    MEDIA_READS_PER_EDIT,
    METRICS,
    MILLION,
    POLLERS,
    POLLS_PER_HOUR,
    QUEUES_POLLED,
    READS_PER_SWEEP,
    RETENTION_SECONDS,
    RING_GB,
    ROW_GB,
    SUBSCRIBERS,
    SWEEPS_PER_HOUR,
    UPLOADS_PER_EDIT,
    UTILISATION,
    Volume,
    WEB_ALARMS,
    WEB_GB,
    WEB_VCPU,
)
from cost_model.markdown import exact, number
from cost_model.prices import PRICES, Price


class Charge(NamedTuple):
    """The costs of an item a month in dollars."""
    listed: float
    net: float  # after the free allowances
    worked: str  # the calculation of `net`


@dataclass(frozen=True)
class Line:
    """One line of a bill."""
    label: str
    listed: float
    net: float
    worked: str


def charge(*parts: tuple[str, float]) -> Charge:
    """Returns the costs of these quantities a month, before and after the free allowances."""
    listed = sum(PRICES[name].dollars * quantity for name, quantity in parts)
    net = sum(PRICES[name].dollars * max(0, quantity - PRICES[name].free) for name, quantity in parts)
    return Charge(listed, net, " + ".join(term(PRICES[name], quantity) for name, quantity in parts if quantity))


def paid_in_full(name: str, quantity: float) -> Charge:
    """Returns the costs of a quantity whose free allowance another line has already used."""
    dollars = PRICES[name].dollars * quantity
    return Charge(dollars, dollars, f"{number(quantity)} × {exact(PRICES[name].dollars)}" if quantity else "")


def term(price: Price, quantity: float) -> str:
    """Returns the calculation of one quantity, as the table of the totals shows it."""
    if not price.free:
        return f"{number(quantity)} × {exact(price.dollars)}"
    if quantity <= price.free:
        return f"0 ({number(quantity)} of {number(price.free)} free)"
    return f"({number(quantity)} − {number(price.free)} free) × {exact(price.dollars)}"


def web_charge(platform: str, day: Volume) -> Charge:
    """Returns the costs of the web service, the media and the secret key."""
    if platform == "None":
        return charge()
    # The secret is in Secrets Manager if SecretKeyParameter is empty.
    kept = [
        ("secret", 1),
        ("s3", MEDIA_GB),
        ("s3_put", day.edits * DAYS * UPLOADS_PER_EDIT / 1000),
        ("s3_get", day.edits * DAYS * MEDIA_READS_PER_EDIT / 1000),
    ]
    vcpu_hours = day.edits * day.vcpu_seconds_per_edit / UTILISATION / 3600
    instances = max(1, ceil(vcpu_hours / (max(day.busy_hours, 1) * WEB_VCPU)))
    if platform == "AppRunner":
        # The memory of the one provisioned instance is charged all the time, and its processor while it serves requests.
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


def doorbell_charge(doorbell: str, day: Volume) -> Charge:
    """Returns the costs of the doorbell."""
    rings = day.events * DAYS
    if doorbell == "LambdaEndpoint":
        return charge(("endpoint", HOURS), ("endpoint_data", rings * RING_GB))
    if doorbell == "PublicAddress":
        return charge(("ipv4", HOURS))
    # The logs of the functions have used the free allowance.
    return paid_in_full("logs", rings * DOORBELL_LINE_GB)


def common_lines(platform: str, day: Volume) -> list[Line]:
    """Returns the lines that every bill has."""
    alarms = ALARMS + (WEB_ALARMS if platform != "None" else 0)
    events = day.events * DAYS
    deliveries = events * SUBSCRIBERS
    awake = day.awake_hours * DAYS
    stored = CONTENT_GB + day.events * HISTORY_DAYS * ROW_GB
    sweeps = SWEEPS_PER_HOUR * HOURS
    backlog_checks = BACKLOG_CHECKS_PER_HOUR * HOURS
    comparisons = COMPARISONS_PER_HOUR * HOURS
    polls = QUEUES_POLLED * POLLERS * POLLS_PER_HOUR * HOURS
    log_gb = events * LINES_PER_EVENT * LINE_GB + (sweeps * 2 + backlog_checks + comparisons) * LINE_GB + awake * DATABASE_LOG_GB_PER_HOUR
    looks = min(events * (1 + SUBSCRIBERS), day.functions * day.busy_hours * DAYS * 3600 / CACHE_SECONDS) + backlog_checks
    # A copy downloads the directory after each comparison, and is told otherwise that nothing has changed.
    downloads = min(looks, day.functions * day.busy_hours * DAYS * COMPARISONS_PER_HOUR + backlog_checks)
    out_gb = deliveries * DELIVERY_OUT_GB + day.edits * DAYS * day.requests_per_edit * day.request_gb
    seconds = (events + sweeps) * CONTENT_EVENTS_SECONDS + events * FAN_OUT_SECONDS + deliveries * DELIVER_SECONDS
    seconds += DAYS * RETENTION_SECONDS + backlog_checks * BACKLOG_CHECK_SECONDS + comparisons * COMPARISON_SECONDS
    return [
        Line("Aurora, capacity while awake", *charge(("acu", awake * day.acu))),
        Line("Aurora, storage and backups", *charge(("storage", stored), ("backup", stored * BACKUP_SIZES))),
        Line("Aurora, I/O", *charge(("io", (events * IO_PER_COMMIT + (day.sessions + day.swept) * DAYS * IO_PER_RESUME) / MILLION))),
        Line("SQS, polling of empty queues", *charge(("sqs", polls / MILLION))),
        # The polling has used the free million.
        Line("SQS, messages", *paid_in_full("sqs", (events * 3 + deliveries * 3) / MILLION)),
        Line("SNS", *charge(
            ("sns_publish", events / MILLION), ("sns_publish_data", events * EVENT_GB),
            ("sns_delivery", events / MILLION), ("sns_delivery_data", events * EVENT_GB),
        )),
        Line("Lambda", *charge(
            ("lambda_request", (events * 2 + deliveries + sweeps + backlog_checks + comparisons + DAYS) / MILLION),
            ("lambda_arm", seconds * FUNCTION_GB),
        )),
        Line("CloudWatch, logs", *charge(("logs", log_gb), ("logs_kept", log_gb))),
        Line(f"CloudWatch, {alarms} alarms", *charge(("alarm", alarms))),
        # A sweep that wakes the database reports the wake and its findings, as each run does.
        Line(f"CloudWatch, {METRICS + 1} metrics", *charge(("metric", (METRICS * day.hours_with_events + 3 * day.swept) / 24))),
        Line("CloudWatch, metrics that a sweep reads", *charge(("metric_read", sweeps * READS_PER_SWEEP / 1000))),
        Line("CloudWatch, dashboard", *charge(("dashboard", 1))),
        Line("EventBridge Scheduler", *charge(("scheduler", (sweeps + backlog_checks + comparisons + DAYS) / MILLION))),
        Line("S3, looking for deliveries that are set aside", *charge(("s3_put", backlog_checks / 1000))),
        Line("S3, the subscriber directory", *charge(("s3_put", comparisons / 1000), ("s3_get", (looks + comparisons) / 1000))),
        # Each download, and the reading and the writing of each comparison.
        Line("KMS, the subscriber directory", *charge(("kms", (downloads + 2 * comparisons) / 10_000))),
        Line("ECR, images", *charge(("ecr", IMAGES_GB))),
        Line("Data to the internet", *charge(("out", out_gb))),
    ]


def bill(platform: str, doorbell: str, day: Volume) -> list[Line]:
    """Returns all lines of a bill."""
    return [
        Line(f"Web, media and secret key: {platform}", *web_charge(platform, day)),
        Line(f"Doorbell: {doorbell}", *doorbell_charge(doorbell, day)),
        *common_lines(platform, day),
    ]


def total(lines: list[Line]) -> tuple[float, float]:
    """Returns the sums before and after the free allowances."""
    return sum(line.listed for line in lines), sum(line.net for line in lines)
