"""The text of a shape: JSON that a person can read and edit, and that holds no long number.

A whole number of nine digits and more is written as a string of groups, "1_234_567_890": so no
number of a snapshot can stand in a shape by chance.
"""

import functools
import re
from collections.abc import Iterable, Iterator
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


def text_of_shape(shape: Shape) -> bytearray:
    """Return the JSON text of a shape, in lines."""
    text = bytearray()
    _write(shape, 0, text)
    text += b"\n"
    return text


def shape_of_text(text: bytes | bytearray) -> Shape:
    """Return the shape that a JSON text holds.

    Raises:
        msgspec.MsgspecError: the text is no JSON, or no shape.
        RecursionError: it is nested deeper than any shape.

    """
    if not _HAS_GROUPED.search(text):
        return msgspec.json.decode(text, type=Shape)
    return msgspec.convert(_ungrouped(msgspec.json.decode(text)), Shape)


def _write(value: Any, indent: int, out: bytearray) -> bool:
    """Write JSON text, on one line where that is short; return whether it is."""
    match value:
        case msgspec.Struct():
            return _write_parts(_fields_of(value), b"{}", indent, out)
        case tuple():
            return _write_parts(((b"", one) for one in value), b"[]", indent, out)
        case int() if not isinstance(value, bool) and value >= _LEAST_GROUPED:
            out += f'"{value:_}"'.encode()
        case _:
            out += msgspec.json.encode(value)
    return True


def _write_parts(
    parts: Iterable[tuple[bytes, Any]], brackets: bytes, indent: int, out: bytearray
) -> bool:
    """Write parts, each with its name before it: in lines, and on one again if they fit there."""
    start = len(out)
    space = b"\n" + b" " * min(indent + 1, _MOST_INDENTED)
    is_short = True
    begins: list[int] = []
    length = 0
    out += brackets[:1]
    for name, value in parts:
        out += b"," + space if begins else space
        begins.append(len(out))
        out += name
        is_short &= _write(value, indent + 1, out)
        length += len(out) - begins[-1] + len(b", ")
    if is_short and length <= _WIDTH:
        ends = [begin - len(space) - 1 for begin in begins[1:]] + [len(out)]
        texts = [bytes(out[begin:end]) for begin, end in zip(begins, ends, strict=False)]
        out[start:] = brackets[:1] + b", ".join(texts) + brackets[1:]
        return True
    out += space[: min(indent, _MOST_INDENTED) + 1] + brackets[1:]
    return False


def _fields_of(struct: msgspec.Struct) -> Iterator[tuple[bytes, Any]]:
    """Yield the fields that are not as they are by default, each with its name as it is written."""
    for field in _fields(type(struct)):
        value = getattr(struct, field.name)
        if field.default is msgspec.NODEFAULT or value != field.default:
            yield b'"%b": ' % field.encode_name.encode(), value


_fields: Final = functools.cache(msgspec.structs.fields)


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
