"""Growth: which containers make a document larger or smaller than the one that was learned from."""

import dataclasses
import functools
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from synthetic.making.containers import ContainerMaker
from synthetic.making.places import PlaceMaker

_CLOSE: Final = 50
"""A document of the source's size has as many elements, if it comes out right but for a part."""
_LEAST_ELEMENTS: Final = (16, 4, 2, 1)
"""Containers of so many elements on average may grow, if those that do are half of the document."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Growth:
    """How a document gets its size.

    Attributes:
        root: the place of the root.
        containers: those that grow, of which none is in another.
        scale: how many times as many elements as in the shape they have.
        natural_bytes: of a document that is not scaled.
        fixed_bytes: of all that does not grow; `grown_bytes` of what does, when it has grown.
        padding_bytes: white space to be put among what grows, as the source has it in ways that
            no style describes.

    """

    root: PlaceMaker
    containers: tuple[ContainerMaker, ...]
    scale: Fraction
    natural_bytes: int
    fixed_bytes: int
    grown_bytes: int
    padding_bytes: int

    def scale_of(self, container: ContainerMaker) -> Fraction:
        """Return how many times as many elements as in the shape a container has in all."""
        is_scaled = id(container) in self._scaled
        return self.scale if is_scaled else Fraction(1)

    def grows(self, container: ContainerMaker) -> bool:
        """Whether a container is one of those that grow."""
        return any(each is container for each in self.containers)

    def opens(self, place: PlaceMaker) -> bool:
        """Whether something that grows is in a place."""
        return id(place) in self._open

    def expected_bytes(self, place: PlaceMaker, count: int) -> int:
        """Return about how many bytes so many values of a place have in a document of its size."""
        mean, among = place.mean_whole()
        size = count * mean // among
        if not self.opens(place):
            return size
        return size * self.scale.numerator // self.scale.denominator

    @functools.cached_property
    def _scaled(self) -> frozenset[int]:
        """The containers that grow and those in them, by their ids."""
        found: set[int] = set()
        waiting = list(self.containers)
        while waiting:
            container = waiting.pop()
            found.add(id(container))
            places = [] if container.elements is None else [container.elements]
            while places:
                place = places.pop()
                waiting += place.containers()
                places += place.objects.places if place.objects is not None else ()
        return frozenset(found)

    @functools.cached_property
    def _open(self) -> frozenset[int]:
        """The places in which something grows, by their ids."""
        found: set[int] = set()

        def visit(place: PlaceMaker) -> bool:
            is_open = False
            for container in place.containers():
                if self.grows(container):
                    is_open = True
                elif container.elements is not None:
                    is_open |= visit(container.elements)
            for child in place.objects.places if place.objects is not None else ():
                is_open |= visit(child)
            if is_open:
                found.add(id(place))
            return is_open

        visit(self.root)
        return frozenset(found)

    @property
    def least_bytes(self) -> int:
        """What the smallest document has, whose containers are empty."""
        # Of an element and its comma there is neither, but the comma was taken off for the last.
        return self.fixed_bytes + sum(
            (each.count - each.empty) * len(each.brackets.comma) for each in self.containers
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a document in bytes.

    Attributes:
        wanted: what it is to have.
        source: what the source of its shape had.
        natural: what it has when it is as large as the source, without padding.
        padding: white space that the source had beyond its style.

    """

    wanted: int
    source: int
    natural: int
    padding: int


def growth_of(root: PlaceMaker, lines: ContainerMaker | None, sizes: Sizes) -> Growth:
    """Return how a document grows to its size, which may be too small for what cannot shrink.

    `lines` is what holds the root, if it stands on every line.
    """
    natural_bytes, padding_bytes = sizes.natural, sizes.padding
    shape_bytes, size_bytes = sizes.source, sizes.wanted
    containers, growing = _growing(root if lines is None else lines, natural_bytes)
    fixed = natural_bytes - growing
    is_close = abs(natural_bytes + padding_bytes - shape_bytes) * _CLOSE <= shape_bytes
    if not growing or (size_bytes == shape_bytes and is_close):
        scale = Fraction(1)
    else:
        scale = Fraction(max(size_bytes - fixed, 0), growing + padding_bytes)
    return Growth(
        root=root,
        containers=containers,
        scale=scale,
        natural_bytes=natural_bytes,
        fixed_bytes=fixed,
        grown_bytes=int(growing * scale),
        padding_bytes=int(padding_bytes * scale) if growing else 0,
    )


def _growing(
    top: PlaceMaker | ContainerMaker, natural_bytes: int
) -> tuple[tuple[ContainerMaker, ...], int]:
    """Return the containers that grow, and the bytes of what is in them."""
    for least in _LEAST_ELEMENTS:
        containers = tuple(_outermost(top, least))
        growing = sum(each.whole_bytes() - each.own_bytes() for each in containers)
        if 2 * growing >= natural_bytes:
            break
    return containers, growing


def _outermost(top: PlaceMaker | ContainerMaker, least: int) -> Iterator[ContainerMaker]:
    waiting: list[PlaceMaker | ContainerMaker] = [top]
    while waiting:
        found = waiting.pop()
        if isinstance(found, PlaceMaker):
            waiting += [each for each in (found.arrays, found.maps) if each is not None]
            if found.objects is not None:
                waiting += found.objects.places
        elif found.elements_count >= least * max(found.count - found.empty, 1):
            yield found
        elif found.elements is not None:
            waiting.append(found.elements)
