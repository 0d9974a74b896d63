"""A document: streams from the root down what is large, and has the rest made many at a time."""

from collections.abc import Iterator, Sequence
from typing import Final

from synthetic.making.containers import ContainerMaker
from synthetic.making.dues import Due, giants_of
from synthetic.making.elements import Elements, Plan, Room
from synthetic.making.filling_holes import Filler
from synthetic.making.objects import ObjectMaker
from synthetic.making.places import PlaceMaker
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
        self._growth = plan.growth
        self._filler = filler
        self._elements = Elements(plan, self.room, filler, self.value)
        self._turns: dict[int, int] = {}

    def value(self, place: PlaceMaker, dues: Sequence[Due] = ()) -> Iterator[bytes]:
        """Yield one value of a place, with the giants that are due in it; it may be one itself."""
        own = next((due for due in dues if due.place is place), None)
        if own is None and not place.regular:
            own = self._next_giant(place)
        mean, among = place.mean_plain()
        is_open = bool(dues) or place.is_large or self._growth.opens(place)
        if own is not None:
            if isinstance(own.kind, TextClass):
                yield from self._text(own.kind, own.size)
            else:
                yield from self._elements.container(own.kind, own.size, own.inside)
        elif place.regular and (is_open or mean > _LARGE_BYTES * among):
            yield from self._regular(place, dues)
        else:
            yield self._filled(place.texts(1, 1)[0], place)

    def lines(self, lines: ContainerMaker, dues: Sequence[Due]) -> Iterator[bytes]:
        """Yield all lines of a document that has a value on each."""
        yield from self._elements.container(lines, lines.elements_count, dues)

    def _next_giant(self, place: PlaceMaker) -> Due | None:
        """Return a giant for a place that has nothing else, where none was planned."""
        giants = list(giants_of(place))
        if not giants:
            return None
        turn = self._turns[id(place)] = self._turns.get(id(place), -1) + 1
        return giants[turn % len(giants)]

    def _filled(self, text: bytes, place: PlaceMaker) -> bytes:
        return self._filler.fill_text(text, has_keys=place.has_keys)

    def _regular(self, place: PlaceMaker, dues: Sequence[Due]) -> Iterator[bytes]:
        """Yield a value that is no giant, but large or with giants in it."""
        choices = range(len(place.quota.counts))
        chosen = place.quota.draw_one_of(list(_leading(place, dues)) or choices)
        at = len(place.scalars)
        if chosen < at:
            yield self._filled(place.scalars[chosen].take(1, 1)[0], place)
            return
        for container in place.containers():
            if chosen < at + len(container.sizes):
                size = container.sizes[chosen - at].take(1)[0]
                yield from self._elements.container(container, size, dues)
                return
            at += len(container.sizes)
        if place.nests is not None and chosen == len(choices) - 1:
            for piece in place.nests.pieces():
                yield self._filled(piece, place)
            return
        yield from self._object(place, chosen - at, dues)

    def _object(self, place: PlaceMaker, chosen: int, dues: Sequence[Due]) -> Iterator[bytes]:
        """Yield an object, of the key set of that number or of the other ones."""
        objects = place.objects
        assert objects is not None  # noqa: S101  (the choice is one of its key sets)
        if chosen < len(objects.key_sets):
            members = list(objects.key_sets[chosen].members)
        else:
            members = [
                member
                for member, present in enumerate(objects.present)
                if present.draw(1)[0] or any(due.is_in(objects.places[member]) for due in dues)
            ]
        if not members:
            yield objects.brackets.empty
            return
        before, comma = objects.brackets.opening, objects.brackets.comma
        rests = [self._rest(objects.places[member], dues) for member in members]
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
                yield from self.value(child, [due for due in dues if due.is_in(child)])
        yield objects.brackets.closing

    def _rest(self, place: PlaceMaker, dues: Sequence[Due]) -> tuple[int, int]:
        """Return the bytes to expect of a value, and whether it can give way to others."""
        mean, among = place.mean_whole()
        is_streamed = (
            mean > _STREAMED_BYTES * among
            or self._growth.opens(place)
            or any(due.is_in(place) for due in dues)
        )
        return self._growth.expected_bytes(place, 1), int(is_streamed)

    def _text(self, class_: TextClass, size: int) -> Iterator[bytes]:
        """Yield a string of so many characters."""
        yield b'"'
        for start in range(0, size, _TEXT_CHARACTERS):
            length = min(_TEXT_CHARACTERS, size - start)
            yield self._filler.fill_text(class_.templates([length])[0], has_keys=False)
        yield b'"'


def _leading(place: PlaceMaker, dues: Sequence[Due]) -> Iterator[int]:
    """Yield the choices of a place for a value that has most of some giants inside."""
    if not dues:
        return
    at = len(place.scalars)
    found: dict[int, int] = {}
    for container in place.containers():
        if container.elements is not None:
            inside = sum(due.is_in(container.elements) for due in dues)
            full = (index for index, sizes in enumerate(container.sizes) if sizes.high)
            found |= {at + index: inside for index in full}
        at += len(container.sizes)
    if place.objects is not None:
        own = _inside(place.objects, dues)
        found |= {at + index: inside for index, inside in enumerate(own)}
    most = max(found.values(), default=0)
    if most:
        yield from (choice for choice, inside in found.items() if inside == most)


def _inside(objects: ObjectMaker, dues: Sequence[Due]) -> Iterator[int]:
    """Yield how many of the giants each kind of object can have inside."""
    of_members = [sum(due.is_in(child) for due in dues) for child in objects.places]
    for key_set in objects.key_sets:
        yield sum(of_members[member] for member in key_set.members)
    if objects.others:
        yield sum(of_members[member] for member, left in enumerate(objects.left) if left)
