"""Long strings are shortened between two characters, never inside of one or of its escape."""

import re
from collections.abc import Callable
from typing import Final

from synthetic.shrinking.parts import Value
from synthetic.shrinking.source import Source

_WINDOW_BYTES: Final = 4096
_CHARACTER: Final = re.compile(
    rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\[^u]|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*",
    re.DOTALL,
)
_ESCAPE_BYTES: Final = 6
_FIRST_BYTES: Final = 32
_FASTER: Final = 32
_LEAST_SHARE: Final = 64


def cut_before(source: Source, value: Value, place: int) -> int:
    """Return the last place up to `place` that is between two characters of a string.

    Its begin is returned where nothing else is certain to be such a place.
    """
    start, end = value.content_start, value.content_end
    window_start = max(start, place - _WINDOW_BYTES)
    window = source.read(window_start, min(end, place + 2 * _ESCAPE_BYTES))
    offset = _certain(window, is_begin=window_start == start)
    if offset is None or window_start + offset > place:
        return start
    found = offset
    for match in _CHARACTER.finditer(window, offset):
        if match.start() != found or window_start + match.end() > place:
            break
        found = match.end()
    return window_start + found


def _certain(window: bytes, *, is_begin: bool) -> int | None:
    """Return the first place in a stretch of a string at which a character certainly begins."""
    if is_begin:
        return 0
    for place in range(2 * _ESCAPE_BYTES, len(window)):
        if 0x80 <= window[place] < 0xC0:
            continue
        if b"\\" not in window[place - 2 * _ESCAPE_BYTES : place]:
            return place
    for match in re.finditer(rb"(?<!\\)\\(?!u[dD][c-fC-F])", window):
        if match.start() > 0:  # what stands before the window is not known
            return match.start()
    return None


def shorten(value: Value, source: Source, test: Callable[[], bool]) -> None:
    """Cut a string from its end and then from its begin while it passes; as it is, it passes.

    That it does not pass with nothing in it is taken for granted.
    """
    end = value.content_end
    low, high = value.content_start, end  # up to `low` is too little, up to `high` enough
    try:
        while middle := _between(source, value, low, high, (low + high + 1) // 2):
            value.tail = middle
            if test():
                high = middle
            else:
                low = middle
    finally:
        value.tail = high if high < end else -1
    _cut_begin(value, high, source, test)


def _cut_begin(value: Value, end: int, source: Source, test: Callable[[], bool]) -> None:
    """Cut from the begin of a string: where it ends now, what matters is probably short."""
    start = value.content_start
    low, high = start, end  # from `low` on is enough, from `high` on too little
    tried_bytes = _FIRST_BYTES
    try:
        while (high - low) * _LEAST_SHARE > end - low:
            is_wide = high - low > tried_bytes * 2
            place = high - tried_bytes if is_wide else (low + high) // 2
            middle = _between(source, value, low, high, place)
            if not middle:
                break
            value.head = middle
            if test():
                low = middle
            else:
                high = middle
                tried_bytes *= _FASTER
    finally:
        value.head = low if low > start else -1


def _between(source: Source, value: Value, low: int, high: int, place: int) -> int:
    """Return a place between two characters that is between two others, near `place`; else 0."""
    for tried in (place, high - 1):
        found = cut_before(source, value, tried)
        if low < found < high:
            return found
    return 0
