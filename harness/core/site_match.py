"""Which line of now is which line of before, over edits that moved it, its file or its function."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from harness.core.sites import SiteRow

# Two texts that share less are two statements rather than one that was edited.
_ALIKE: Final = 0.6


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one text in one function, which no edit above or below tells apart.

    `row` is the one that holds most of `bytes`.
    """

    row: SiteRow
    bytes: int


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A place before and now; None where it is not listed there."""

    before: Place | None
    now: Place | None


def match_places(before: Iterable[SiteRow], now: Iterable[SiteRow]) -> tuple[Pair, ...]:
    """Return each place of both tables once, with the one that it is in the other.

    A place is known by its file, function and text. What is left is matched where there is one
    candidate alone: in another file, in another function, or with a text that was edited. The rest
    is new or gone.
    """
    work = _Matching(_places(before), _places(now))
    work.match(lambda row: (row.file, row.function, row.source))
    work.match(lambda row: (_name(row), row.function, row.source))
    work.match(lambda row: (row.function, row.source) if row.source else None)
    work.match(lambda row: (row.file, row.source) if row.source else None)
    work.match_edited()
    return work.pairs()


def _places(rows: Iterable[SiteRow]) -> list[Place]:
    groups: dict[tuple[str, str, str], list[SiteRow]] = defaultdict(list)
    for row in rows:
        groups[row.file, row.function, row.source].append(row)
    return [
        Place(
            row=max(group, key=lambda row: (row.bytes, -row.line)),
            bytes=sum(row.bytes for row in group),
        )
        for group in groups.values()
    ]


def _name(row: SiteRow) -> str:
    return row.file.rpartition("/")[2]


class _Matching:
    """The places that are not matched yet, and the pairs so far."""

    def __init__(self, before: Sequence[Place], now: Sequence[Place]) -> None:
        self._before = list(before)
        self._now = list(now)
        self._pairs: list[Pair] = []

    def match(self, key: Callable[[SiteRow], Hashable | None]) -> None:
        """Pair those of the same key, where each side has one of it."""
        before, now = _once(self._before, key), _once(self._now, key)
        for name in before.keys() & now.keys():
            self._pair(before[name], now[name])

    def match_edited(self) -> None:
        """Pair texts of one function that are most alike, where both say so of each other."""
        renamed = self._renamed()
        best_now = {id(place): _most_alike(place, self._now, renamed) for place in self._before}
        best_before = {id(place): _most_alike(place, self._before, renamed) for place in self._now}
        for place in list(self._before):
            found = best_now[id(place)]
            if found is not None and best_before[id(found)] is place:
                self._pair(place, found)

    def _renamed(self) -> frozenset[frozenset[str]]:
        """Return the names of files that are one, as those of their lines say that were found."""
        return frozenset(
            frozenset((pair.before.row.file, pair.now.row.file))
            for pair in self._pairs
            if pair.before is not None and pair.now is not None
        )

    def _pair(self, before: Place, now: Place) -> None:
        self._before = [place for place in self._before if place is not before]
        self._now = [place for place in self._now if place is not now]
        self._pairs.append(Pair(before=before, now=now))

    def pairs(self) -> tuple[Pair, ...]:
        """Return all, the largest of now first."""
        gone = [Pair(before=place, now=None) for place in self._before]
        new = [Pair(before=None, now=place) for place in self._now]
        return tuple(sorted([*self._pairs, *new, *gone], key=_size_of))


def _size_of(pair: Pair) -> tuple[int, int, str, int]:
    place = pair.now or pair.before
    where = (place.row.file, place.row.line) if place else ("", 0)
    return (
        -(pair.now.bytes if pair.now else 0),
        -(pair.before.bytes if pair.before else 0),
        *where,
    )


def _once(
    places: Iterable[Place], key: Callable[[SiteRow], Hashable | None]
) -> Mapping[Hashable, Place]:
    groups: dict[Hashable, list[Place]] = defaultdict(list)
    for place in places:
        if (name := key(place.row)) is not None:
            groups[name].append(place)
    return {name: group[0] for name, group in groups.items() if len(group) == 1}


def _most_alike(
    place: Place, others: Iterable[Place], renamed: frozenset[frozenset[str]]
) -> Place | None:
    """Return the one other place of the same function whose text is most alike; None if none is.

    Where two are alike to the same degree, neither is it.
    """
    scored = sorted(
        ((_likeness(place.row, other.row, renamed), other) for other in others),
        key=lambda item: -item[0],
    )
    if not scored or scored[0][0] < _ALIKE:
        return None
    if len(scored) > 1 and scored[1][0] == scored[0][0]:
        return None
    return scored[0][1]


def _likeness(one: SiteRow, other: SiteRow, renamed: frozenset[frozenset[str]]) -> float:
    same_file = _name(one) == _name(other) or frozenset((one.file, other.file)) in renamed
    same = same_file and one.function == other.function
    if not (same and one.function and one.source and other.source):
        return 0.0
    # The order of the two must not matter, which it does to a matcher.
    first, second = sorted((one.source, other.source))
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()
