"""What is cut from the source to make a smaller snapshot: places, and what stands there instead."""

import bisect
import itertools
from collections.abc import Iterator

from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import Part, Tree, Value
from synthetic.shrinking.source import Source

Edit = tuple[int, int, bytes]
"""The bytes from one place to another are left out, and others stand there."""


def edits_of(tree: Tree) -> tuple[Edit, ...]:
    """Return the edits that make a tree's snapshot of its source, in order and apart."""
    edits: list[Edit] = []
    stack = [tree.root]
    while stack:
        value = stack.pop()
        if value.literal is not None:
            edits.append((value.start, value.end, value.literal))
        elif value.hoisted is not None:
            edits.append((value.start, value.hoisted.start, b""))
            edits.append((value.hoisted.end, value.end, b""))
            stack.append(value.hoisted)
        elif value.form is Form.STRING:
            edits += _of_string(value)
        elif value.is_emptied:
            edits.append((value.content_start, value.content_end, b""))
        elif value.parts:
            kept = [part for part in value.parts if part.kept]
            edits += _between(value, kept, tree.source)
            stack.extend(part.value for part in kept if part.value is not None)
    return tuple(sorted(edit for edit in edits if edit[0] < edit[1]))


def _of_string(value: Value) -> Iterator[Edit]:
    if value.is_emptied:
        yield value.content_start, value.content_end, b""
        return
    if value.head >= 0:
        yield value.content_start, value.head, b""
    if value.tail >= 0:
        yield value.tail, value.content_end, b""


def _between(value: Value, kept: list[Part], source: Source) -> Iterator[Edit]:
    """Yield what goes between, before and behind the parts that are kept."""
    if not kept:
        yield value.content_start, value.content_end, b""
        return
    yield value.content_start, kept[0].start, b""
    for before, behind in itertools.pairwise(kept):
        yield before.end, behind.start - value.separator_bytes, b""
    end = value.content_end
    if kept[-1].end < end and value.form is not Form.ROOT:  # so the bracket stays on its line
        end = source.solid_until(kept[-1].end, end)
    yield kept[-1].end, end, b""


def size_of(size_bytes: int, edits: tuple[Edit, ...]) -> int:
    """Return how large a source of `size_bytes` is with edits."""
    return size_bytes - sum(end - start - len(instead) for start, end, instead in edits)


class Remaining:
    """How many bytes of a stretch of the source are left with some edits."""

    def __init__(self, edits: tuple[Edit, ...]) -> None:
        """Take edits in order."""
        self._starts = [start for start, _, _ in edits]
        self._ends = [end for _, end, _ in edits]
        saved = (end - start - len(instead) for start, end, instead in edits)
        self._saved = list(itertools.accumulate(saved, initial=0))

    def of(self, start: int, end: int) -> int:
        """Return what is left from `start` to `end`, which no edit may straddle; 0 if cut whole."""
        first = bisect.bisect_left(self._starts, start)
        if first and self._ends[first - 1] >= end:
            return 0
        behind = bisect.bisect_left(self._starts, end)
        return end - start - (self._saved[behind] - self._saved[first])
