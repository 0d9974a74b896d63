"""The text of a shape: JSON that a person can read and edit, and that holds no long number.

A whole number of nine digits and more is written as a string of groups, "1_234_567_890": so no
number of a snapshot can stand in a shape by chance.
"""

import re
from typing import Any, Final

import msgspec

from synthetic.shape import Shape

_LEAST_GROUPED: Final = 100_000_000
_WIDTH: Final = 90
_MOST_INDENTED: Final = 24
"""Deeper levels stand no further to the right: most of the text would be spaces."""
_GROUPED: Final = re.compile(r"\d{1,3}(_\d{3})+")
_HAS_GROUPED: Final = re.compile(rb'"\d{1,3}(_\d{3})+"')
_TEXTS: Final = frozenset({"key", "width", "indent", "after_comma", "after_colon", "inside"})
"""The names of what is no number."""


def text_of_shape(shape: Shape) -> bytes:
    """Return the JSON text of a shape, in lines."""
    return _written(msgspec.to_builtins(shape), 0).encode() + b"\n"


def shape_of_text(text: bytes) -> Shape:
    """Return the shape that a JSON text holds.

    Raises:
        msgspec.MsgspecError: the text is no JSON, or no shape.
        RecursionError: it is nested deeper than any shape.

    """
    if not _HAS_GROUPED.search(text):
        return msgspec.json.decode(text, type=Shape)
    return msgspec.convert(_ungrouped(msgspec.json.decode(text)), Shape)


def _written(value: Any, indent: int) -> str:
    """Return JSON text, on one line where that is short."""
    match value:
        case dict():
            parts = [f"{_string(key)}: {_written(one, indent + 1)}" for key, one in value.items()]
            return _joined(parts, "{}", indent)
        case list() | tuple():
            return _joined([_written(one, indent + 1) for one in value], "[]", indent)
        case int() if not isinstance(value, bool) and value >= _LEAST_GROUPED:
            return f'"{value:_}"'
        case str():
            return _string(value)
        case _:
            return msgspec.json.encode(value).decode()


def _joined(parts: list[str], brackets: str, indent: int) -> str:
    length = sum(len(part) + 2 for part in parts)
    if length <= _WIDTH and not any("\n" in part for part in parts):
        return brackets[0] + ", ".join(parts) + brackets[1]
    space = "\n" + " " * min(indent + 1, _MOST_INDENTED)
    end = "\n" + " " * min(indent, _MOST_INDENTED)
    return f"{brackets[0]}{space}{f',{space}'.join(parts)}{end}{brackets[1]}"


def _string(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _ungrouped(value: Any) -> Any:
    match value:
        case dict():
            return {name: one if name in _TEXTS else _ungrouped(one) for name, one in value.items()}
        case list():
            return [_ungrouped(one) for one in value]
        case str() if _GROUPED.fullmatch(value):
            return int(value)
        case _:
            return value
