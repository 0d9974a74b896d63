"""Sources: the elements of containers that have very many, made in blobs and used again if need be.

A document of some megabytes is made throughout: every element is used once, and the quotas come
out to the last value. In a larger one most blobs are used several times, each time with other
bytes in their holes, and in turn with others, so that what repeats lies far apart. The last blobs
are used once each, and bring the quotas to what they owe.
"""

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from synthetic.making.containers import ContainerMaker
from synthetic.making.filling_holes import Filler
from synthetic.making.holes import Places, Template
from synthetic.making.quotas import MOST_DRAWN, MOST_WEIGHT
from synthetic.making.shuffling import Shuffler

BLOB_BYTES: Final = 256 * 1024
_LEAST_BLOB_BYTES: Final = 64 * 1024
_MOST_BLOB_BYTES: Final = 512 * 1024
_MOST_ONCE_BYTES: Final = 1024 * 1024
_BLOB_BYTES_OF_PLACE: Final = 400
"""A blob is larger where elements have very many places, each of which costs time for each blob."""
_MADE_PLACES: Final = 60_000
"""So many places times blobs are made of a document, if blobs are used again."""
_AT_ONCE_BYTES: Final = 3 * 512 * 1024
_ONCE_BYTES: Final = 20_000_000
_EXACT_BYTES: Final = 200_000_000
"""Up to so many bytes of a document every element is made for one use: of most, and of one as large
as the source of its shape, if its elements have maps: what is used again has no keys that recur."""
_MADE_BYTES: Final = 12_000_000
_MADE_VALUES: Final = 500_000
"""Of a larger one about so much is made, or so many values, and used again to fill it up."""
_ONCE: Final = 6
"""One part in so many of what is made is used once only."""
_MANY: Final = 16
"""More elements than were planned are used again as well, if they would be so many blobs."""
_MOST_OF: Final = 80
"""Of these, so many in a hundred."""


class Blob:
    """Elements with the commas after them, as one template."""

    def __init__(self, container: ContainerMaker, entries: Sequence[bytes]) -> None:
        """Put some elements together."""
        comma = container.brackets.comma
        has_keys = container.keys is not None or (
            container.elements is not None and container.elements.has_keys
        )
        self.template = Template(comma.join([*entries, b""]), has_keys=has_keys)
        lengths = np.fromiter(map(len, entries), np.intp, len(entries))
        self.ends: Places = np.concatenate(([0], np.cumsum(lengths + len(comma))))

    def __len__(self) -> int:
        return len(self.ends) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needs:
    """What is needed of a source.

    Attributes:
        elements: how many in all.
        share: how much of the document they are, in millionths.
        containers: how many containers they are in.
        are_exact: whether the document is as large as the source of its shape.

    """

    elements: int
    share: int
    containers: int
    are_exact: bool


class Source:
    """The elements of the containers of a place, one after another.

    Attributes:
        containers: how many containers are to come that have some of them.

    """

    def __init__(
        self, container: ContainerMaker, needs: Needs, *, filler: Filler, seed: int
    ) -> None:
        """Plan to give elements as they are needed."""
        planned, share = needs.elements, needs.share
        self.containers = needs.containers
        self._container = container
        self._comma = len(container.brackets.comma)
        self._filler = filler
        self._shuffler = Shuffler(seed, "blobs")
        mean, among = container.mean_bytes(whole=False)
        mean = max(mean, 1)
        places = 1 if container.elements is None else container.elements.places
        blob_bytes = max(BLOB_BYTES, min(places * _BLOB_BYTES_OF_PLACE, _MOST_BLOB_BYTES))
        # There may be very many sources, and each keeps two blobs at least.
        blob_bytes = max(min(blob_bytes * 4 * share // 1_000_000, blob_bytes), _LEAST_BLOB_BYTES)
        self._per_blob = max(min(blob_bytes * among // mean, MOST_DRAWN), 1)
        self._at_once = max(_AT_ONCE_BYTES * share // 1_000_000 // blob_bytes, 2)
        self._ahead = 1
        made = planned
        has_maps = container.elements is not None and container.elements.has_keys
        once_bytes = _EXACT_BYTES if needs.are_exact and has_maps else _ONCE_BYTES
        if planned * mean > once_bytes * share // 1_000_000 * among:
            values = 1 if container.elements is None else container.elements.values
            count = 1 if container.elements is None else container.elements.count
            made_bytes = max(_MADE_BYTES * share // 1_000_000, 2 * blob_bytes)
            made_bytes = min(made_bytes, max(_MADE_PLACES // places, 4) * blob_bytes)
            made_values = max(_MADE_VALUES * share // 1_000_000, 2 * self._per_blob)
            made = min(made_bytes * among // mean, made_values * max(count, 1) // max(values, 1))
            made = max(made, 2 * self._per_blob, planned // (MOST_WEIGHT - 1))
        self._once = made // _ONCE
        blobs = max((made - self._once) // self._per_blob, 1)
        weight = (planned - self._once) // (blobs * self._per_blob)
        self._weight = min(max(weight, 1), MOST_WEIGHT)
        self._again = blobs if weight > 1 else 0
        if not self._again:
            self._once = planned
        self._blobs = self._in_order()
        self._blob: Blob | None = None
        self._used = 0

    def take(self, count: int, ahead: int, most_bytes: int | None) -> tuple[bytes, int]:
        """Return up to `count` elements, and how many they are, from one blob.

        There is no comma after the last one. None at all are as many as fit into `most_bytes`.
        `ahead` is how many will be asked for right after each other.
        """
        self._ahead = ahead
        if self._blob is None or self._used == len(self._blob):
            self._blob = next(self._blobs)
            self._used = 0
        blob, first = self._blob, self._used
        last = min(first + count, len(blob))
        start = int(blob.ends[first])
        if most_bytes is not None:
            fitting = start + most_bytes + self._comma
            last = min(last, int(np.searchsorted(blob.ends, fitting, side="right")) - 1)
        if last <= first:
            return b"", 0
        self._used = last
        text = self._filler.fill(blob.template, start, int(blob.ends[last]) - self._comma)
        return text, last - first

    def _in_order(self) -> Iterator[Blob]:
        """Yield blobs in the order of their use, without end."""
        again, weight = self._again, self._weight
        while True:
            yield from self._used_again(again, weight)
            once = 0
            while once < self._once or self._ahead < _MANY * self._per_blob:
                # No more than are asked for: what is made and not used, the quotas take for used.
                for blob in self._used_once(min(self._per_blob, self._ahead)):
                    once += len(blob)
                    yield blob
            # There are many more than were planned for.
            again = self._at_once
            weight = self._ahead * _MOST_OF // (100 * again * self._per_blob)
            weight = min(max(weight, 1), MOST_WEIGHT)

    def _used_once(self, count: int) -> Iterator[Blob]:
        """Yield so many elements in one blob, or in several.

        What is too rare to be used again is among these, and may be as large as all others.
        """
        entries = deque(self._container.part(count, 1))
        while entries:
            some = [entries.popleft()]
            some_bytes = len(some[0])
            while entries and some_bytes + len(entries[0]) <= _MOST_ONCE_BYTES:
                some_bytes += len(entries[0])
                some.append(entries.popleft())
            yield Blob(self._container, some)

    def _used_again(self, again: int, weight: int) -> Iterator[Blob]:
        """Yield so many blobs `weight` times each, a few of them in turn with one another."""
        while wanted := min(again, self._at_once):
            again -= wanted
            blobs = [
                Blob(self._container, self._container.part(self._per_blob, weight))
                for _ in range(wanted)
            ]
            for _ in range(weight):
                yield from (blobs[index] for index in self._shuffler.order(wanted).tolist())
            del blobs
