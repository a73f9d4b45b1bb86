"""Reads single environment variables, with errors that name the variable."""

import os
from collections.abc import Sequence
from typing import overload

from django.core.exceptions import ImproperlyConfigured


@overload
def optional(name: str, default: str) -> str: ...


@overload
def optional(name: str, default: None = None) -> "str | None": ...


def optional(name: str, default: "str | None" = None) -> "str | None":
    """Returns the value of the variable. An empty one counts as absent, because CloudFormation can only set it
    empty.
    """
    return os.environ.get(name) or default


def required(name: str) -> str:
    """Returns the value of the variable. Raises an error that names it if it is absent."""
    value = optional(name)
    if value is None:
        raise ImproperlyConfigured(f"environment variable {name} is not set")
    return value


def one_of(name: str, values: Sequence[str], default: str) -> str:
    """Returns one of the values. Any other spelling is an error, so a typo does not select a default."""
    value = optional(name, default)
    if value not in values:
        raise ImproperlyConfigured(f"environment variable {name}: {value!r}, expected {' or '.join(values)}")
    return value


def boolean(name: str, default: bool) -> bool:
    """Returns True for "true" and False for "false"."""
    return one_of(name, ("true", "false"), "true" if default else "false") == "true"


def comma_list(name: str) -> list[str]:
    """Returns the items between the commas, without blanks around them. An absent variable is an empty list."""
    return [item.strip() for item in optional(name, "").split(",") if item.strip()]
