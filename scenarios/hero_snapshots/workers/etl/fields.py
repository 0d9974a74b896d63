"""Fields of parsed JSON as values of a column: of the right type, null where missing, or an error.

An error's text begins with where it is (``.stats.hp: ...``), and callers put their part before.
"""

from collections.abc import Mapping
from typing import Any

from .errors import SnapshotError

Json = Mapping[str, Any]

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
"""What a BIGINT holds."""


def text(record: Json, name: str) -> str | None:
    """Return a string field."""
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    raise unexpected(f".{name}", "a string", value)


def integer(record: Json, name: str) -> int | None:
    """Return an integer field."""
    value = record.get(name)
    if value is None or _is_integer(value):
        return value
    raise unexpected(f".{name}", "an integer of 64 bits", value)


def real(record: Json, name: str) -> float | None:
    """Return a number field as a float, for JSON also writes 5 where it means 5.0."""
    value = record.get(name)
    if value is None or isinstance(value, float):
        return value
    if _is_integer(value):
        return float(value)
    raise unexpected(f".{name}", "a number", value)


def identity(record: Json) -> int:
    """Return the id, which must be there: it is a part of the row's key."""
    value = integer(record, "id")
    if value is None:
        raise SnapshotError(".id: missing; every element needs an integer id")
    return value


def mapping(record: Json, name: str) -> Json:
    """Return an object field, empty where it is missing."""
    value = record.get(name)
    return {} if value is None else as_object(value, f".{name}")


def array(record: Json, name: str) -> list[Any]:
    """Return an array field, empty where it is missing."""
    value = record.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise unexpected(f".{name}", "an array", value)


def texts(record: Json, name: str) -> list[str]:
    """Return an array field of strings."""
    values = array(record, name)
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise unexpected(f".{name}[{position}]", "a string", value)
    return values


def as_object(value: Any, place: str = "") -> Json:
    """Return the value if it is an object."""
    if isinstance(value, dict):
        return value
    raise unexpected(place, "an object", value)


def unexpected(place: str, wanted: str, value: Any) -> SnapshotError:
    """Return the error for a value that is not what a place needs."""
    shown = {dict: "an object", list: "an array", type(None): "null"}.get(type(value), repr(value))
    return SnapshotError(f"{place}: expected {wanted}, not {shown[:40]}")


def _is_integer(value: Any) -> bool:
    # JSON's true is an int to Python.
    return isinstance(value, int) and not isinstance(value, bool) and _LOWEST <= value <= _HIGHEST
