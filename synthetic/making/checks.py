"""Checks: whether the numbers of a shape agree with each other, so that a document can be made."""

from collections.abc import Iterator, Sequence
from typing import Final

from synthetic.making.numerals import float_template, integer_templates
from synthetic.shape import (
    Arrays,
    Bin,
    Giant,
    Maps,
    Nests,
    Numbers,
    Objects,
    Place,
    Shape,
    Strings,
    Texts,
)

MOST_LEVELS: Final = 120
"""Places may be so deep; what is deeper is for nests."""
_LEAST_BYTES: Final = {"ascii": 1, "latin-1": 2, "ucs-2": 2, "ucs-4": 4}
_MOST_BYTES: Final = 12
"""Of a character: a surrogate pair, each half of it escaped."""


def problems(shape: Shape) -> Iterator[str]:
    """Yield what is wrong in a shape, each with where it is."""
    yield from _place(shape.root, "root", 0)


def _place(place: Place, at: str, level: int) -> Iterator[str]:
    if level > MOST_LEVELS:
        yield f"{at[:60]}...: places are more than {MOST_LEVELS} levels deep; use nests"
        return
    found = place.nulls + place.trues + place.falses
    if place.strings is not None:
        found += _count_of_strings(place.strings)
        yield from _strings(place.strings, f"{at}.strings")
    if place.numbers is not None:
        found += sum(each.count for each in place.numbers.integers)
        found += sum(each.count for each in place.numbers.floats)
        yield from _numbers(place.numbers, f"{at}.numbers")
    if place.arrays is not None:
        found += _count_of(place.arrays.lengths, place.arrays.giants)
        yield from _arrays(place.arrays, f"{at}.arrays", level)
    if place.objects is not None:
        found += place.objects.count
        yield from _objects(place.objects, f"{at}.objects", level)
    if place.maps is not None:
        found += _count_of(place.maps.lengths, place.maps.giants)
        yield from _maps(place.maps, f"{at}.maps", level)
    if place.nests is not None:
        found += place.nests.count
        yield from _nests(place.nests, f"{at}.nests", level)
    if found != place.count:
        yield f"{at}: count is {place.count}, but its kinds add up to {found}"


def _count_of(bins: Sequence[Bin], giants: Sequence[Giant]) -> int:
    return sum(bin_.count for bin_ in bins) + len(giants)


def _total_of(bins: Sequence[Bin], giants: Sequence[Giant]) -> int:
    return sum(bin_.total for bin_ in bins) + sum(giant.size for giant in giants)


def _count_of_strings(strings: Strings) -> int:
    return sum(_count_of(texts.characters, texts.giants) for texts in strings.texts)


def _bins(bins: Sequence[Bin], at: str) -> Iterator[str]:
    for index, bin_ in enumerate(bins):
        if bin_.low > bin_.high:
            yield f"{at}[{index}]: low {bin_.low} is more than high {bin_.high}"
        elif not bin_.count * bin_.low <= bin_.total <= bin_.count * bin_.high:
            yield (
                f"{at}[{index}]: {bin_.count} sizes from {bin_.low} to {bin_.high} "
                f"cannot add up to total {bin_.total}"
            )


def _strings(strings: Strings, at: str) -> Iterator[str]:
    for index, texts in enumerate(strings.texts):
        yield from _texts(texts, f"{at}.texts[{index}]")


def _texts(texts: Texts, at: str) -> Iterator[str]:
    yield from _bins(texts.characters, f"{at}.characters")
    count = _count_of(texts.characters, texts.giants)
    characters = _total_of(texts.characters, texts.giants)
    least = characters + count * (_LEAST_BYTES[texts.width] - 1)
    if texts.width != "ascii" and any(bin_.low == 0 < bin_.count for bin_ in texts.characters):
        yield f"{at}.characters: an empty string has no {texts.width} character"
    elif texts.bytes < least:
        yield (
            f"{at}: bytes is {texts.bytes}, but {characters} characters in {count} strings "
            f"have at least {least}"
        )
    elif texts.bytes > characters * _MOST_BYTES:
        yield (
            f"{at}: bytes is {texts.bytes}, but {characters} characters "
            f"have at most {characters * _MOST_BYTES}"
        )
    if texts.escaped > texts.bytes:
        yield f"{at}: escaped is {texts.escaped}, which is more than bytes {texts.bytes}"


def _numbers(numbers: Numbers, at: str) -> Iterator[str]:
    for index, integers in enumerate(numbers.integers):
        try:
            integer_templates(integers)
        except ValueError as error:
            yield f"{at}.integers[{index}]: {error}"
    for index, floats in enumerate(numbers.floats):
        try:
            float_template(floats)
        except ValueError as error:
            yield f"{at}.floats[{index}]: {error}"


def _arrays(arrays: Arrays, at: str, level: int) -> Iterator[str]:
    yield from _bins(arrays.lengths, f"{at}.lengths")
    total = _total_of(arrays.lengths, arrays.giants)
    elements = 0 if arrays.elements is None else arrays.elements.count
    if total != elements:
        yield f"{at}.elements: count is {elements}, but the lengths add up to {total}"
    if arrays.elements is not None:
        yield from _place(arrays.elements, f"{at}.elements", level + 1)


def _maps(maps: Maps, at: str, level: int) -> Iterator[str]:
    yield from _bins(maps.lengths, f"{at}.lengths")
    yield from _strings(maps.keys, f"{at}.keys")
    total = _total_of(maps.lengths, maps.giants)
    for what, count in (("values", maps.values.count), ("keys", _count_of_strings(maps.keys))):
        if total != count:
            yield f"{at}.{what}: there are {count}, but the lengths add up to {total}"
    yield from _place(maps.values, f"{at}.values", level + 1)


def _objects(objects: Objects, at: str, level: int) -> Iterator[str]:
    used = [0] * len(objects.members)
    for index, key_set in enumerate(objects.key_sets):
        if any(key >= len(used) for key in key_set.keys):
            yield f"{at}.key_sets[{index}]: there are only {len(used)} members"
            return
        if len(set(key_set.keys)) != len(key_set.keys):
            yield f"{at}.key_sets[{index}]: a key is named twice"
        for key in key_set.keys:
            used[key] += key_set.count
    others = objects.count - sum(key_set.count for key_set in objects.key_sets)
    if others < 0:
        yield f"{at}.key_sets: they add up to more than count {objects.count}"
        return
    names: set[str] = set()
    for index, (member, count) in enumerate(zip(objects.members, used, strict=True)):
        where = f"{at}.members[{index}]"
        if member.key in names:
            yield f'{where}: there is another member with key "{member.key[:40]}"'
        names.add(member.key)
        if not count <= member.place.count <= count + others:
            yield (
                f"{where}.place: count is {member.place.count}, "
                f"but {count} to {count + others} objects have the key"
            )
        yield from _place(member.place, f"{where}.place", level + 1)


def _nests(nests: Nests, at: str, level: int) -> Iterator[str]:
    containers = nests.arrays + nests.objects
    if nests.count > containers or (nests.count and not nests.levels):
        yield f"{at}: there are {nests.count}, but only {containers} arrays and objects"
    elif nests.count and nests.levels - 1 > containers - nests.count:
        yield f"{at}: {containers} arrays and objects do not make {nests.levels} levels"
    elif not nests.count and (containers or nests.leaves is not None):
        yield f"{at}: count is 0, but there is something in them"
    if nests.leaves is not None:
        yield from _place(nests.leaves, f"{at}.leaves", level + 1)
