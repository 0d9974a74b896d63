"""Containers: arrays and maps of a place, made of their elements' texts, many at a time."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from synthetic.making.giants import Giant, heavy_parted
from synthetic.making.keys import Keys
from synthetic.making.layout import Brackets
from synthetic.making.quotas import Sizes
from synthetic.shape import Bin
from synthetic.shape import Giant as ShapeGiant

if TYPE_CHECKING:
    from synthetic.making.places import PlaceMaker

_MOST_FORMATTED: Final = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing:
    """How the containers of a place are written.

    Attributes:
        keys: what makes the keys, if it is maps.
        colon: what stands behind each key.
        key_bytes: what all `key_count` keys have, with their quotes and colons.

    """

    brackets: Brackets
    keys: Keys | None = None
    colon: bytes = b""
    key_bytes: int = 0
    key_count: int = 1


class ContainerMaker:
    """Makes the arrays of a place, or its maps.

    Attributes:
        sizes: of each bin of lengths, less those that are so large that they are made as giants.
        giants: the containers made on their own.
        count: how many containers there are, giants included, and `elements_count` elements.

    """

    def __init__(
        self,
        *,
        lengths: Sequence[Bin],
        giants: Sequence[ShapeGiant],
        elements: "PlaceMaker | None",
        writing: Writing,
    ) -> None:
        """Make containers of `elements`."""
        self.brackets = writing.brackets
        self.keys = writing.keys
        self.colon = writing.colon
        self.elements = elements
        self._entry_bytes = (writing.key_bytes, max(writing.key_count, 1))
        own = [Giant(at=giant.at, size=giant.size) for giant in giants]
        light, heavy = heavy_parted(lengths, self.mean_bytes())
        self.giants: list[Giant] = sorted(own + heavy, key=lambda giant: giant.at)
        self.sizes = [
            Sizes(low=bin_.low, high=bin_.high, count=bin_.count, total=bin_.total)
            for bin_ in light
        ]
        self.regular = sum(bin_.count for bin_ in light)
        self.count = self.regular + len(self.giants)
        self.regular_elements = sum(bin_.total for bin_ in light)
        self.elements_count = self.regular_elements + sum(giant.size for giant in self.giants)
        self.empty = sum(bin_.count for bin_ in light if bin_.high == 0)
        self.longest = max((bin_.high for bin_ in light), default=0)
        if self.keys is not None:
            self.keys.make_room(self.longest)

    def mean_bytes(self, *, whole: bool = True) -> tuple[int, int]:
        """Return the mean bytes of an element with its key and comma, as a fraction."""
        part, of = self._entry_bytes
        if self.elements is None:
            return len(self.brackets.comma), 1
        mean, among = self.elements.mean_whole() if whole else self.elements.mean_plain()
        return mean * of + (part + len(self.brackets.comma) * of) * among, among * of

    def key_bytes(self) -> int:
        """Return the mean bytes of a key with its quotes and its colon; 0 for arrays."""
        part, among = self._entry_bytes
        return part // among

    def own_bytes(self) -> int:
        """Return the bytes of all containers without their elements and commas."""
        frame = len(self.brackets.opening) + len(self.brackets.closing)
        frame -= len(self.brackets.comma)  # there is one less than there are elements
        full = self.count - self.empty
        return full * frame + self.empty * len(self.brackets.empty)

    def whole_bytes(self) -> int:
        """Return the bytes of all containers."""
        if self.elements is None:
            return self.own_bytes()
        part, of = self._entry_bytes
        entries = self.elements_count * part // of + self.elements.whole_bytes
        return self.own_bytes() + entries + self.elements_count * len(self.brackets.comma)

    def plain_bytes(self) -> int:
        """Return the bytes of those that are no giants, and have none in them."""
        mean, among = self.mean_bytes(whole=False)
        return self.own_bytes() + self.regular_elements * mean // among

    def texts(self, drawn: Sequence[int], weight: int) -> list[bytes]:
        """Return the templates of so many containers of each bin."""
        lengths = [
            (sizes, sizes.take(count, weight) if count else [])
            for sizes, count in zip(self.sizes, drawn, strict=True)
        ]
        entries = self._whole([length for _, each in lengths for length in each], weight)
        texts: list[bytes] = []
        start = 0
        for sizes, each in lengths:
            if each:
                end = start + sum(each)
                is_fixed = sizes.low == sizes.high <= _MOST_FORMATTED
                join = self._formatted if is_fixed else self._joined
                texts += join(each, entries[start:end])
                start = end
        return texts

    def part(self, count: int, weight: int) -> list[bytes]:
        """Return the templates of the next elements of one container, with their keys if any."""
        if self.elements is None:
            return []
        values = self.elements.texts(count, weight)
        if self.keys is None:
            return values
        return self._keyed(self.keys.take_part(count, weight), values)

    def _whole(self, lengths: Sequence[int], weight: int) -> list[bytes]:
        """Return the templates of the elements of whole containers, one after the other."""
        count = sum(lengths)
        if not count or self.elements is None:
            return []
        values = self.elements.texts(count, weight)
        if self.keys is None:
            return values
        return self._keyed(self.keys.take(lengths, weight), values)

    def _keyed(self, keys: Sequence[bytes], values: Sequence[bytes]) -> list[bytes]:
        colon = self.colon
        return [key + colon + value for key, value in zip(keys, values, strict=True)]

    def _formatted(self, lengths: Sequence[int], entries: Sequence[bytes]) -> list[bytes]:
        """Return containers of the same length."""
        length = lengths[0]
        if not length:
            return [self.brackets.empty] * len(lengths)
        each = self.brackets.comma.join([b"%b"] * length)
        form = self.brackets.opening + each + self.brackets.closing
        return [form % row for row in zip(*[iter(entries)] * length, strict=True)]

    def _joined(self, lengths: Sequence[int], entries: Sequence[bytes]) -> Iterator[bytes]:
        start = 0
        comma, opening, closing = self.brackets.comma, self.brackets.opening, self.brackets.closing
        for end in itertools.accumulate(lengths):
            yield opening + comma.join(entries[start:end]) + closing
            start = end
