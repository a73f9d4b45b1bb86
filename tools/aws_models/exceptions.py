"""Rules of the models that are stricter than the service: (service, shape, rule), and the reason.

The rules are type, required, union, length, unique, enum, pattern and range.
"""

EXCEPTIONS = {}
