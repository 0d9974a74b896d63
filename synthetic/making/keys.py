"""Keys of maps: different from one another within an object, and as long as the shape says."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Final

from synthetic.making.filling_holes import Filler
from synthetic.making.holes import capacity, counted
from synthetic.making.quotas import MOST_WEIGHT, Quota, Share, Sizes
from synthetic.making.shuffling import Shuffler, in_turn
from synthetic.making.texts import TextClass
from synthetic.shape import Strings

_MOST_KEPT: Final = 4096
_ROOM: Final = 2
"""So many times as many keys as are needed must be possible where several bins share them."""
_MOST_LONGER: Final = 12
_TOGETHER: Final = 2
"""So many maps in a row have the same keys where nothing is known: what is alike is together."""
_SOON: Final = 2048


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
class _Recurring:
    """Keys about as common as each other.

    Attributes:
        number: how many there are.
        uses: how often they are used in all.
        share: dealt, the part of all keys that they are.
        moves: dealt, in how many maps others of them come than in the map before.

    """

    number: int
    uses: int
    share: Share
    moves: Share


def _recurring(strings: Strings, total: int, keys_per_key: int) -> tuple[list[_Recurring], int]:
    """Return the keys that recur, from the commonest on, and how many of all are new each time.

    For each key there are `keys_per_key` in the text, with those in its value.
    """
    distinct = total if strings.distinct is None else strings.distinct
    if 10 * distinct >= 9 * total:
        return [], total
    pieces: list[tuple[int, int]] = []
    left = total
    for index, uses in enumerate(strings.commonest):
        number = 1 << index
        if not uses or number >= distinct or uses >= left:
            break
        pieces.append((number, uses))
        distinct -= number
        left -= uses
    kept = min(max(distinct, 1), _MOST_KEPT)
    fresh = max(distinct - kept, 0)
    pieces.append((kept, max(left - fresh, 1)))
    spacing = total * keys_per_key
    moves = _moves(pieces, fresh, total, spacing, strings.met_again)
    found = [
        _Recurring(
            number=number,
            uses=uses,
            share=Share(uses, total),
            moves=Share(moves if _is_cold(number, uses, spacing) else 1000, 1000),
        )
        for number, uses in pieces
    ]
    return found, fresh


def _is_cold(number: int, uses: int, spacing: int) -> bool:
    """Whether between two uses of a key, if all come in turn, there are many others."""
    return number * spacing > _SOON * uses


def _moves(
    pieces: Sequence[tuple[int, int]],
    fresh: int,
    total: int,
    spacing: int,
    met_again: float | None,
) -> int:
    """Return in how many maps of a thousand other keys come than in the map before.

    Keys that come in turn are met again too late. So the same ones come in some maps in a row, such
    that as many are met again soon as the shape says.
    """
    if met_again is None:
        return 1000 // _TOGETHER
    late = total - int(total * met_again) - fresh
    late -= sum(number for number, uses in pieces if not _is_cold(number, uses, spacing))
    cold = sum(uses for number, uses in pieces if _is_cold(number, uses, spacing))
    return min(max(1000 * late // max(cold, 1), 1), 1000)


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
        self._recurring, fresh = _recurring(strings, self._quota.total, keys_per_key)
        self._fresh = Share(fresh, self._quota.total)
        self._kept: list[list[bytes]] = []
        self._used = [0] * len(self._recurring)
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
        kept = [*itertools.chain(*self._keep())][first : first + count]
        return kept + self._new(count - len(kept), weight)

    def _keep(self) -> list[list[bytes]]:
        """Return the keys that recur, from the commonest on."""
        if self._recurring and not self._kept:
            # The others make up for what is too much in the commonest.
            templates = [
                self._new(each.number, min(max(each.uses // each.number, 1), MOST_WEIGHT))
                for each in self._recurring
            ]
            keys = iter(self._pool.keys([*itertools.chain(*templates)]))
            self._kept = [list(itertools.islice(keys, len(each))) for each in templates]
        return self._kept

    def take(self, lengths: Sequence[int], weight: int) -> list[bytes]:
        """Return the keys, with their quotes, of maps of so many keys, one map after the other."""
        if not self._recurring:
            return self._new(sum(lengths), weight)
        self._keep()
        made: list[bytes] = []
        last = len(self._kept) - 1
        for length in lengths:
            left = length - self._fresh.of(length, weight, most=length)
            new = length - left
            for index, (kept, each) in enumerate(zip(self._kept, self._recurring, strict=True)):
                number = min(left, len(kept))
                if index < last:
                    number = each.share.of(length, weight, most=number)
                made += in_turn(kept, self._used[index], number)
                if number and each.moves.of(1):
                    self._used[index] += number
                left -= number
            if new + left:
                made += self._new(new + left, weight)
        return made

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
