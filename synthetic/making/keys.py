"""Keys of maps: different from one another within an object, and as long as the shape says."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Final

from synthetic.making.holes import capacity, counted
from synthetic.making.key_pool import KeyPool, Series
from synthetic.making.quotas import MOST_WEIGHT, Quota, Sizes
from synthetic.making.recurring import Recurring
from synthetic.making.shuffling import Shuffler
from synthetic.making.texts import TextClass
from synthetic.shape import Strings

_ROOM: Final = 2
"""So many times as many keys as are needed must be possible where several bins share them."""
_MOST_LONGER: Final = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeyKit:
    """What all makers of keys share."""

    pool: KeyPool
    shuffler: Shuffler


class Keys:
    """Makes the keys of the maps of a place."""

    def __init__(
        self,
        strings: Strings,
        classes: Sequence[TextClass],
        *,
        level: int,
        kit: KeyKit,
        keys_per_key: int,
    ) -> None:
        """Make keys like `strings`, of maps that are in `level` other ones.

        For each key there are `keys_per_key` in the text, with those in its value.
        """
        bins = [
            (class_, bin_)
            for texts, class_ in zip(strings.texts, classes, strict=True)
            for bin_ in texts.characters
            if bin_.count
        ]
        self._classes = [class_ for class_, _ in bins]
        self._sizes = [
            Sizes(low=bin_.low, high=bin_.high, count=bin_.count, total=bin_.total)
            for _, bin_ in bins
        ]
        self._quota = Quota([bin_.count for _, bin_ in bins])
        self._longer = [0] * len(bins)
        self._possible: dict[tuple[int, int], int] = {}
        self._level = level
        self._pool = kit.pool
        self._shuffler = kit.shuffler
        self._counted: dict[tuple[bytes, int], bytes] = {}
        most = self._pool.room_for(strings.distinct or 0)
        self._recurring = Recurring(strings, self._quota.total, keys_per_key, most)
        self._strings = strings
        self._kept: list[bytes] = []
        self._series: dict[bytes, Series] = {}
        self._taken = 0
        self._pool.add(self, is_sharing=strings.fresh is not None)

    @property
    def total(self) -> int:
        """How many keys there are in all, in a document as large as the shape's source."""
        return self._quota.total

    def make_room(self, most: int) -> None:
        """See to it that a map of `most` keys finds enough different ones, if need be longer."""
        for index, (class_, sizes) in enumerate(zip(self._classes, self._sizes, strict=True)):
            needed = -(-most * sizes.count // max(self._quota.total, 1))
            for longer in range(self._longer[index], _MOST_LONGER):
                self._longer[index] = longer
                possible = self._possible.get((index, longer))
                if possible is None:
                    possible = capacity(class_.templates([sizes.low + longer])[0])
                    if class_.is_plain:  # others owe something for each template that is made
                        self._possible[index, longer] = possible
                # Those that are longer share their number with others that are as long.
                if possible >= needed * (_ROOM if longer else 1):
                    break

    def begin(self, length: int) -> None:
        """Begin a map of so many keys, which are taken in parts."""
        self.make_room(length)
        self._taken = 0

    def take_part(self, count: int, weight: int) -> list[bytes]:
        """Return the next keys, with their quotes, of the map that was begun."""
        if weight > 1:  # what is used again may not hold what must not come twice
            return self._new(count, weight)
        self._pool.settle()
        first = self._taken
        self._taken += count
        kept = self._kept[first : first + count]
        return kept + self._new(count - len(kept), weight)

    def take(self, lengths: Sequence[int], weight: int) -> list[bytes]:
        """Return the keys, with their quotes, of maps of so many keys, one map after the other."""
        self._pool.settle()
        if not self._recurring.sizes or not lengths:
            return self._new(sum(lengths), weight)
        chosen, new = self._recurring.chosen(lengths, weight)
        keys = self._kept + self._new(new, weight)
        return [keys[number] for number in chosen]

    def settle(self) -> None:
        """Make the keys that recur, from the commonest on, and number the others."""
        if self._recurring.sizes:
            # The others make up for what is too much in the commonest.
            pieces = zip(self._recurring.sizes, self._recurring.uses, strict=True)
            templates = [
                self._drawn(size, min(max(uses // size, 1), MOST_WEIGHT), level=0)
                for size, uses in pieces
            ]
            kept = [*itertools.chain(*templates)]
            fresh = self._strings.fresh
            self._kept = self._pool.kept(kept, len(kept) if fresh is None else fresh)
        elif self._pool.is_shared:
            self._series = self._numbered()

    def _numbered(self) -> dict[bytes, Series]:
        """Return the numbers of keys that are there once, of templates that are sure to come."""
        counts: Counter[bytes] = Counter()
        own: dict[bytes, bytes] = {}
        for class_, sizes, longer in zip(self._classes, self._sizes, self._longer, strict=True):
            if class_.is_plain and sizes.low == sizes.high:
                template = class_.templates([sizes.low + longer])[0]
                key = b'"%b"' % self._key(template, 0)
                counts[key] += sizes.count
                own[b'"%b"' % self._key(template, self._level)] = key
        total, fresh = self._quota.total, self._strings.fresh
        wanted = total - (total if fresh is None else fresh)
        series = self._pool.reserve(counts, max(sum(counts.values()) - wanted, 0))
        return {template: series[key] for template, key in own.items()}

    def _new(self, count: int, weight: int) -> list[bytes]:
        """Return keys that are not among those that recur."""
        keys = self._drawn(count, weight, level=self._level)
        # What is used again may not hold what must not come twice.
        return keys if weight > 1 else self._pool.filled(keys, self._series)

    def _drawn(self, count: int, weight: int, *, level: int) -> list[bytes]:
        keys: list[bytes] = []
        if not self._quota.total:
            return [b'"%b"' % self._key(b"\x01" * 8, level)] * count
        drawn = self._quota.draw(count, weight)
        for number, class_, sizes, longer in zip(
            drawn, self._classes, self._sizes, self._longer, strict=True
        ):
            if number:
                lengths = sizes.take(number, weight)
                if longer:
                    lengths = [length + longer for length in lengths]
                texts = class_.templates(lengths, weight)
                keys += [b'"%b"' % self._key(text, level) for text in texts]
        return self._shuffler.shuffled(keys)

    def _key(self, template: bytes, level: int) -> bytes:
        key = self._counted.get((template, level))
        if key is None:
            key = self._counted[template, level] = counted(template, level=level)
        return key
