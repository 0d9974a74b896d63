"""JSON paths as people read them: ``$.troops[17].name``."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_KEY: Final = 80
_MOST_STEPS: Final = 40


def format_path(steps: Sequence[str | int | None]) -> str:
    """Return the path of `steps`: keys, indices from 0, None for an object not entered yet.

    A key that is no plain name stands in brackets and quotes; a long one is cut, and so is the
    middle of a path that nests deeper than people can read.
    """
    left_out = len(steps) - _MOST_STEPS
    if left_out <= 0:
        return "$" + "".join(map(_step, steps))
    half = _MOST_STEPS // 2
    outer, inner = "".join(map(_step, steps[:half])), "".join(map(_step, steps[-half:]))
    return f"${outer}...({left_out:,} levels)...{inner}"


def _step(step: str | int | None) -> str:
    match step:
        case None:
            return ""
        case int():
            return f"[{step}]" if step >= 0 else ""
        case str():
            if _PLAIN.fullmatch(step) and len(step) <= _LONGEST_KEY:
                return f".{step}"
            cut = step if len(step) <= _LONGEST_KEY else step[:_LONGEST_KEY] + "..."
            return f"[{msgspec.json.encode(cut.encode('utf-8', 'replace').decode()).decode()}]"
