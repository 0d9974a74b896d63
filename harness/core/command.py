"""Command lines with placeholders in braces, and how they are filled."""

import re
from collections.abc import Mapping
from typing import Final

# The first branch takes a doubled pair, which stands for itself; the second is a placeholder.
_BRACES: Final = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}")

NO_SNAPSHOT: Final = (
    "The command has no {snapshot}, so the worker was not told which file to read; put it where "
    "the path of the file belongs."
)


def knows_snapshot(command: tuple[str, ...]) -> bool:
    """Whether `command` is told which file, or which files, to read."""
    return bool(placeholders(command) & {"snapshot", "snapshots"})


def placeholders(command: tuple[str, ...]) -> frozenset[str]:
    """Return the names in braces that `command` asks for."""
    return frozenset(name for word in command for _, name in _BRACES.findall(word) if name)


def fill(
    command: tuple[str, ...], values: Mapping[str, str], snapshots: tuple[str, ...]
) -> tuple[str, ...]:
    """Return `command` with its placeholders replaced.

    A word that is exactly ``{snapshots}`` becomes one word for each snapshot. ``{{name}}`` stands
    for a literal ``{name}``; other braces are left as they are.
    """
    filled: list[str] = []
    for word in command:
        if word == "{snapshots}":
            filled.extend(snapshots)
        else:
            filled.append(_fill_word(word, values))
    return tuple(filled)


def _fill_word(word: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        literal, name = match.groups()
        return "{" + literal + "}" if literal else values.get(name, match[0])

    return _BRACES.sub(replace, word)
