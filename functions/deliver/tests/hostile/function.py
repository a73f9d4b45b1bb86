"""The compiled deliver as Lambda runs it. Runtime API and AWS are played here."""

import http.server
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

LOCAL = Path(__file__).resolve().parents[4] / ".local"
# `tools/check_secrets.py` looks into the logs for every secret.
LOGS = LOCAL / f"logs/hostile-{os.getpid()}"
NUMBERS = itertools.count(1)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADER_TOKEN, URL_TOKEN = "token-of-the-header", "token-of-the-url"
# Long enough for a machine that also compiles. deliver's own limit is 15 s.
WAIT_TIMEOUT = 60


def event(title="a title"):
    """An event as it was published, with an id of its own."""
    return {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": "/wagrun/test", "type": "wagtail.page.updated",
        "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z", "datacontenttype": "application/json",
        "partitionkey": "page/4", "sequence": "0000000000000001", "data": {"id": 4, "title": title},
    }  # fmt: skip


def webhook(url, **fields):
    return {"target": "webhook", "url": url, "secrets": [SECRET], **fields}


class Outcome:
    """One attempt: whether it failed, its line in the log, and every line of it."""

    def __init__(self, failed, lines, duration):
        self.failed = failed
        self.lines = lines
        self.duration = duration
        attempts = [line for line in lines if line.get("message") == "delivery attempted"]
        self.attempt = attempts[0] if attempts else {}
        self.outcome = self.attempt.get("outcome")
        self.status = self.attempt.get("status")

    def errors(self):
        return " | ".join(str(line["error"]) for line in self.lines if "error" in line)

    def __repr__(self):
        return f"{'failed' if self.failed else 'delivered'}: {self.lines}"


def record_secrets(**secrets):
    """Records secrets as `testing::secrets` does."""
    directory = LOCAL / "secrets"
    directory.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"kind": kind, "secret": secret}) + "\n" for kind, secret in secrets.items()]
    (directory / f"hostile-{os.getpid()}.jsonl").write_text("".join(lines))


class Deliver:
    """A process of deliver, and everything that it calls besides receivers."""

    def __init__(self, program, address="127.0.0.1", port=0, allow_http=False, environment=None):
        self.subscribers = {}
        self.work = queue.Queue()
        self.answers = queue.Queue()
        self.aws = []
        self.stopped = threading.Event()
        played = self
        handler = type("Handler", (Played,), {"played": played})
        self.server = Server((address, port), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        here = "{}:{}".format(*self.server.server_address)
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = open(LOGS / f"deliver-{next(NUMBERS)}.log", "w+b")
        self.read = 0
        self.process = subprocess.Popen(
            [program], stdout=self.log, stderr=subprocess.STDOUT, env=variables(here, allow_http) | (environment or {})
        )

    def stop(self):
        self.stopped.set()
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        self.log.close()

    def attempt(self, subscriber, sent=None, name="x"):
        """Makes the first attempt of one delivery to this subscriber."""
        self.subscribers = self.subscribers | {name: subscriber}
        sent = sent or event()
        body = json.dumps({"subscriber": name, "event": sent}, ensure_ascii=False, separators=(",", ":"))
        attributes = {"MessageGroupId": f"{name}|page/4", "ApproximateReceiveCount": "1"}
        message = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}
        started = time.monotonic()
        self.work.put(json.dumps({"Records": [message]}))
        answer = self.answer()
        duration = time.monotonic() - started
        return Outcome(answer != {"batchItemFailures": []}, self.lines(), duration)

    def answer(self):
        until = time.monotonic() + WAIT_TIMEOUT
        while time.monotonic() < until:
            try:
                return self.answers.get(timeout=0.1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise AssertionError(f"deliver ended: {self.lines()}") from None
        raise AssertionError(f"deliver does not answer: {self.lines()}")

    def lines(self):
        """The lines since the last call. deliver writes a line before it answers."""
        text = os.pread(self.log.fileno(), 1 << 24, self.read).decode()
        self.read += len(text.encode())
        return [parsed(line) for line in text.splitlines()]

    def peak_memory(self):
        """The most memory that the process has had, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return {"message": line}


def variables(here, allow_http):
    return {
        "AWS_LAMBDA_RUNTIME_API": here,
        "AWS_LAMBDA_FUNCTION_NAME": "deliver",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": f"http://{here}",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SUBSCRIBERS_PATH": "/wagrun/subscribers",
        "SUBSCRIBER_CACHE_SECONDS": "0",
        "DELIVERY_QUEUE_URL": f"http://{here}/1/deliveries.fifo",
        "DELIVERY_DEAD_LETTER_QUEUE_URL": f"http://{here}/1/deliveries-dead.fifo",
        "TOPIC_ARN": "arn:aws:sns:eu-central-1:1:events.fifo",
        "EVENT_SOURCE": "/wagrun/test",
        "METRICS_NAMESPACE": "wagrun/test",
        "BACKLOGS_PATH": "/wagrun/backlogs",
        "BACKLOG_BUCKET": "wagrun-backlogs",
    } | ({"ALLOW_HTTP_WEBHOOKS": "true"} if allow_http else {})


class Server(http.server.ThreadingHTTPServer):
    """A server whose clients are killed at the end of a test."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Played(http.server.BaseHTTPRequestHandler):
    """The Runtime API and AWS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    played = None

    def do_GET(self):
        # The Runtime API's path of the next invocation.
        # deliver may call before the thread that started it knows its process.
        while not self.played.stopped.is_set():
            try:
                work = self.played.work.get(timeout=0.2)
            except queue.Empty:
                continue
            arn = "arn:aws:lambda:eu-central-1:1:function:deliver"
            names = {"aws-request-id": "1", "deadline-ms": "4000000000000", "invoked-function-arn": arn}
            return self.reply(work, {f"lambda-runtime-{name}": value for name, value in names.items()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        operation = self.headers["x-amz-target"]
        if operation is None:
            self.reply("{}")
            return self.played.answers.put(json.loads(body))
        self.played.aws.append((operation, body))
        self.reply(json.dumps(self.answer(operation, json.loads(body))))

    def answer(self, operation, request):
        parameters = [
            {"Name": f"/wagrun/subscribers/{name}", "Value": json.dumps(value), "Version": 1}
            for name, value in self.played.subscribers.items()
        ]
        match operation:
            case "AmazonSSM.GetParametersByPath":
                return {"Parameters": parameters if "subscribers" in request["Path"] else []}
            case "AmazonSSM.GetParameter":
                return {"Parameter": next(each for each in parameters if each["Name"] == request["Name"])}
            case "AmazonSSM.GetParameterHistory":
                return {"Parameters": [each for each in parameters if each["Name"] == request["Name"]]}
            case "AmazonSSM.PutParameter":
                return {"Version": 2}
            case "AmazonSQS.GetQueueAttributes":
                return {"Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}}
            case "AmazonSQS.ChangeMessageVisibility":
                return {}
        raise AssertionError(operation)

    def reply(self, text, headers=None):
        body = text.encode()
        self.send_response(200)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
