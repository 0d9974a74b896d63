"""What a value costs: its bytes of text, unless somebody knows better."""

from typing import Protocol

from synthetic.shrinking.parts import Path, Tree, Value

Pattern = tuple[str | None, ...]
"""A path in which None is any element, or any key of a map."""


class Costs(Protocol):
    """Knows how much a byte of text costs, by where it stands."""

    def per_byte(self, path: Pattern) -> float:
        """Return the cost of a byte at a path and below."""


class TextCosts:
    """Every byte of text costs the same."""

    def per_byte(self, path: Pattern) -> float:  # noqa: ARG002  (others need it)
        """Return one."""
        return 1.0


def cost_of(value: Value, tree: Tree, costs: Costs) -> float:
    """Return what a value costs."""
    if isinstance(costs, TextCosts):  # which needs no path
        return float(value.bytes)
    return value.bytes * costs.per_byte(pattern_of(tree.path(value)))


def pattern_of(path: Path) -> Pattern:
    """Return a path in which None stands for any index."""
    return tuple(step if isinstance(step, str) else None for step in path)
