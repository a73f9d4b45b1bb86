#!/usr/bin/env python3
"""Tests that a secret is found in every form, and that the places which may hold one are left out."""

import base64
import contextlib
import io
import json
import os
import tempfile
import unittest
import urllib.parse
from pathlib import Path

import check_secrets

SECRET = "whsec_pa/ss+word0123456789abcdefghijkl"
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


class SecretsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.local = Path(directory.name)
        for name in ("logs/e2e-1", "requests", "secrets"):
            (self.local / name).mkdir(parents=True)
        self.record(*({"kind": kind, "secret": f"{kind}-0123456789"} for kind in check_secrets.KINDS - {"Signing"}))
        self.record({"kind": "Signing", "secret": SECRET}, file="2.jsonl")
        self.log("nothing of it\n")

    def record(self, *secrets, file="1.jsonl"):
        (self.local / "secrets" / file).write_text("".join(json.dumps(secret) + "\n" for secret in secrets))

    def log(self, text, name="logs/e2e-1/site.log"):
        data = text if isinstance(text, bytes) else text.encode()
        (self.local / name).write_bytes(data)

    def check(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = check_secrets.main(self.local)
        return status, output.getvalue()

    def test_logs_without_secrets_pass(self):
        status, output = self.check()
        self.assertEqual(status, 0, output)

    def test_a_secret_is_found_in_every_form(self):
        forms = [
            SECRET, SECRET.removeprefix("whsec_"), urllib.parse.quote(SECRET, safe=""), SECRET.encode().hex(), KEY.hex(),
            KEY.hex().upper(), base64.b64encode(SECRET.encode()).decode(), base64.urlsafe_b64encode(KEY).decode(), "Password-0123456789",
            base64.b64encode(b"1" + SECRET.encode()).decode(), base64.b64encode(b"user:Password-0123456789:rest").decode(),
            base64.b64encode(json.dumps({"a": "Url-0123456789"}).encode()).decode(),
        ]  # fmt: skip
        for form in forms:
            with self.subTest(form=form):
                self.log(f'fine\n{{"error":"before {form} after"}}\n')
                status, output = self.check()
                self.assertEqual(status, 1)
                self.assertIn("site.log:2: a secret, ", output)
                self.assertNotIn(form, output)

    def test_a_log_that_is_no_text_is_read(self):
        self.log(b"\xff\0\xfe " + SECRET.encode() + b"\0\n")
        self.assertEqual(self.check()[0], 1)

    def test_only_a_request_that_writes_a_parameter_may_hold_a_secret(self):
        self.log(f'{{"headers": {{"x-amz-target": "AmazonSSM.PutParameter"}}, "body": "{SECRET}"}}\n', "requests/requests-1.jsonl")
        self.log(f'{{"uri": "https://b.s3/subscriber-directory.json?x-id=PutObject", "body": "{SECRET}"}}\n', "requests/requests-2.jsonl")
        self.log(f'{{"service": "ssm", "operation": "PutParameter", "parameters": "{SECRET}"}}\n', "requests/calls-1.jsonl")
        self.assertEqual(self.check()[0], 0)
        self.log(f'{{"headers": {{"x-amz-target": "AmazonSQS.SendMessage"}}, "body": "{SECRET}"}}\n', "requests/requests-1.jsonl")
        self.assertEqual(self.check()[0], 1)

    def test_logs_of_an_earlier_run_are_left_out(self):
        self.log(SECRET)
        os.utime(self.local / "logs/e2e-1/site.log", (1, 1))
        (self.local / "secrets/started").touch()
        self.log("", "logs/e2e-1/other.log")
        self.assertEqual(self.check()[0], 0)

    def test_a_kind_that_was_not_recorded_and_missing_logs_are_reported(self):
        self.record()
        status, output = self.check()
        self.assertEqual((status, "no secret of the kind Password was recorded" in output), (1, True))
        (self.local / "logs/e2e-1/site.log").unlink()
        self.assertIn("there are no logs", self.check()[1])


if __name__ == "__main__":
    unittest.main()
