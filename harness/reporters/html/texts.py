"""Texts from outside, made fit for the page: on one line, and of bounded length."""

from harness.reporters.html.model import LONGEST
from harness.reporters.plain import one_line


def clip(text: str, longest: int = LONGEST) -> str:
    """Return `text` on one line; of a long one its end is left out, and the page says so."""
    shown = one_line(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def percent(part: float, whole: float) -> float:
    """Return how many percent `part` is of `whole`, between 0 and 100."""
    return round(min(100.0, max(0.0, part / whole * 100)), 2) if whole else 0.0
