"""Scalars: the kinds of value without parts that a place has, and templates of each."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from synthetic.making.filling_holes import Filler
from synthetic.making.giants import heavy_parted
from synthetic.making.numerals import float_template, integer_templates
from synthetic.making.quotas import Share, Sizes
from synthetic.making.shuffling import in_turn
from synthetic.making.texts import TextClass
from synthetic.shape import Numbers, Strings, Width

_MOST_KEPT: Final = 1024
"""Where more values than these are said to recur, some recur and the others are new each time."""


class Scalar(Protocol):
    """A kind of value of which templates are made."""

    count: int

    def take(self, count: int, weight: int) -> list[bytes]:
        """Return so many templates."""


class Constant:
    """A value that is always the same."""

    __slots__ = ("_text", "count")

    def __init__(self, text: bytes, count: int) -> None:
        """Give `text`."""
        self.count = count
        self._text = text

    def take(self, count: int, weight: int) -> list[bytes]:  # noqa: ARG002  (as all scalars have it)
        """Return the text so many times."""
        return [self._text] * count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """How many values a kind keeps to use again, and how many of its values are new."""

    kept: int
    fresh: int


class Recurring:
    """Values of which some recur: they are made once, and then used in turn."""

    __slots__ = ("_filler", "_fresh", "_kept", "_make", "_recurrence", "_used", "count")

    def __init__(
        self,
        count: int,
        recurrence: Recurrence,
        make: Callable[[int, int], list[bytes]],
        fill: Filler,
    ) -> None:
        """Make values, of a number and a weight, with `make`, and fill those to keep."""
        self.count = count
        self._recurrence = recurrence
        self._fresh = Share(recurrence.fresh, count)
        self._make = make
        self._filler = fill
        self._kept: list[bytes] = []
        self._used = 0

    def take(self, count: int, weight: int) -> list[bytes]:
        """Return so many templates, the new ones first."""
        if not self._recurrence.kept:
            return self._make(count, weight)
        if not self._kept:
            self._kept = self._filler.fill_texts(self._make(self._recurrence.kept, 1))
        fresh = self._fresh.of(count, weight, most=count)
        texts = in_turn(self._kept, self._used, count - fresh)
        self._used += count - fresh
        return self._make(fresh, weight) + texts if fresh else texts


def recurrences(counts: Sequence[int], distinct: int | None) -> list[Recurrence]:
    """Return how the kinds of a place, so many of each, share its distinct values."""
    total = sum(counts)
    if distinct is None or 10 * distinct >= 9 * total:
        return [Recurrence(kept=0, fresh=count) for count in counts]
    kept = min(distinct, _MOST_KEPT)
    each = [max(kept * count // max(total, 1), 1) for count in counts]
    fresh = distinct - kept
    return [
        Recurrence(kept=min(own, max(count, 1)), fresh=fresh * count // max(total, 1))
        for own, count in zip(each, counts, strict=True)
    ]


class StringBin:
    """Strings of one width and about one length."""

    __slots__ = ("_class", "_sizes")

    def __init__(self, class_: TextClass, sizes: Sizes) -> None:
        """Make strings of `sizes` characters."""
        self._class = class_
        self._sizes = sizes

    def make(self, count: int, weight: int) -> list[bytes]:
        """Return so many templates, with their quotes."""
        texts = self._class.templates(self._sizes.take(count, weight), weight)
        return [b'"%b"' % text for text in texts]


class Numeral:
    """Numbers of one class."""

    __slots__ = ("_templates", "_used")

    def __init__(self, templates: Sequence[bytes]) -> None:
        """Use the templates in turn."""
        self._templates = templates
        self._used = 0

    def make(self, count: int, weight: int) -> list[bytes]:  # noqa: ARG002  (as strings have it)
        """Return so many templates."""
        texts = in_turn(self._templates, self._used, count)
        self._used += count
        return texts


def strings(
    strings_: Strings, classes: Sequence[TextClass], fill: Filler
) -> Iterator[tuple[Scalar, Width]]:
    """Yield the kinds of string of a place, one for each bin, with their width."""
    bins = [
        (class_, bin_, texts.width)
        for texts, class_ in zip(strings_.texts, classes, strict=True)
        for bin_ in heavy_parted(texts.characters, class_.bytes_per_character)[0]
    ]
    shares = recurrences([bin_.count for _, bin_, _ in bins], strings_.distinct)
    for (class_, bin_, width), share in zip(bins, shares, strict=True):
        sizes = Sizes(low=bin_.low, high=bin_.high, count=bin_.count, total=bin_.total)
        yield Recurring(bin_.count, share, StringBin(class_, sizes).make, fill), width


def numbers(numbers_: Numbers, fill: Filler) -> Iterator[Scalar]:
    """Yield the kinds of number of a place, one for each class."""
    classes: list[tuple[int, Sequence[bytes]]] = [
        (class_.count, integer_templates(class_)) for class_ in numbers_.integers if class_.count
    ]
    classes += [
        (class_.count, (float_template(class_),)) for class_ in numbers_.floats if class_.count
    ]
    shares = recurrences([count for count, _ in classes], numbers_.distinct)
    for (count, templates), share in zip(classes, shares, strict=True):
        yield Recurring(count, share, Numeral(templates).make, fill)


def text_classes(strings_: Strings, widest: Width) -> list[TextClass]:
    """Return the makers of the texts of each width."""
    return [TextClass(texts, widest=widest) for texts in strings_.texts]
