"""The patterns of the models, which are Java's regular expressions or Smithy's. `regex` takes what `re` does not: \\p{L}."""

import functools

import regex

# Java's way to write every character above U+FFFF, as pairs of UTF-16.
SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"


@functools.cache
def compiled(pattern):
    """The expression, which a whole value has to match; None for one that can't be compiled, which checks nothing."""
    try:
        return regex.compile(pattern.replace(*SURROGATES))
    except regex.error:
        return None


def not_compiled(model):
    """The patterns of a service that check nothing, by shape."""
    found = {}
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        if pattern and compiled(pattern) is None:
            found[name] = pattern
    return found
