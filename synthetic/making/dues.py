"""Dues: the giants of a document, each with those that are inside it, waiting for their turn."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from synthetic.making.containers import ContainerMaker
from synthetic.making.growth import Growth
from synthetic.making.places import PlaceMaker
from synthetic.making.quotas import Share
from synthetic.making.texts import TextClass

_LARGE_PART: Final = 64
"""A giant of at least one part in so many of the document is as large a part of any twin."""
_FEW: Final = 2


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Due:
    """A giant that waits for its turn: a container, or a text, of a place.

    Attributes:
        at: where it begins, as a share of the document.
        size: its elements, keys or characters.
        path: the places that it is in, by their ids, and its own.
        inside: the giants in it.
        is_grown: whether it is in a container that grows.

    """

    at: float
    size: int
    place: PlaceMaker
    kind: ContainerMaker | TextClass
    path: frozenset[int]
    inside: "tuple[Due, ...]" = ()
    is_grown: bool = False

    @functools.cached_property
    def bytes(self) -> int:
        """About how many bytes it has."""
        if isinstance(self.kind, TextClass):
            mean, among = self.kind.bytes_per_character
        else:
            mean, among = self.kind.mean_bytes()
        return self.size * mean // among

    def is_in(self, place: PlaceMaker) -> bool:
        """Whether it is a value of a place or in one."""
        return id(place) in self.path


def dues_of(root: PlaceMaker, growth: Growth, *, in_growth: bool) -> tuple[Due, ...]:
    """Return the giants of a document that are in no other ones, in the order of their turn.

    `in_growth` says that the root is an element of what grows.
    """
    grown = {id(container) for container in growth.containers}
    found = _found(root, frozenset(), grown, is_grown=in_growth)
    nested = _nested(sorted(found, key=lambda due: (due.at, len(due.path))))
    if growth.scale == 1:
        return nested
    return _Scaling(growth, grown).all_of(nested)


def giants_of(place: PlaceMaker) -> Iterator[Due]:
    """Yield the giants of a place itself."""
    path = frozenset({id(place)})
    for container in place.containers():
        for giant in container.giants:
            yield Due(at=giant.at, size=giant.size, place=place, kind=container, path=path)
    for texts in place.texts_of_giants:
        for giant in texts.giants:
            yield Due(at=giant.at, size=giant.size, place=place, kind=texts.class_, path=path)


def _found(
    place: PlaceMaker, above: frozenset[int], grown: set[int], *, is_grown: bool
) -> Iterator[Due]:
    """Yield the giants of a place and of those below it."""
    path = above | {id(place)}
    for due in giants_of(place):
        yield dataclasses.replace(due, path=path, is_grown=is_grown)
    for container in place.containers():
        if container.elements is not None:
            grows = is_grown or id(container) in grown
            yield from _found(container.elements, path, grown, is_grown=grows)
    for child in place.objects.places if place.objects is not None else ():
        yield from _found(child, path, grown, is_grown=is_grown)


def _nested(found: Sequence[Due]) -> tuple[Due, ...]:
    """Return the giants, in order of their begin, with those inside that begin in them.

    What has a giant in it is one as well. So a giant is in the last one that began before it at
    the nearest place around it that has any.
    """
    inside: dict[Due, list[Due]] = {due: [] for due in found}
    last: dict[int, Due] = {}
    outermost: list[Due] = []
    for due in found:
        around = [last[place] for place in due.path if place in last and place != id(due.place)]
        holders = [
            one for one in around if isinstance(one.kind, ContainerMaker) and _holds(one.kind, due)
        ]
        if holders:
            inside[max(holders, key=lambda one: len(one.path))].append(due)
        else:
            outermost.append(due)
        last[id(due.place)] = due

    def settled(due: Due) -> Due:
        return dataclasses.replace(due, inside=tuple(settled(each) for each in inside[due]))

    return tuple(settled(due) for due in outermost)


def _holds(container: ContainerMaker, due: Due) -> bool:
    return container.elements is not None and due.is_in(container.elements)


def by_element(dues: Iterable[Due], elements: PlaceMaker) -> Iterator[tuple[Due, ...]]:
    """Yield the giants that are in the same one of some elements.

    What stands between an element and its giants are objects, for anything else would be a giant
    itself. So an element has one giant at most of each place, and nothing beside one that it is.
    """
    together: list[Due] = []
    for due in dues:
        places = [elements, *(other.place for other in together)]
        if together and (
            any(due.place is place for place in places) or together[0].place is elements
        ):
            yield tuple(together)
            together = []
        together.append(due)
    if together:
        yield tuple(together)


class _Scaling:
    """Makes more or fewer giants of those in what grows, or larger and smaller ones."""

    def __init__(self, growth: Growth, grown: set[int]) -> None:
        self._scale = growth.scale
        self._grown = grown
        self._natural_bytes = growth.natural_bytes

    def all_of(self, dues: Iterable[Due]) -> tuple[Due, ...]:
        """Return the giants for a document of another size."""
        kept: list[Due] = []
        grown: dict[int, list[Due]] = {}
        for due in dues:
            if due.is_grown:
                grown.setdefault(id(due.kind), []).append(due)
            else:
                # What grows itself gets its length when it is made.
                kept.append(dataclasses.replace(due, inside=self.all_of(due.inside)))
        for alike in grown.values():
            kept += self._alike(alike)
        return tuple(sorted(kept, key=lambda due: due.at))

    def _alike(self, dues: list[Due]) -> Iterator[Due]:
        total = sum(due.bytes for due in dues)
        is_large = total * _LARGE_PART >= self._natural_bytes * len(dues)
        if len(dues) <= _FEW <= dues[0].place.regular and is_large:
            size = Share(self._scale.numerator, self._scale.denominator)
            for due in dues:
                inside = self.all_of(due.inside)
                yield dataclasses.replace(due, size=size.of(due.size), inside=inside)
            return
        count = round(len(dues) * self._scale)
        first, span = dues[0].at, dues[-1].at - dues[0].at
        for index in range(count):
            due = dues[index * len(dues) // count]
            at = due.at if count <= len(dues) else first + span * (2 * index + 1) / (2 * count)
            yield dataclasses.replace(due, at=at)
