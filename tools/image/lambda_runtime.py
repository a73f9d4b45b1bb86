"""The HTTP API that Lambda offers to a function's process, for one invocation after the other."""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from steps import Failed, excerpt, wait_until

PREFIX = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:wagrun-migrate"
FUNCTION_SECONDS = 900
# Only a signature is made of it.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none"}


class LambdaRuntime:
    """Serves the API to one function's process, on a free port of 127.0.0.1, until this program ends."""

    def __init__(self):
        self.invocations = queue.Queue()
        self.answers = queue.Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"runtime": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def variables(self):
        """The variables that Lambda sets."""
        return {
            **CREDENTIALS,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": ARN.rpartition(":")[2],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": "eu-central-1",
            "TZ": ":UTC",
        }

    def invoke(self, command, process, log):
        """Hands the function's process a command, and returns `response` or `error`, and what it answers."""
        self.invocations.put((json.dumps({"command": command}).encode(), int((time.time() + FUNCTION_SECONDS) * 1000)))

        def answer():
            if process.poll() is not None:
                raise Failed(f"{command}: the function ended with {process.returncode}:\n{excerpt(log)}")
            try:
                return self.answers.get_nowait()
            except queue.Empty:
                return None

        kind, content = wait_until(f"the answer to {command}", FUNCTION_SECONDS, answer)
        return kind, json.loads(content)

    def succeed(self, command, process, log):
        """Hands the function's process a command, and returns the answer. Raises Failed when that is an error."""
        kind, answer = self.invoke(command, process, log)
        if kind != "response":
            raise Failed(f"{command} answered with {kind}: {json.dumps(answer)[:3000]}\n(its log is {log})")
        return answer


class Handler(BaseHTTPRequestHandler):
    """One request of the function's process."""

    protocol_version = "HTTP/1.1"
    runtime: LambdaRuntime

    def do_GET(self):
        if self.path != f"{PREFIX}/invocation/next":
            return self.reply(404, b"")
        payload, deadline = self.runtime.invocations.get()
        self.reply(
            200,
            payload,
            {
                "Lambda-Runtime-Aws-Request-Id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            },
        )

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            content = self.read_chunks()
        self.reply(202, b"")
        self.runtime.answers.put((self.path.rpartition("/")[2], content))

    def read_chunks(self):
        content = b""
        while size := int(self.rfile.readline().strip(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def reply(self, status, content, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing: the trial's own lines say enough."""
