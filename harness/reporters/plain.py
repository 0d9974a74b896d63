"""Text from outside, made harmless: paths, names and what workers wrote on their streams.

A worker's name or error stream may hold escape sequences that recolour a terminal or move its
cursor, characters that turn the direction of the text around, and halves of characters (from file
names that are no UTF-8), which no encoder takes.
"""

import re
from typing import Final

# Whole escape sequences go, so that a coloured traceback stays readable (ECMA-48, 5.4 and 5.6).
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
TAIL_CHARACTERS: Final = 8_000
# The signs of reports; of all others, a question mark says that something was there.
_IN_ASCII: Final = str.maketrans(
    {"≥": ">=", "±": "+-", "·": "-", "→": "->", "…": "...", _REPLACEMENT: "?"}
)


def one_line(text: str) -> str:
    """Return `text` on one line: white space as spaces, nothing that a terminal would obey."""
    shown = _ESCAPES.sub("", text)
    if shown.isprintable():
        return shown
    return "".join(_shown(character) for character in shown)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else _REPLACEMENT


def in_ascii(text: str) -> str:
    """Return `text` for a terminal that shows ASCII alone."""
    if text.isascii():
        return text
    return text.translate(_IN_ASCII).encode("ascii", "replace").decode("ascii")


def last_lines(text: str, *, lines: int, characters: int = TAIL_CHARACTERS) -> tuple[str, ...]:
    """Return the last `lines` lines of `text` that are not blank, each made harmless.

    At most `characters` characters from the end of `text` are looked at.
    """
    cut = text[-characters:]
    shown = (one_line(line).rstrip() for line in cut.splitlines())
    return tuple([line for line in shown if line][-lines:])
