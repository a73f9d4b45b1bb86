"""The HTTP API that Lambda offers to a function's process, for one invocation after the other."""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/2018-06-01/runtime"
PORT = 9001
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:wagrun-migrate"


class LambdaRuntime:
    """Serves the API on 127.0.0.1 until the process ends."""

    def __init__(self):
        self.invocations = queue.Queue()
        self.answers = queue.Queue()
        self.server = ThreadingHTTPServer(("127.0.0.1", PORT), type("BoundHandler", (Handler,), {"runtime": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def invoke(self, payload, seconds):
        """Hands a payload to the function. `answer` then has what comes back."""
        self.invocations.put((json.dumps(payload).encode(), int((time.time() + seconds) * 1000)))

    def answer(self):
        """A pair of the last part of the path, such as `response` or `error`, and its content; None when there is none yet."""
        try:
            return self.answers.get_nowait()
        except queue.Empty:
            return None


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
