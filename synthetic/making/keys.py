"""Keys of maps: different from one another within an object, and as long as the shape says."""

from collections.abc import Sequence
from typing import Final

from synthetic.making.filling_holes import Filler
from synthetic.making.holes import capacity, counted
from synthetic.making.quotas import Quota, Share, Sizes
from synthetic.making.shuffling import Shuffler, in_turn
from synthetic.making.texts import TextClass
from synthetic.shape import Strings

_MOST_KEPT: Final = 4096
_ROOM: Final = 2
"""So many times as many keys as are needed must be possible where several bins share them."""
_MOST_LONGER: Final = 12


class Keys:
    """Makes the keys of the maps of a place."""

    def __init__(
        self,
        strings: Strings,
        classes: Sequence[TextClass],
        *,
        level: int,
        filler: Filler,
        shuffler: Shuffler,
    ) -> None:
        """Make keys like `strings`, of maps that are in `level` other ones."""
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
        self._level = level
        self._filler = filler
        self._shuffler = shuffler
        self._counted: dict[bytes, bytes] = {}
        self._kept: list[bytes] = []
        self._used = 0
        total = self._quota.total
        distinct = total if strings.distinct is None else strings.distinct
        self._keep = min(distinct, _MOST_KEPT) if 10 * distinct < 9 * total else 0
        self._fresh = Share(max(distinct - self._keep, 0) if self._keep else 1, max(total, 1))

    def make_room(self, most: int) -> None:
        """See to it that a map of `most` keys finds enough different ones, if need be longer."""
        if self._keep < most:
            self._keep = 0
        for index, (class_, sizes) in enumerate(zip(self._classes, self._sizes, strict=True)):
            needed = -(-most * sizes.count // max(self._quota.total, 1))
            for longer in range(self._longer[index], _MOST_LONGER):
                self._longer[index] = longer
                possible = capacity(class_.templates([sizes.low + longer])[0])
                # Those that are longer share their number with others that are as long.
                if possible >= needed * (_ROOM if longer else 1):
                    break

    def take(self, count: int, weight: int) -> list[bytes]:
        """Return so many keys with their quotes, different ones near one another."""
        if not self._keep:
            return self._new(count, weight)
        if not self._kept:
            self._kept = self._filler.fill_texts(self._new(self._keep, 1), has_keys=True)
        fresh = self._fresh.of(count, weight, most=count)
        keys = in_turn(self._kept, self._used, count - fresh)
        self._used += count - fresh
        if not fresh:
            return keys
        # Among the kept ones at even distances, lest two of a kept key come into one map.
        new = self._new(fresh, weight)
        for index, key in enumerate(new):
            keys.insert(index * count // fresh, key)
        return keys

    def _new(self, count: int, weight: int) -> list[bytes]:
        keys: list[bytes] = []
        if not self._quota.total:
            return self._shuffled([b'"%b"' % self._key(b"\x01" * 8)] * count)
        drawn = self._quota.draw(count, weight)
        for number, class_, sizes, longer in zip(
            drawn, self._classes, self._sizes, self._longer, strict=True
        ):
            if number:
                lengths = sizes.take(number, weight)
                if longer:
                    lengths = [length + longer for length in lengths]
                keys += [b'"%b"' % self._key(text) for text in class_.templates(lengths, weight)]
        return self._shuffled(keys)

    def _shuffled(self, keys: list[bytes]) -> list[bytes]:
        return self._shuffler.shuffled(keys)

    def _key(self, template: bytes) -> bytes:
        key = self._counted.get(template)
        if key is None:
            key = self._counted[template] = counted(template, level=self._level)
        return key
