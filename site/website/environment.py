"""Reads single environment variables, with errors that name the variable."""

import os

from django.core.exceptions import ImproperlyConfigured


def optional(name, default=None):
    """The variable's value; an empty one counts as absent, as CloudFormation can only set it empty."""
    return os.environ.get(name) or default


def required(name):
    """The variable's value, or an error that names it."""
    value = optional(name)
    if value is None:
        raise ImproperlyConfigured(f"environment variable {name} is not set")
    return value


def one_of(name, values, default):
    """One of the values, each spelled exactly; anything else is an error, so that a typo is no choice."""
    value = optional(name, default)
    if value not in values:
        raise ImproperlyConfigured(f"environment variable {name}: {value!r}, expected {' or '.join(values)}")
    return value


def boolean(name, default):
    """True for "true", False for "false"."""
    return one_of(name, ("true", "false"), "true" if default else "false") == "true"


def comma_list(name):
    """The items between the commas, without the blanks around them; an absent variable is an empty list."""
    return [item.strip() for item in optional(name, "").split(",") if item.strip()]
