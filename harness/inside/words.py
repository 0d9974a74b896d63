"""JSON without the package ``json``, whose import would be charged to every worker."""

from __future__ import annotations

import os

try:
    from _json import encode_basestring_ascii as _quote
except ImportError:  # an interpreter without that accelerator
    from json.encoder import py_encode_basestring_ascii as _quote


def encode(value: object) -> str:
    """Return plain values, lists, tuples and dictionaries as JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(key)}:{encode(value[key])}" for key in value) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(encode, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def publish(path: str, value: object) -> None:
    """Write `value` to `path` as JSON, by write-then-rename: a kill leaves the old or the new."""
    beside = path + ".new"
    with open(beside, "w", encoding="ascii") as file:
        file.write(encode(value))
    os.replace(beside, path)
