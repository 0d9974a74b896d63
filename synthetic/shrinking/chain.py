"""Deep nesting: how much of its depth matters is found by halves, not level by level."""

from collections.abc import Callable
from typing import Final

from synthetic.shrinking.parts import Tree, Value
from synthetic.shrinking.units import need

LONG: Final = 8
"""From so many levels on, one inside of the other, a chain is worth a search of its own."""

_SHARE: Final = 2


def chain_of(tree: Tree, value: Value) -> list[Value]:
    """Return containers of which each is the half at least of the one before, from `value` on.

    It ends where another outline would have to be made, so that endless depth is taken in turns.
    """
    chain = [value]
    while chain[-1].outline is not None or len(chain) < LONG:
        parts = [part for part in tree.parts(chain[-1]) if part.kept and part.count == 1]
        heaviest = max(parts, key=lambda part: part.bytes, default=None)
        if heaviest is None or heaviest.bytes * _SHARE < chain[-1].bytes:
            return chain
        inner = tree.look(heaviest)
        if inner is None or not inner.is_container:
            return chain
        chain.append(inner)
    return chain


def cut_chain(chain: list[Value], test: Callable[[], bool]) -> None:
    """Empty the chain where the rest of its depth can be spared, and leave out levels above that.

    That it does not pass with its first level emptied is taken for granted.
    """
    low, high = 0, len(chain)  # emptied at `low` is too little; at `high`, which is not, enough
    while high - low > 1:
        middle = (low + high) // 2
        chain[middle].is_emptied = True
        passes = False
        try:
            passes = test()
        finally:
            chain[middle].is_emptied = False
        low, high = (low, middle) if passes else (middle, high)
    if high < len(chain):
        chain[high].is_emptied = True
    need(chain[low])
    _hoist(chain[: low + 1], test)


def _hoist(chain: list[Value], test: Callable[[], bool]) -> None:
    """Put the innermost level that passes in the place of the outermost."""
    outermost = chain[0]
    low, high = 0, len(chain)  # from `low` on is enough
    middle = high - 1
    while high - low > 1:
        outermost.hoisted = chain[middle]
        passes = False
        try:
            passes = test()
        finally:
            outermost.hoisted = chain[low] if low else None
        low, high = (middle, high) if passes else (low, middle)
        outermost.hoisted = chain[low] if low else None
        middle = (low + high) // 2
