"""What grew since the baseline: by line of code and by part of the input, as far as that is known.

The bytes are those that a profiler counted in passes of their own. They say who holds what, and are
never mixed with resident memory, which the verdict is about.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.profile import Moment, Profiler
from harness.core.site_match import Pair, Place, match_places
from harness.core.sites import PathRow, PathTable, SiteRow, SiteTable

# A part of the input is named where it has this much of the growth, alone.
_MOST: Final = 0.7
# Shares of growth that differ by less are the same.
_SAME: Final = 1.05
_GROWN: Final = 1.05


class SiteChange(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code before and now.

    Attributes:
        function, file, line, source: where it is now; where it was, if it is gone.
        was_at: file and line in the baseline, where its file or function was another one; else
            empty.
        old_bytes: None where the baseline's table does not list it; it held at most
            `old_most_bytes` then.
        new_bytes: None where the table of now does not list it; it held at most `new_most_bytes`.

    """

    function: str
    file: str
    line: int
    source: str = ""
    was_at: str = ""
    old_bytes: int | None = None
    new_bytes: int | None = None
    old_most_bytes: int = 0
    new_most_bytes: int = 0

    @property
    def least_growth_bytes(self) -> int:
        """What it grew by at least; less than nothing where it may have shrunk."""
        old_bytes = self.old_most_bytes if self.old_bytes is None else self.old_bytes
        return (self.new_bytes or 0) - old_bytes


class StackChange(msgspec.Struct, frozen=True, kw_only=True):
    """A stack of a differential flame graph, outermost first, with its bytes before and now.

    The last frame is the line: ``rows.append(row) (full_parse.py:41)``. Bytes of a line that a
    table does not list are 0.
    """

    stack: tuple[str, ...]
    old_bytes: int
    new_bytes: int


class InputChange(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the input that grew most, by what it costs a parser.

    Attributes:
        path: such as ``$.heroes[*].gear``; empty where no part grew.
        old_bytes: None where the baseline's table does not list the path.

    """

    parser: str
    old_total_bytes: int
    new_total_bytes: int
    path: str = ""
    old_bytes: int | None = None
    new_bytes: int = 0
    old_most_bytes: int = 0
    old_count: int | None = None
    new_count: int = 0


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one case's growth over its baseline.

    Attributes:
        case: its name.
        run: the profiled run of now.
        is_comparable: whether the baseline has the case, under the same conditions.
        profiler: who counted; None where there is no profile to compare.
        moment: of the profile of now; of its death it is a lower bound.
        old_heap_bytes, new_heap_bytes: all that the profiler saw then and now.
        sites: each line of both tables; those that grew most come first.
        stacks: the same for a differential flame graph.
        input: None where its snapshots are the same, or one of them was not looked at.
        same_input: None where that is not known.
        unknown: what cannot be said, and what to do about it, in whole sentences.

    """

    case: str
    run: int | None = None
    is_comparable: bool = False
    profiler: Profiler | None = None
    moment: Moment | None = None
    old_heap_bytes: int | None = None
    new_heap_bytes: int | None = None
    sites: tuple[SiteChange, ...] = ()
    stacks: tuple[StackChange, ...] = ()
    input: InputChange | None = None
    same_input: bool | None = None
    unknown: tuple[str, ...] = ()


def compare_sites(before: SiteTable, now: SiteTable) -> tuple[SiteChange, ...]:
    """Return each line of two tables of one profiler, those that grew most first."""
    changes = [_change(pair, before, now) for pair in match_places(before.rows, now.rows)]
    return tuple(
        sorted(changes, key=lambda change: (-change.least_growth_bytes, change.file, change.line))
    )


def _change(pair: Pair, before: SiteTable, now: SiteTable) -> SiteChange:
    row = _row_of(pair)
    return SiteChange(
        function=row.function,
        file=row.file,
        line=row.line,
        source=row.source,
        was_at=_was_at(pair),
        old_bytes=pair.before.bytes if pair.before else None,
        new_bytes=pair.now.bytes if pair.now else None,
        old_most_bytes=0 if pair.before else before.unlisted_bytes,
        new_most_bytes=0 if pair.now else now.unlisted_bytes,
    )


def _row_of(pair: Pair) -> SiteRow:
    place = pair.now or pair.before
    if place is None:
        raise ValueError("a pair has a place")
    return place.row


def _was_at(pair: Pair) -> str:
    if pair.before is None or pair.now is None:
        return ""
    before, now = pair.before.row, pair.now.row
    is_same = (before.file, before.function) == (now.file, now.function)
    return "" if is_same else f"{before.file}:{before.line}"


def differential(before: SiteTable, now: SiteTable) -> tuple[StackChange, ...]:
    """Return the stacks of two tables of one profiler, the largest of now first."""
    return tuple(
        StackChange(
            stack=_stack_of(pair.now or pair.before),
            old_bytes=pair.before.bytes if pair.before else 0,
            new_bytes=pair.now.bytes if pair.now else 0,
        )
        for pair in match_places(before.rows, now.rows)
    )


def _stack_of(place: Place | None) -> tuple[str, ...]:
    if place is None:
        return ()
    row = place.row
    where = f"{row.file.rpartition('/')[2]}:{row.line}"
    said = row.source or row.function
    return (*row.callers, *_own(row), f"{said} ({where})" if said else where)


def _own(row: SiteRow) -> tuple[str, ...]:
    """Return the function that the line is in, where the line shows as its text."""
    file = row.file.rpartition("/")[2]
    return (f"{row.function} ({file})",) if row.source and row.function else ()


def compare_paths(before: PathTable, now: PathTable) -> InputChange:
    """Return which part of the input grew, of two tables of one parser.

    Of those that have most of the growth it is the one that grew by most times, and of several that
    grew alike, the one that holds the others: rather a list than its elements.
    """
    whole = InputChange(
        parser=now.parser, old_total_bytes=before.total_bytes, new_total_bytes=now.total_bytes
    )
    grown_bytes = now.total_bytes - before.total_bytes
    if now.total_bytes <= before.total_bytes * _GROWN:
        return whole
    known = {row.path: row for row in before.rows}
    telling = [
        row
        for row in now.rows
        if row.bytes - _before(row, known, before.unlisted_bytes) >= grown_bytes * _MOST
    ]
    if not telling:
        return whole
    times = {row.path: _times(row, known, before.unlisted_bytes) for row in telling}
    most = max(times.values())
    row = min(
        (row for row in telling if times[row.path] * _SAME >= most), key=lambda row: len(row.path)
    )
    row = _container(row, telling)
    was = known.get(row.path)
    return msgspec.structs.replace(
        whole,
        path=row.path,
        old_bytes=was.bytes if was else None,
        old_most_bytes=0 if was else before.unlisted_bytes,
        old_count=was.count if was else None,
        new_bytes=row.bytes,
        new_count=row.count,
    )


def _container(row: PathRow, telling: Sequence[PathRow]) -> PathRow:
    """Return the list or map whose elements grew, where it is among those that tell."""
    path = row.path.removesuffix("[*]").removesuffix(".*")
    return next((other for other in telling if other.path == path), row)


def _before(row: PathRow, known: dict[str, PathRow], most_bytes: int) -> int:
    """Return what a path cost before; at most so much where that was not listed."""
    return known[row.path].bytes if row.path in known else most_bytes


def _times(row: PathRow, known: dict[str, PathRow], most_bytes: int) -> float:
    return row.bytes / max(1, _before(row, known, most_bytes))
