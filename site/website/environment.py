"""Reads single environment variables, with errors that name the variable."""

import os

from django.core.exceptions import ImproperlyConfigured


def optional(name, default=None):
    """Returns the value of the variable. An empty one counts as absent, because CloudFormation can only set it
    empty.
    """
    return os.environ.get(name) or default


def required(name):
    """Returns the value of the variable. Raises an error that names it if it is absent."""
    value = optional(name)
    if value is None:
        raise ImproperlyConfigured(f"environment variable {name} is not set")
    return value


def one_of(name, values, default):
    """Returns one of the values. Any other spelling is an error, so a typo does not select a default."""
    value = optional(name, default)
    if value not in values:
        raise ImproperlyConfigured(f"environment variable {name}: {value!r}, expected {' or '.join(values)}")
    return value


def boolean(name, default):
    """Returns True for "true" and False for "false"."""
    return one_of(name, ("true", "false"), "true" if default else "false") == "true"


def comma_list(name):
    """Returns the items between the commas, without blanks around them. An absent variable is an empty list."""
    return [item.strip() for item in optional(name, "").split(",") if item.strip()]
