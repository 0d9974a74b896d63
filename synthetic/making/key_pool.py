"""The pool of keys: those of maps that maps elsewhere in the document have as well.

A key is its template and a number. Each place says how many of its keys are new; the others are
some of those that places before it have, as far as their templates are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from synthetic.making.filling_holes import Filler
from synthetic.making.holes import runs_of

_MOST_KEPT: Final = 1 << 17
"""About so many keys of a document are kept, and of each place a few."""
_LEAST_KEPT: Final = 4096
_STEP: Final = 5
_STEPS: Final = 8
"""Each place begins so many eighths further on among the keys that places share."""


class Owner(Protocol):
    """Who has keys in the pool."""

    def settle(self) -> None:
        """Reserve keys; it is called in the order of the shape."""


class Series:
    """The numbers of a place's keys of one template: some shared, and then new ones."""

    def __init__(self, *, start: int, shared: int, first: int) -> None:
        """Begin with `start`; behind those that are `shared`, go on with `first`."""
        self._start = start
        self._shared = shared
        self._first = first
        self._offset = first - shared
        self._taken = 0

    def again(self) -> "Series":
        """Return the same numbers, from the first one on."""
        return Series(start=self._start, shared=self._shared, first=self._first)

    def take(self, count: int) -> list[int]:
        """Return the next numbers."""
        taken = self._taken
        end = self._taken = taken + count
        between = min(max(self._shared, taken), end)
        start = self._start
        return [
            *range(taken + start, between + start),
            *range(between + self._offset, end + self._offset),
        ]


class KeyPool:
    """Keys of a document, by template and number."""

    def __init__(self, filler: Filler) -> None:
        """Fill keys with `filler`."""
        self._filler = filler
        self._owners: list[Owner] = []
        self._used: Counter[bytes] = Counter()
        self._alike: dict[frozenset[tuple[bytes, int]], dict[bytes, Series]] = {}
        self._reserved = 0
        self._capacities: dict[bytes, int] = {}
        self._room = _MOST_KEPT
        self.is_shared = False

    def add(self, owner: Owner, *, is_sharing: bool) -> None:
        """Have an owner reserve its keys before the first one is made."""
        self._owners.append(owner)
        self.is_shared |= is_sharing

    def room_for(self, count: int) -> int:
        """Return how many of so many keys of a place may be kept, of which there is less then."""
        room = max(self._room, _LEAST_KEPT)
        self._room -= count
        return room

    def settle(self) -> None:
        """Have all owners reserve their keys."""
        owners, self._owners = self._owners, []
        for owner in owners:
            owner.settle()

    def reserve(self, counts: Mapping[bytes, int], fresh: int) -> dict[bytes, Series]:
        """Return the numbers of so many keys of each template, `fresh` of which are new.

        Where none is, and a place has just as many of each, they are most likely that place's.
        """
        alike = frozenset(counts.items())
        if not fresh and alike in self._alike:
            return {template: each.again() for template, each in self._alike[alike].items()}
        known = {template: min(count, self._used[template]) for template, count in counts.items()}
        wanted = max(sum(counts.values()) - fresh, 0)
        left = sum(known.values())
        found = {}
        for template, count in counts.items():
            used = self._used[template]
            shared = min(known[template], -(-wanted * known[template] // max(left, 1)))
            shared = max(shared, min(used, used + count - self._possible(template)))
            wanted = max(wanted - shared, 0)
            left -= known[template]
            # Places have other ones of those before each, so that all come again somewhere.
            start = (used - shared) * (self._reserved * _STEP % _STEPS) // (_STEPS - 1)
            found[template] = Series(start=start, shared=shared, first=used)
            self._used[template] = used + count - shared
        self._alike[alike] = found
        self._reserved += 1
        return found

    def _possible(self, template: bytes) -> int:
        """Return how many different keys a template can make."""
        if template not in self._capacities:
            runs = runs_of(np.frombuffer(template, np.uint8))
            self._capacities[template] = 1 << sum(each.bits for each in runs)
        return self._capacities[template]

    def kept(self, templates: Sequence[bytes], fresh: int) -> list[bytes]:
        """Return a key for each template, no two of them the same, so many of them new."""
        series = self.reserve(Counter(templates), fresh)
        return self.filled(templates, series)

    def filled(self, templates: Sequence[bytes], series: Mapping[bytes, Series]) -> list[bytes]:
        """Return the next key of each template's series; of those without, the template."""
        if not series:
            return [*templates]
        places: dict[bytes, list[int]] = defaultdict(list)
        for place, template in enumerate(templates):
            places[template].append(place)
        keys = [*templates]
        for template, mine in places.items():
            if template in series:
                found = self._filler.keys(template, series[template].take(len(mine)))
                for place, key in zip(mine, found, strict=True):
                    keys[place] = key
        return keys
