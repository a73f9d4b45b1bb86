"""Where a model is stricter than the service it describes: (service, shape, rule), and the reason.

The rules are type, required, union, length, unique, enum, pattern and range.
"""

EXCEPTIONS = {}
