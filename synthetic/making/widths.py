"""Widths: how many bytes Python needs for each character of a string."""

from typing import Final

from synthetic.shape import Width

RANKS: Final[dict[Width, int]] = {"ascii": 0, "latin-1": 1, "ucs-2": 2, "ucs-4": 3}


def width_of(text: str) -> Width:
    """Return how wide the widest character of a text is."""
    widest = max(text, default="")
    if widest < "\x80":
        return "ascii"
    if widest < "\u0100":
        return "latin-1"
    return "ucs-2" if widest < "\U00010000" else "ucs-4"
