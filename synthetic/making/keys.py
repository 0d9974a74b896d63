"""Keys of maps: different from one another within an object, and as long as the shape says."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Final

from synthetic.making.filling_holes import Filler
from synthetic.making.holes import capacity, counted
from synthetic.making.quotas import MOST_WEIGHT, Quota, Sizes
from synthetic.making.recurring import Recurring
from synthetic.making.shuffling import Shuffler
from synthetic.making.texts import TextClass
from synthetic.shape import Strings

_ROOM: Final = 2
"""So many times as many keys as are needed must be possible where several bins share them."""
_MOST_LONGER: Final = 12


class KeyPool:
    """Keys that recur in a document: those of different places are the same as far as can be."""

    def __init__(self, filler: Filler) -> None:
        """Fill keys with `filler`."""
        self._filler = filler
        self._made: dict[bytes, list[bytes]] = {}

    def keys(self, templates: Sequence[bytes]) -> list[bytes]:
        """Return a key for each template, no two of them the same."""
        used: dict[bytes, int] = {}
        keys = []
        for template in templates:
            made = self._made.setdefault(template, [])
            number = used.get(template, 0)
            used[template] = number + 1
            if number == len(made):
                made += self._filler.fill_texts([template] * (number + 1), has_keys=True)
            keys.append(made[number])
        return keys


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
        self._level = level
        self._pool = kit.pool
        self._shuffler = kit.shuffler
        self._counted: dict[bytes, bytes] = {}
        self._recurring = Recurring(strings, self._quota.total, keys_per_key)
        self._kept: list[bytes] = []
        self._taken = 0

    def make_room(self, most: int) -> None:
        """See to it that a map of `most` keys finds enough different ones, if need be longer."""
        for index, (class_, sizes) in enumerate(zip(self._classes, self._sizes, strict=True)):
            needed = -(-most * sizes.count // max(self._quota.total, 1))
            for longer in range(self._longer[index], _MOST_LONGER):
                self._longer[index] = longer
                possible = capacity(class_.templates([sizes.low + longer])[0])
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
        first = self._taken
        self._taken += count
        kept = self._keep()[first : first + count]
        return kept + self._new(count - len(kept), weight)

    def take(self, lengths: Sequence[int], weight: int) -> list[bytes]:
        """Return the keys, with their quotes, of maps of so many keys, one map after the other."""
        if not self._recurring.sizes or not lengths:
            return self._new(sum(lengths), weight)
        chosen, new = self._recurring.chosen(lengths, weight)
        keys = self._keep() + self._new(new, weight)
        return [keys[number] for number in chosen]

    def _keep(self) -> list[bytes]:
        """Return the keys that recur, from the commonest on."""
        if not self._kept and self._recurring.sizes:
            # The others make up for what is too much in the commonest.
            pieces = zip(self._recurring.sizes, self._recurring.uses, strict=True)
            templates = [
                self._new(size, min(max(uses // size, 1), MOST_WEIGHT)) for size, uses in pieces
            ]
            self._kept = self._pool.keys([*itertools.chain(*templates)])
        return self._kept

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
