"""Tokens: marks and the scalars between them, in the order of the text."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import SCALAR, Bytes, Flags, Kinds, Places
from synthetic.scan.marks import Marks

_STEPS: Final = 64
_SPACES: Final = b" \t\n\r"
IS_SPACE: Final[Flags] = np.isin(np.arange(256), list(_SPACES))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of a text: `kinds`, and where each `starts` and `ends`.

    A string's quotes belong to it. Every scalar is `SCALAR` yet, and every string `STRING`.
    """

    kinds: Kinds
    starts: Places
    ends: Places

    def __len__(self) -> int:
        return len(self.kinds)

    def first(self, count: int) -> "Tokens":
        """Return the first tokens alone."""
        return Tokens(kinds=self.kinds[:count], starts=self.starts[:count], ends=self.ends[:count])


def tokens_of(text: bytes, view: Bytes, marks: Marks, end: int, *, is_last: bool) -> Tokens:
    """Return the tokens of a text up to `end`, where no string is open.

    A scalar that only `end` ends may go on behind it; it is a token if the text `is_last`.
    """
    starts, ends, kinds = marks.starts, marks.ends, marks.kinds
    if is_last:
        starts = np.append(starts, end)
    gap_starts = np.zeros(len(starts), np.intp)
    gap_starts[1:] = ends[: len(starts) - 1]
    at = np.flatnonzero(starts != gap_starts)
    if not len(at):
        return Tokens(kinds=kinds, starts=marks.starts, ends=ends)
    scalar_starts, scalar_ends = _stripped(text, view, gap_starts.take(at), starts.take(at))
    is_scalar = scalar_starts < scalar_ends
    if not is_scalar.all():
        at = at.compress(is_scalar)
        scalar_starts = scalar_starts.compress(is_scalar)
        scalar_ends = scalar_ends.compress(is_scalar)
    return _merged(marks, at, scalar_starts, scalar_ends)


def _merged(marks: Marks, at: Places, starts: Places, ends: Places) -> Tokens:
    """Return the marks and the scalars, each of which stands before the mark of index `at`."""
    if not len(at):
        return Tokens(kinds=marks.kinds, starts=marks.starts, ends=marks.ends)
    places = at + np.arange(len(at))
    is_mark = np.ones(len(marks.kinds) + len(at), np.bool_)
    is_mark[places] = False
    mark_places = np.flatnonzero(is_mark)
    all_kinds = np.full(len(is_mark), SCALAR, np.uint8)
    all_kinds[mark_places] = marks.kinds
    all_starts = np.empty(len(is_mark), np.intp)
    all_starts[mark_places], all_starts[places] = marks.starts, starts
    all_ends = np.empty(len(is_mark), np.intp)
    all_ends[mark_places], all_ends[places] = marks.ends, ends
    return Tokens(kinds=all_kinds, starts=all_starts, ends=all_ends)


def _stripped(text: bytes, view: Bytes, starts: Places, ends: Places) -> tuple[Places, Places]:
    """Return gaps without the white space at their ends; an empty one has start = end."""
    todo = np.flatnonzero(IS_SPACE.take(view.take(starts)))
    for _ in range(_STEPS):
        if not len(todo):
            break
        starts[todo] += 1
        todo = todo.compress(starts.take(todo) < ends.take(todo))
        todo = todo.compress(IS_SPACE.take(view.take(starts.take(todo))))
    for index in todo.tolist():  # long runs of white space, which are few
        gap = text[starts[index] : ends[index]]
        starts[index] = ends[index] - len(gap.lstrip(_SPACES))
    lasts = ends - 1
    todo = np.flatnonzero((starts < ends) & IS_SPACE.take(view.take(lasts)))
    for _ in range(_STEPS):
        if not len(todo):
            break
        ends[todo] -= 1
        todo = todo.compress(IS_SPACE.take(view.take(ends.take(todo) - 1)))
    for index in todo.tolist():
        gap = text[starts[index] : ends[index]]
        ends[index] = starts[index] + len(gap.rstrip(_SPACES))
    return starts, ends
