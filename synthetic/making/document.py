"""A document: streams from the root down what is large, and has the rest made many at a time."""

from collections.abc import Iterator
from typing import Final

from synthetic.making.containers import ContainerMaker
from synthetic.making.elements import Elements, Plan, Room
from synthetic.making.filling_holes import Filler
from synthetic.making.objects import ObjectMaker
from synthetic.making.places import PlaceMaker
from synthetic.making.sites import Due
from synthetic.making.texts import TextClass

_LARGE_BYTES: Final = 512 * 1024
"""Values larger than this are streamed."""
_STREAMED_BYTES: Final = 64 * 1024
_TEXT_CHARACTERS: Final = 64 * 1024


class Document:
    """The text of a document, chunk by chunk; who takes the chunks keeps the room's position."""

    def __init__(self, plan: Plan, filler: Filler) -> None:
        """Make a document as planned."""
        self.room = Room(plan.size_bytes)
        self._sites = plan.sites
        self._filler = filler
        self._elements = Elements(plan, self.room, filler, self.value)

    def value(self, place: PlaceMaker, lead: Due | None = None) -> Iterator[bytes]:
        """Yield one value of a place; with `lead`, one that is that giant or has it inside."""
        site = self._sites.get(place)
        is_open = site is not None and (lead is not None or site.opens())
        mean, among = place.mean_plain()
        if not is_open and mean <= _LARGE_BYTES * among:
            yield self._filled(place.texts(1, 1)[0], place)
            return
        if site is not None and (own := site.take_own(lead)):
            if isinstance(own.kind, TextClass):
                yield from self._text(own.kind, own.size)
            else:
                yield from self._elements.container(own.kind, own.size, None)
        elif place.regular:
            yield from self._regular(place, lead)
        else:
            yield self._filled(place.texts(1, 1)[0], place)

    def lines(self, lines: ContainerMaker) -> Iterator[bytes]:
        """Yield all lines of a document that has a value on each."""
        yield from self._elements.container(lines, lines.elements_count, None)

    def _filled(self, text: bytes, place: PlaceMaker) -> bytes:
        return self._filler.fill_text(text, has_keys=place.has_keys)

    def _regular(self, place: PlaceMaker, lead: Due | None) -> Iterator[bytes]:
        """Yield a value that is no giant, but large or with a giant in it."""
        choices = range(len(place.quota.counts))
        leading = [] if lead is None else list(self._leading(place, lead))
        chosen = place.quota.draw_one_of(leading or choices)
        at = len(place.scalars)
        if chosen < at:
            yield self._filled(place.scalars[chosen].take(1, 1)[0], place)
            return
        for container in place.containers():
            if chosen < at + len(container.sizes):
                size = container.sizes[chosen - at].take(1)[0]
                yield from self._elements.container(container, size, lead)
                return
            at += len(container.sizes)
        if place.nests is not None and chosen == len(choices) - 1:
            for piece in place.nests.pieces():
                yield self._filled(piece, place)
            return
        yield from self._object(place, chosen - at, lead)

    def _leading(self, place: PlaceMaker, lead: Due) -> Iterator[int]:
        """Yield the choices of a place for a value that has a giant inside."""
        at = len(place.scalars)
        for container in place.containers():
            if container.elements is not None and self._sites.has(container.elements, lead):
                full = (index for index, sizes in enumerate(container.sizes) if sizes.high)
                yield from (at + index for index in full)
            at += len(container.sizes)
        if place.objects is not None:
            yield from (at + index for index in self._leading_objects(place.objects, lead))

    def _leading_objects(self, objects: ObjectMaker, lead: Due) -> Iterator[int]:
        for member, child in enumerate(objects.places):
            if self._sites.has(child, lead):
                for index, key_set in enumerate(objects.key_sets):
                    if member in key_set.members:
                        yield index
                if objects.left[member]:
                    yield len(objects.key_sets)

    def _object(self, place: PlaceMaker, chosen: int, lead: Due | None) -> Iterator[bytes]:
        """Yield an object, of the key set of that number or of the other ones."""
        objects = place.objects
        assert objects is not None  # noqa: S101  (the choice is one of its key sets)
        if chosen < len(objects.key_sets):
            members = list(objects.key_sets[chosen].members)
        else:
            members = [
                member
                for member, present in enumerate(objects.present)
                if present.draw(1)[0]
                or (lead is not None and self._sites.has(objects.places[member], lead))
            ]
        if not members:
            yield objects.brackets.empty
            return
        before, comma = objects.brackets.opening, objects.brackets.comma
        rests = [self._rest(objects.places[member]) for member in members]
        for index, member in enumerate(members):
            label, child = objects.labels[member], objects.places[member]
            yield before + label
            before = comma
            rest = len(objects.brackets.closing) + sum(
                size + len(comma) + len(objects.labels[later])
                for later, (size, _) in zip(members[index + 1 :], rests[index + 1 :], strict=True)
            )
            streams = sum(streamed for _, streamed in rests[index + 1 :])
            with self.room.kept(rest, streams):
                is_led = lead is not None and self._sites.has(child, lead)
                yield from self.value(child, lead if is_led else None)
        yield objects.brackets.closing

    def _rest(self, place: PlaceMaker) -> tuple[int, int]:
        """Return the bytes to expect of a value, and whether it can give way to others."""
        site = self._sites.get(place)
        mean, among = place.mean_whole()
        is_streamed = mean > _STREAMED_BYTES * among or (site is not None and site.grows)
        return mean // among, int(is_streamed)

    def _text(self, class_: TextClass, size: int) -> Iterator[bytes]:
        """Yield a string of so many characters."""
        yield b'"'
        for start in range(0, size, _TEXT_CHARACTERS):
            length = min(_TEXT_CHARACTERS, size - start)
            yield self._filler.fill_text(class_.templates([length])[0], has_keys=False)
        yield b'"'
