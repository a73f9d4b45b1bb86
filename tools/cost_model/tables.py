"""The tables of docs/costs.md, and the sentence of README.md."""

from cost_model.assumptions import (
    ASLEEP,
    DAYS,
    DOORBELLS,
    HOURS,
    MILLION,
    PLATFORMS,
    POLLERS,
    POLLS_PER_HOUR,
    VOLUMES,
    Volume,
    WEB_GB,
    WEB_VCPU,
)
from cost_model.bill import bill, charge, common_lines, doorbell_charge, total, web_charge
from cost_model.markdown import exact, money, table
from cost_model.prices import PRICES


def totals() -> list[str]:
    """Returns the table of the totals."""
    text = ["### Totals", "", "Dollars a month in an account with nothing else in it; in brackets without the allowances that are free every month.", ""]
    head = ["WebPlatform, Doorbell"] + [day.name for day in VOLUMES]
    rows = []
    for platform in PLATFORMS:
        for doorbell in DOORBELLS:
            cells = [total(bill(platform, doorbell, day)) for day in VOLUMES]
            rows.append([f"{platform}, {doorbell}"] + [f"{money(net)} ({money(listed)})" for listed, net in cells])
    return text + table(head, rows)


def items() -> list[str]:
    """Returns the table of the items."""
    text = ["### Items", "", "Dollars a month, without the free allowances. A bill is one of the first three, one of the next three, and all of the rest.", ""]
    head = ["item"] + [day.name for day in VOLUMES]
    rows = [[f"Web, media and secret key: {platform}"] + [money(web_charge(platform, day)[0]) for day in VOLUMES] for platform in PLATFORMS]
    rows += [[f"Doorbell: {doorbell}"] + [money(doorbell_charge(doorbell, day)[0]) for day in VOLUMES] for doorbell in DOORBELLS]
    columns = [common_lines(PLATFORMS[0], day) for day in VOLUMES]
    rows += [[lines[0].label] + [money(line.listed) for line in lines] for lines in zip(*columns)]
    return text + table(head, rows)


def worked_totals() -> list[str]:
    """Returns the tables of two totals, with quantity and price of each item."""
    text = ["### Two totals, item by item", "", "After the free allowances of every month. Each item can be checked with a calculator.", ""]
    for platform, doorbell, day in [("EcsExpress", "PublicAddress", VOLUMES[0]), ("AppRunner", "LambdaEndpoint", VOLUMES[1])]:
        lines = bill(platform, doorbell, day)
        rows = [[line.label, line.worked or "0", money(line.net)] for line in lines]
        text += table([f"{platform}, {doorbell}, {day.name}", "quantity × price", "dollars"], [*rows, ["sum", "", money(total(lines)[1])]], "llr")
    return text


def asleep_sentence() -> str:
    """Returns the sentence of the README about an unused site, without line breaks."""
    cells = [total(bill(*choice, ASLEEP)) for choice in (("AppRunner", "LambdaEndpoint"), ("EcsExpress", "LambdaEndpoint"), ("None", "Logs"))]
    app_runner, express, none = (f"${money(net)} (${money(listed)})" for listed, net in cells)
    return f"{app_runner} with App Runner and the Lambda endpoint, {express} with ECS Express, {none} with a web service of your own and `Doorbell=Logs`"


def wakes() -> list[str]:
    """Returns the table of the costs of a wake."""
    text = ["### What a wake costs", "", "Capacity only, at 2 ACU on average while awake; half of it at 1, twice at 4.", ""]
    cases = [
        ("10 edits in 1 session of an hour", 1, 1.0),
        ("10 edits in 2 sessions of half an hour", 2, 0.5),
        ("10 edits, each alone, ten minutes at a time", 10, 1 / 6),
        ("one scheduled page, published while the site is not used", 1, 0),
        ("one visitor an hour who reaches the database, all day", 24, 0),
        ("the same, and a sweep after each visit", 48, 0),
        ("a sweep that wakes it once a day", 1, 0),
        ("a sweep that wakes it once a week, on an unused site", 1 / 7, 0),
        ("a sweep that connects every hour", 24, 0),
        ("a connection that stays open", 1, 24),
    ]
    rows = []
    for label, sessions, hours in cases:
        awake = Volume(label, 0, sessions, hours, 2).awake_hours
        rows.append([label, f"{awake:.2f}", money(charge(("acu", awake * DAYS * 2))[0])])
    return text + table(["a day with", "hours awake", "dollars a month"], rows)


def nights() -> list[str]:
    """Returns the table of the savings of a night."""
    text = ["### What a night saves", "", "Memory of App Runner's idle instance, at 1 GB; twice as much at 2 GB.", ""]
    rows = []
    # Hours of a week in which the site is paused.
    for label, hours in [
        ("every night from 20:00 to 7:00", 7 * 11),
        ("the same, and from Friday evening to Monday morning", 4 * 11 + 59),
        ("all but the working hours, Monday to Friday from 9:00 to 17:00", 168 - 5 * 8),
    ]:
        saved = charge(("apprunner_memory", WEB_GB * HOURS * hours / 168))[0]
        rows.append([label, str(hours), money(saved)])
    return text + table(["paused", "hours a week", "dollars a month"], rows)


def additions() -> list[str]:
    """Returns the table of the parts that are left out, with their costs."""
    text = ["### What is not there, and what it would add", ""]
    half_acu = charge(("acu", 0.5 * HOURS))[0]
    rows = [
        ["NAT gateway, one zone, before $0.045 a GB", money(charge(("nat", HOURS), ("ipv4", HOURS))[0])],
        ["the same in two zones", money(2 * charge(("nat", HOURS), ("ipv4", HOURS))[0])],
        ["a minimum of 0.5 ACU instead of 0", money(half_acu)],
        ["RDS Proxy, its own minimum", money(charge(("proxy", 8 * HOURS))[0])],
        ["RDS Proxy with the minimum that it forces", money(charge(("proxy", 8 * HOURS))[0] + half_acu)],
        ["Lambda endpoint in a second zone", money(charge(("endpoint", HOURS))[0])],
        ["a second Fargate task with its address", money(charge(("fargate_cpu", WEB_VCPU * HOURS), ("fargate_memory", WEB_GB * HOURS), ("ipv4", HOURS))[0])],
        ["a queue for invalidations (InvalidationBatches), with its alarm", money(charge(("sqs", POLLERS * POLLS_PER_HOUR * HOURS / MILLION), ("alarm", 1))[0])],
        ["releases (ReleaseTag): polling of their queue, one alarm", money(charge(("sqs", POLLERS * POLLS_PER_HOUR * HOURS / MILLION), ("alarm", 1))[0])],
        ["a custom domain on App Runner (CustomDomain): one alarm", money(charge(("alarm", 1))[0])],
        ["a password in Secrets Manager, for each database role", money(charge(("secret", 1))[0])],
        ["seeds: App Runner and Aurora Serverless v1, asleep", "no longer sold"],
        ["seeds: db.t3.medium, always on", money(charge(("t3_medium", HOURS))[0])],
        ["seeds: db.t3.medium and one Fargate task behind a load balancer", money(charge(("t3_medium", HOURS))[0] + web_charge("EcsExpress", ASLEEP)[0])],
    ]
    return text + table(["item", "dollars a month"], rows)


def prices() -> list[str]:
    """Returns the table of the prices."""
    rows = [[f"${exact(price.dollars)}", price.unit, price.evidence, price.source] for price in PRICES.values()]
    return ["### Prices", ""] + table(["price", "for", "evidence", "source"], rows, "rlll")


def tables() -> str:
    """Returns all tables of docs/costs.md."""
    return "\n".join(totals() + items() + worked_totals() + wakes() + nights() + additions() + prices()).rstrip() + "\n"
