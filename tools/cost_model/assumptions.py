"""The assumptions about a deployment: its size, its settings, and how many edits it has a day."""

from dataclasses import dataclass

HOURS = 730  # a month
DAYS = HOURS / 24
MILLION = 1e6
GB = 1e9

# One edit is one published page. Its drafts, an autosave or two, and the publication are separate commits. A commit is one
# event and one ring.
EVENTS_PER_EDIT = 4
EVENT_GB = 2e3 / GB
SUBSCRIBERS = 2  # each takes every event
DELIVERY_OUT_GB = 4e3 / GB  # the event, headers, and TLS

# Billed seconds of one invocation, not measured on AWS.
CONTENT_EVENTS_SECONDS = 0.3
FAN_OUT_SECONDS = 0.05
DELIVER_SECONDS = 0.4  # most of it is the receiver's
FUNCTION_GB = 0.25
CACHE_SECONDS = 30  # SubscriberCacheSeconds

# Lambda polls a queue with five pollers. Each polls every 20 seconds, also an empty queue.
QUEUES_POLLED = 2
POLLERS = 5
POLLS_PER_HOUR = 3600 / 20

ALARMS = 19  # with Aurora; without a web service, releases and a night
WEB_ALARMS = 1
# The age of the oldest pending event, and the number of events set apart. For each subscriber and outcome, the number of
# deliveries and their duration; normally there is one outcome. CloudWatch charges each hour with a value.
METRICS = 2 + 2 * SUBSCRIBERS
SWEEPS_PER_HOUR = 1
READS_PER_SWEEP = 4  # capacity, sweeps, wakes; and the sweeps of the week after a day without any
# deliver checks for deliveries that are set aside, and nearly always finds none. A check is one list request of a bucket, at
# the price of a PUT. It also reads the directory of the subscribers, to find parameters that cannot be used.
BACKLOG_CHECKS_PER_HOUR = 12
BACKLOG_CHECK_SECONDS = 0.15
# subscriber-directory lists the subscribers without their values, and writes the directory.
COMPARISONS_PER_HOUR = 12
COMPARISON_SECONDS = 0.3
# log-retention runs once a day. Its calls to CloudWatch Logs are free.
RETENTION_SECONDS = 3

# Log lines of the functions: two of content-events, and one each of fan-out and of every delivery. Metrics are lines as well:
# one of content-events, and one of every delivery.
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

# Seven days (BackupRetentionDays) of a database with few changes. Backups up to its size are free; about as much again is
# charged.
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
    """A day of use. It counts no visitors: each request that a cache does not answer wakes the database."""

    name: str
    edits: float
    sessions: float  # times a day that the database wakes
    session_hours: float  # from the first request to the last
    acu: float  # on average while awake
    requests_per_edit: float = 20
    request_gb: float = 30e3 / GB
    vcpu_seconds_per_edit: float = 1.0
    functions: int = 2  # running copies of fan-out and deliver that read the subscribers
    swept: float = 0  # times a day that a sweep wakes the database, because it was used or because a week is over

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
    # A program without people, around the clock, with few and small requests.
    Volume("100 000 edits a day", 100_000, 1, 24, 4, requests_per_edit=2, request_gb=5e3 / GB,
           vcpu_seconds_per_edit=0.15, functions=8),
]
PLATFORMS = ["AppRunner", "EcsExpress", "None"]
DOORBELLS = ["LambdaEndpoint", "PublicAddress", "Logs"]
