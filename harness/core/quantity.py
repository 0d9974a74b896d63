"""Quantities as they stand in documents: the text that a person wrote, with what it means.

They are plain classes, not structs or dataclasses, because msgspec reads those itself and would
ask for an object where people write a text.
"""

from typing import Any, Final

from harness.core.units import (
    DURATION_PATTERN,
    PERCENT_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_percent,
    parse_size,
)

UNLIMITED: Final = "unlimited"


class _Quantity:
    """A text with a meaning; two are equal when both are."""

    __slots__ = ("_value", "text")

    def __init__(self, *, text: str, value: float | None) -> None:
        self.text: Final = text
        self._value: Final = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Quantity):
            return NotImplemented
        return (type(self), self.text, self._value) == (type(other), other.text, other._value)

    def __hash__(self) -> int:
        return hash((type(self), self.text, self._value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


class Size(_Quantity):
    """A size such as ``5MB``, in bytes."""

    __slots__ = ("bytes",)

    def __init__(self, *, text: str, bytes_: int) -> None:
        super().__init__(text=text, value=bytes_)
        self.bytes: Final = bytes_


class Limit(_Quantity):
    """A memory limit such as ``512MiB`` or ``unlimited``, in bytes (None: no limit)."""

    __slots__ = ("bytes",)

    def __init__(self, *, text: str, bytes_: int | None) -> None:
        super().__init__(text=text, value=bytes_)
        self.bytes: Final = bytes_


class Duration(_Quantity):
    """A duration such as ``120s``, in seconds."""

    __slots__ = ("seconds",)

    def __init__(self, *, text: str, seconds: float) -> None:
        super().__init__(text=text, value=seconds)
        self.seconds: Final = seconds


class Percent(_Quantity):
    """A percentage such as ``2%``, as a fraction."""

    __slots__ = ("fraction",)

    def __init__(self, *, text: str, fraction: float) -> None:
        super().__init__(text=text, value=fraction)
        self.fraction: Final = fraction


def parse_limit(text: str) -> Limit:
    """Return the limit that `text` names; raises ValueError where it names none."""
    if text == UNLIMITED:
        return Limit(text=text, bytes_=None)
    try:
        return Limit(text=text, bytes_=parse_size(text))
    except ValueError as error:
        raise ValueError(f'{error}, or "{UNLIMITED}"') from None


def decode_quantity(kind: type[Any], value: Any) -> Any:
    """Decode a quantity for msgspec; raises ValueError, to which msgspec adds the place."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit; write it as text, such as {_EXAMPLES[kind]}")  # noqa: TRY004  (msgspec adds the place to a ValueError only)
    if kind is Size:
        return Size(text=value, bytes_=parse_size(value))
    if kind is Limit:
        return parse_limit(value)
    if kind is Duration:
        return Duration(text=value, seconds=parse_duration(value))
    if kind is Percent:
        return Percent(text=value, fraction=parse_percent(value))
    raise NotImplementedError(f"no quantity is a {kind}")


_EXAMPLES: Final[dict[type[Any], str]] = {
    Size: '"5MB"',
    Limit: '"512MiB"',
    Duration: '"120s"',
    Percent: '"2%"',
}
_PATTERNS: Final[dict[type[Any], str]] = {
    Size: f"^{SIZE_PATTERN}$",
    Limit: f"^({UNLIMITED}|{SIZE_PATTERN})$",
    Duration: f"^{DURATION_PATTERN}$",
    Percent: f"^{PERCENT_PATTERN}$",
}


def describe_quantity(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a quantity, for msgspec's schema hook."""
    if kind not in _PATTERNS:
        raise NotImplementedError(f"no quantity is a {kind}")
    return {"type": "string", "pattern": _PATTERNS[kind], "description": kind.__doc__}
