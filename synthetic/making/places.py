"""Places: what makes the values at one path, as many of each kind as the shape says."""

import dataclasses
from collections.abc import Iterator

from synthetic.making.containers import ContainerMaker, Writing
from synthetic.making.filling_holes import Filler
from synthetic.making.giants import Giant, heavy_parted
from synthetic.making.key_pool import KeyPool
from synthetic.making.keys import KeyKit, Keys
from synthetic.making.layout import Layout
from synthetic.making.nesting import NestMaker
from synthetic.making.objects import KeySetMaker, MemberMaker, ObjectMaker
from synthetic.making.quotas import Quota
from synthetic.making.scalars import Constant, Scalar, numbers, strings, text_classes
from synthetic.making.shuffling import Shuffler
from synthetic.making.texts import TextClass
from synthetic.shape import Arrays, Maps, Nests, Objects, Place, Strings

_QUOTES = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kit:
    """What all makers of a document share.

    Attributes:
        widest: the places that have strings as wide as the text itself.
        nests: all nests; their keys are not known but for their length, `nested_key_length`.

    """

    layout: Layout
    filler: Filler
    shuffler: Shuffler
    pool: KeyPool
    widest: "list[PlaceMaker]" = dataclasses.field(default_factory=list)
    nests: list[NestMaker] = dataclasses.field(default_factory=list)
    nested_key_length: int = 0

    def favour_widest(self) -> None:
        """Have one of the widest characters of the document made as soon as can be.

        One is enough to make the whole text as wide once it is decoded, and a document that is
        smaller than its source may not come to it by its share.
        """
        if self.widest:
            place = max(self.widest, key=lambda each: each.count)
            place.quota.favour(place.widest_choice)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GiantTexts:
    """The strings of one width that are made on their own."""

    class_: TextClass
    giants: list[Giant]


class PlaceMaker:
    """Makes the values of a place.

    Attributes:
        count: how many values there are; of these `regular` are no giants.
        scalars, arrays, maps, objects, nests: what makes these, in the order of the quota.
        texts_of_giants: the strings that are made on their own.
        whole_bytes: of all values; `plain_bytes` of the regular ones, without giants in them.
        is_large: whether values have to be made one by one, for all are giants or have some.
        has_keys: whether any of the values has a map in it.
        places: how many there are, this one and those in it; `values` are in all of them, and
            `keys` of objects.

    """

    def __init__(self, place: Place, kit: Kit, *, depth: int, level: int) -> None:
        """Make the values of `place`, so deep in the document and in so many maps."""
        self.count = place.count
        self._kit = kit
        self.scalars: list[Scalar] = []
        self.texts_of_giants: list[GiantTexts] = []
        self.widest_choice = -1
        for text, count in (
            (b"null", place.nulls),
            (b"true", place.trues),
            (b"false", place.falses),
        ):
            if count:
                self.scalars.append(Constant(text, count))
        if place.strings is not None:
            self._add_strings(place.strings)
        if place.numbers is not None:
            self.scalars += numbers(place.numbers, kit.filler)
        self.arrays = None if place.arrays is None else self._arrays(place.arrays, depth, level)
        self.maps = None if place.maps is None else self._maps(place.maps, depth, level)
        self.objects = None if place.objects is None else self._objects(place.objects, depth, level)
        self.nests = None if place.nests is None else self._nests(place.nests, depth, level)
        self.quota = Quota(list(self._counts()))
        self.regular = self.quota.total
        if self.widest_choice >= 0:
            kit.widest.append(self)
        below = [*self.children()]
        self.is_large: bool = not self.regular or (
            self.objects is not None and any(child.is_large for child in self.objects.places)
        )
        self.has_keys: bool = self.maps is not None or any(child.has_keys for child in below)
        self.places: int = 1 + sum(child.places for child in below)
        self.keys: int = sum(child.keys for child in below)
        if self.objects is not None:
            self.keys += sum(child.count for child in self.objects.places)
        if self.maps is not None:
            self.keys += self.maps.elements_count
        self.values: int = self.count + sum(child.values for child in below)
        scalar_bytes = _scalar_bytes(place)
        parts = [part for part in (self.arrays, self.maps, self.objects) if part is not None]
        nest_bytes = 0 if self.nests is None else self.nests.whole_bytes()
        self.whole_bytes = scalar_bytes + nest_bytes + sum(part.whole_bytes() for part in parts)
        giant_bytes = sum(
            giant.size * texts.class_.bytes_per_character[0] // texts.class_.bytes_per_character[1]
            for texts in self.texts_of_giants
            for giant in texts.giants
        )
        self.plain_bytes = scalar_bytes - giant_bytes + nest_bytes
        self.plain_bytes += sum(part.plain_bytes() for part in parts)

    def containers(self) -> Iterator[ContainerMaker]:
        """Yield the makers of the arrays and of the maps."""
        if self.arrays is not None:
            yield self.arrays
        if self.maps is not None:
            yield self.maps

    def children(self) -> Iterator["PlaceMaker"]:
        """Yield the places in this one."""
        for container in self.containers():
            if container.elements is not None:
                yield container.elements
        if self.objects is not None:
            yield from self.objects.places
        if self.nests is not None and self.nests.leaves is not None:
            yield self.nests.leaves

    def mean_whole(self) -> tuple[int, int]:
        """Return the mean bytes of a value, as a fraction."""
        return self.whole_bytes, max(self.count, 1)

    def mean_plain(self) -> tuple[int, int]:
        """Return the mean bytes of a value that is no giant and has none in it."""
        return self.plain_bytes, max(self.regular, 1)

    def texts(self, count: int, weight: int) -> list[bytes]:
        """Return the templates of so many values."""
        if not count:
            return []
        if not self.regular:
            return [self._least()] * count
        drawn = self.quota.draw(count, weight)
        at = len(self.scalars)
        texts: list[bytes] = []
        kinds = 0
        for scalar, number in zip(self.scalars, drawn, strict=False):
            if number:
                texts += scalar.take(number, weight)
                kinds += 1
        for container in self.containers():
            end = at + len(container.sizes)
            texts += container.texts(drawn[at:end], weight)
            kinds += sum(map(bool, drawn[at:end]))
            at = end
        if self.objects is not None:
            end = at + self.objects.choices
            texts += self.objects.texts(drawn[at:end], weight)
            kinds += sum(map(bool, drawn[at:end]))
        if self.nests is not None and drawn[-1]:
            texts += self.nests.texts(drawn[-1], weight)
            kinds += 1
        return self._kit.shuffler.shuffled(texts) if kinds > 1 else texts

    def _least(self) -> bytes:
        """Return what stands for a regular value where all are giants."""
        if self.arrays is not None:
            return self.arrays.brackets.empty
        if self.maps is not None:
            return self.maps.brackets.empty
        return b'""' if self.texts_of_giants else b"null"

    def _counts(self) -> Iterator[int]:
        """Yield how many values there are of each choice of the quota."""
        yield from (scalar.count for scalar in self.scalars)
        for container in self.containers():
            yield from (sizes.count for sizes in container.sizes)
        if self.objects is not None:
            yield from (key_set.count for key_set in self.objects.key_sets)
            if self.objects.others:
                yield self.objects.others
        if self.nests is not None:
            yield self.nests.count

    def _add_strings(self, strings_: Strings) -> None:
        widest = self._kit.layout.style.widest
        classes = text_classes(strings_, widest)
        for scalar, width in strings(strings_, classes, self._kit.filler):
            if width == widest != "ascii" and self.widest_choice < 0:
                self.widest_choice = len(self.scalars)
            self.scalars.append(scalar)
        for texts, class_ in zip(strings_.texts, classes, strict=True):
            _, heavy = heavy_parted(texts.characters, class_.bytes_per_character)
            own = [Giant(at=giant.at, size=giant.size) for giant in texts.giants]
            giants = sorted(own + heavy, key=lambda giant: giant.at)
            if giants:
                self.texts_of_giants.append(GiantTexts(class_=class_, giants=giants))

    def _arrays(self, arrays: Arrays, depth: int, level: int) -> ContainerMaker:
        elements = None
        if arrays.elements is not None:
            elements = PlaceMaker(arrays.elements, self._kit, depth=depth + 1, level=level)
        return ContainerMaker(
            lengths=arrays.lengths,
            giants=arrays.giants,
            elements=elements,
            writing=Writing(brackets=self._kit.layout.array(depth)),
        )

    def _maps(self, maps: Maps, depth: int, level: int) -> ContainerMaker:
        kit = self._kit
        values = PlaceMaker(maps.values, kit, depth=depth + 1, level=level + 1)
        keys = Keys(
            maps.keys,
            text_classes(maps.keys, kit.layout.style.widest),
            level=level,
            kit=KeyKit(pool=kit.pool, shuffler=kit.shuffler),
            keys_per_key=1 + values.keys // max(values.count, 1),
        )
        count = _strings_count(maps.keys)
        beside = len(kit.layout.colon) + _QUOTES
        return ContainerMaker(
            lengths=maps.lengths,
            giants=maps.giants,
            elements=values,
            writing=Writing(
                brackets=kit.layout.object(depth),
                keys=keys,
                colon=kit.layout.colon,
                key_bytes=sum(texts.bytes for texts in maps.keys.texts) + beside * count,
                key_count=count,
            ),
        )

    def _objects(self, objects: Objects, depth: int, level: int) -> ObjectMaker:
        layout = self._kit.layout
        members = [
            MemberMaker(
                label=layout.key(member.key) + layout.colon,
                place=PlaceMaker(member.place, self._kit, depth=depth + 1, level=level),
            )
            for member in objects.members
        ]
        return ObjectMaker(
            count=objects.count,
            members=members,
            key_sets=[
                KeySetMaker(each.keys, each.count) for each in objects.key_sets if each.count
            ],
            brackets=layout.object(depth),
            shuffler=self._kit.shuffler,
        )

    def _nests(self, nests: Nests, depth: int, level: int) -> NestMaker:
        leaves = None
        if nests.leaves is not None:
            leaves = PlaceMaker(nests.leaves, self._kit, depth=depth + 1, level=level)
        made = NestMaker(nests, leaves, key_length=self._kit.nested_key_length)
        self._kit.nests.append(made)
        return made


def _strings_count(strings_: Strings) -> int:
    return sum(
        sum(bin_.count for bin_ in texts.characters) + len(texts.giants) for texts in strings_.texts
    )


def _scalar_bytes(place: Place) -> int:
    """Return the bytes of all values without parts."""
    total = len(b"null") * (place.nulls + place.trues) + len(b"false") * place.falses
    if place.strings is not None:
        total += sum(texts.bytes for texts in place.strings.texts)
        total += _QUOTES * _strings_count(place.strings)
    if place.numbers is not None:
        total += sum(each.characters * each.count for each in place.numbers.integers)
        total += sum(each.characters * each.count for each in place.numbers.floats)
    return total
