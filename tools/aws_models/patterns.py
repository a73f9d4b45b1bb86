"""The patterns of the models, which are regular expressions of Java or Smithy. `regex` supports \\p{L}, which `re` does not."""

import functools

import regex

# Java's notation for every character above U+FFFF, as pairs of UTF-16.
SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"


@functools.cache
def compiled(pattern):
    """Returns the expression that a whole value must match. Returns None for one that cannot be compiled, which checks
    nothing.
    """
    try:
        return regex.compile(pattern.replace(*SURROGATES))
    except regex.error:
        return None


def not_compiled(model):
    """Returns the patterns of a service that check nothing, by shape."""
    found = {}
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        if pattern and compiled(pattern) is None:
            found[name] = pattern
    return found
