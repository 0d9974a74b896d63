"""Sites: where in the tree of places something large is to be made on its own."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from synthetic.making.containers import ContainerMaker
from synthetic.making.growth import Growth
from synthetic.making.places import PlaceMaker
from synthetic.making.quotas import Share
from synthetic.making.texts import TextClass

if TYPE_CHECKING:
    from synthetic.making.giants import Giant

_LARGE_PART: Final = 64
"""A giant of at least one part in so many of the document is as large a part of any twin."""
_FEW: Final = 2


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Due:
    """A giant that waits for its turn: a container, or a text, of a place."""

    at: float
    size: int
    place: PlaceMaker
    kind: ContainerMaker | TextClass

    @property
    def mean_bytes(self) -> tuple[int, int]:
        """The mean bytes of an element or a character, as a fraction."""
        if isinstance(self.kind, TextClass):
            return self.kind.bytes_per_character
        return self.kind.mean_bytes()


class Site:
    """A place that has giants, or what grows, in it or below.

    Attributes:
        own: the giants of the place itself, in the order of their turn.
        queue: these and those below.
        grows: whether a container that grows is in it or below.
        is_single: whether the document has one value of it, and of all places around it.

    """

    def __init__(self, place: PlaceMaker, *, is_single: bool) -> None:
        """Begin with nothing that waits."""
        self.place = place
        self.own: list[Due] = []
        self.queue: list[Due] = []
        self.grows = False
        self.is_single = is_single
        self.around: Site | None = None

    def opens(self) -> bool:
        """Whether a value of the place is to be streamed that no giant leads to."""
        return self.grows or not self.place.regular or (self.is_single and bool(self.queue))

    def take_own(self, lead: Due | None) -> Due | None:
        """Take from the queues a giant of the place itself: the one asked, or the next there is."""
        if lead is not None and lead.place is not self.place:
            return None
        if not self.own or (lead is None and self.place.regular and not self.is_single):
            return None
        due = self.own[0] if lead is None else lead
        self.own.remove(due)
        site: Site | None = self
        while site is not None:
            site.queue.remove(due)
            site = site.around
        return due


class Sites:
    """The sites of a document, by their places."""

    def __init__(self, root: PlaceMaker, growth: Growth, *, in_growth: bool) -> None:
        """Find the sites below `root`; `in_growth` if it is an element of what grows itself."""
        self._growth = growth
        self._growing = {id(container) for container in growth.containers}
        self._scaled_containers: set[int] = set()
        self._sites: dict[int, Site] = {}
        self._visit(root, None, in_growth=in_growth, is_single=not in_growth and root.count == 1)

    def get(self, place: PlaceMaker) -> Site | None:
        """Return the site of a place, or None if nothing large is in it."""
        return self._sites.get(id(place))

    def has(self, place: PlaceMaker, due: Due) -> bool:
        """Whether a giant that waits is in a place or below."""
        site = self.get(place)
        return site is not None and due in site.queue

    def scale_of(self, container: ContainerMaker) -> Fraction:
        """Return how many times as many elements as in the shape a container has."""
        is_scaled = id(container) in self._growing | self._scaled_containers
        return self._growth.scale if is_scaled else Fraction(1)

    def _visit(
        self, place: PlaceMaker, around: Site | None, *, in_growth: bool, is_single: bool
    ) -> Site:
        site = Site(place, is_single=is_single)
        site.around = around
        self._sites[id(place)] = site
        dues = self._dues(place, in_growth=in_growth)
        site.own = sorted(dues, key=lambda due: due.at)
        site.queue = list(site.own)
        for container in place.containers():
            grows = id(container) in self._growing
            site.grows |= grows
            if grows or in_growth:
                self._scaled_containers.add(id(container))
            if container.elements is not None:
                self._below(site, container.elements, in_growth=in_growth or grows, is_single=False)
        for child in place.objects.places if place.objects is not None else ():
            self._below(site, child, in_growth=in_growth, is_single=is_single and child.count == 1)
        site.queue.sort(key=lambda due: due.at)
        if not site.queue and not site.grows:
            del self._sites[id(place)]
        return site

    def _below(self, site: Site, place: PlaceMaker, *, in_growth: bool, is_single: bool) -> None:
        below = self._visit(place, site, in_growth=in_growth, is_single=is_single)
        site.grows |= below.grows
        site.queue += below.queue

    def _dues(self, place: PlaceMaker, *, in_growth: bool) -> Iterator[Due]:
        """Yield the giants of a place, as many and as large as the scale asks."""
        kinds: list[tuple[ContainerMaker | TextClass, list[Giant]]] = [
            *((container, container.giants) for container in place.containers()),
            *((texts.class_, texts.giants) for texts in place.texts_of_giants),
        ]
        # What grows itself gets its scale when it is made.
        scale = self._growth.scale if in_growth else Fraction(1)
        for kind, giants in kinds:
            dues = [Due(at=giant.at, size=giant.size, place=place, kind=kind) for giant in giants]
            yield from self._scaled(dues, scale, place.regular) if scale != 1 else dues

    def _scaled(self, dues: list[Due], scale: Fraction, regular: int) -> list[Due]:
        """Return the giants of a document of another size: larger ones, or more of them."""
        if not dues:
            return []
        total = self._growth.fixed_bytes + self._growth.grown_bytes / scale
        mean, among = dues[0].mean_bytes
        least = sum(due.size for due in dues) * mean * _LARGE_PART
        if len(dues) <= _FEW <= regular and least >= total * len(dues) * among:
            size = Share(scale.numerator, scale.denominator)
            return [dataclasses.replace(due, size=size.of(due.size)) for due in dues]
        count = round(len(dues) * scale)
        return [
            dataclasses.replace(dues[index * len(dues) // count], at=(2 * index + 1) / (2 * count))
            for index in range(count)
        ]
