"""Scalars: the kinds of value without parts that a place has, and templates of each."""

import dataclasses
from collections.abc import Iterator, Sequence
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

    @property
    def count(self) -> int:
        """How many there are in all."""

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

    __slots__ = ("_filler", "_fresh", "_kept", "_made", "_used", "count")

    def __init__(self, made: Scalar, recurrence: Recurrence, filler: Filler) -> None:
        """Make values with `made`, and fill those to keep."""
        self.count = made.count
        self._made = made
        self._kept: int | list[bytes] = recurrence.kept
        self._fresh = Share(recurrence.fresh, made.count)
        self._filler = filler
        self._used = 0

    def take(self, count: int, weight: int) -> list[bytes]:
        """Return so many templates, the new ones first."""
        if isinstance(self._kept, int):
            self._kept = self._filler.fill_texts(self._made.take(self._kept, 1))
        fresh = self._fresh.of(count, weight, most=count)
        texts = in_turn(self._kept, self._used, count - fresh)
        self._used += count - fresh
        return self._made.take(fresh, weight) + texts if fresh else texts


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

    @property
    def count(self) -> int:
        """How many there are in all."""
        return self._sizes.count

    def take(self, count: int, weight: int) -> list[bytes]:
        """Return so many templates, with their quotes."""
        texts = self._class.templates(self._sizes.take(count, weight), weight)
        return [b'"%b"' % text for text in texts]


class Numeral:
    """Numbers of one class."""

    __slots__ = ("_templates", "_used", "count")

    def __init__(self, count: int, templates: Sequence[bytes]) -> None:
        """Use the templates in turn."""
        self.count = count
        self._templates = templates
        self._used = 0

    def take(self, count: int, weight: int) -> list[bytes]:  # noqa: ARG002  (as strings have it)
        """Return so many templates."""
        texts = in_turn(self._templates, self._used, count)
        self._used += count
        return texts


def strings(
    strings_: Strings, classes: Sequence[TextClass], filler: Filler
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
        yield _recurring(StringBin(class_, sizes), share, filler), width


def numbers(numbers_: Numbers, filler: Filler) -> Iterator[Scalar]:
    """Yield the kinds of number of a place, one for each class."""
    classes: list[tuple[int, Sequence[bytes]]] = [
        (class_.count, integer_templates(class_)) for class_ in numbers_.integers if class_.count
    ]
    classes += [
        (class_.count, (float_template(class_),)) for class_ in numbers_.floats if class_.count
    ]
    shares = recurrences([count for count, _ in classes], numbers_.distinct)
    for (count, templates), share in zip(classes, shares, strict=True):
        yield _recurring(Numeral(count, templates), share, filler)


def _recurring(made: Scalar, recurrence: Recurrence, filler: Filler) -> Scalar:
    return Recurring(made, recurrence, filler) if recurrence.kept else made


def text_classes(strings_: Strings, widest: Width) -> list[TextClass]:
    """Return the makers of the texts of each width."""
    return [TextClass(texts, widest=widest) for texts in strings_.texts]
