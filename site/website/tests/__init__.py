"""Tests of the parts that the deployment relies on. None of them needs a database or AWS."""
