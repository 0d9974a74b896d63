"""The arithmetic behind a path's bytes, in words: ``704,512 dicts of 9 keys x 482 bytes``."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from synthetic.xray.branches import Branch
from synthetic.xray.costs import ContainerCosts
from synthetic.xray.groups import Group
from synthetic.xray.ledger import SIZES

_MOST: Final = 3
_LEAST_SHARE: Final = 0.05
_MANY: Final = 2


def reasons_of(branch: Branch, costs: ContainerCosts) -> tuple[str, ...]:
    """Return what a path's own bytes are made of, the largest part first."""
    own = float(branch.costs.sum())
    found = sorted(_parts(branch, costs), key=lambda part: -part[0])
    return tuple(text for size, text in found[:_MOST] if size > own * _LEAST_SHARE)


def _parts(branch: Branch, costs: ContainerCosts) -> Iterator[tuple[float, str]]:
    for group, one, many in (
        (Group.STRINGS, "str", "strs"),
        (Group.INTEGERS, "int", "ints"),
        (Group.FLOATS, "float", "floats"),
        (Group.KEYS, "key", "keys"),
    ):
        count, size = int(branch.counts[group]), float(branch.costs[group])
        if count and size:
            yield size, _mean(count, one, many, size)
    gap_bytes = float(branch.costs[Group.GAPS])
    if gap_bytes:
        yield gap_bytes, f"{gap_bytes:,.0f} bytes free between blocks"
    for group, arrays in ((Group.OBJECTS, False), (Group.ARRAYS, True)):
        count, size = int(branch.counts[group]), float(branch.costs[group])
        if count and size:
            yield size, _containers(branch, costs, count, size, arrays=arrays)


def _mean(count: int, one: str, many: str, size: float) -> str:
    if group_is_shared(count, size):
        return f"{count:,} {one if count == 1 else many}, mostly shared: {size:,.0f} bytes"
    return f"{count:,} {one if count == 1 else many} x {size / count:,.0f} bytes"


def group_is_shared(count: int, size: float) -> bool:
    """Whether objects are so cheap that most of them must be one and the same."""
    return size / count < 8


def _containers(
    branch: Branch, costs: ContainerCosts, count: int, size: float, *, arrays: bool
) -> str:
    """Return the arithmetic of containers: of their commonest size if most have it."""
    one, many, what = ("list", "lists", "element") if arrays else ("dict", "dicts", "key")
    sizes = branch.sizes[SIZES:] if arrays else branch.sizes[:SIZES]
    commonest = int(np.argmax(sizes))
    if count == 1 and commonest == SIZES - 1:
        return f"1 {one} x {size:,.0f} bytes"
    if commonest < SIZES - 1 and int(sizes[commonest]) * _MANY >= count:
        looked_up = costs.lists if arrays else costs.dicts
        each = float(looked_up(np.array([commonest], np.intp))[0])
        number = int(sizes[commonest])
        plural = "" if commonest == 1 else "s"
        text = f"{number:,} {one if number == 1 else many} of {commonest} {what}{plural}"
        return f"{text} x {each:,.0f} bytes" + (" and others" if number < count else "")
    return f"{count:,} {many} of several sizes x {size / count:,.0f} bytes"
