"""Growth: which containers make a document larger or smaller than the one that was learned from."""

import dataclasses
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
        containers: those that grow, of which none is in another.
        scale: how many times as many elements as in the shape they have.
        fixed_bytes: of all that does not grow; `grown_bytes` of what does, when it has grown.
        padding_bytes: white space to be put among what grows, as the source has it in ways that
            no style describes.

    """

    containers: tuple[ContainerMaker, ...]
    scale: Fraction
    fixed_bytes: int
    grown_bytes: int
    padding_bytes: int

    @property
    def least_bytes(self) -> int:
        """What the smallest document has, whose containers are empty."""
        # Of an element and its comma there is neither, but the comma was taken off for the last.
        return self.fixed_bytes + sum(
            (each.count - each.empty) * len(each.brackets.comma) for each in self.containers
        )


def growth_of(
    root: PlaceMaker | ContainerMaker,
    *,
    natural_bytes: int,
    padding_bytes: int,
    shape_bytes: int,
    size_bytes: int,
) -> Growth:
    """Return how a document grows to its size, which may be too small for what cannot shrink.

    `natural_bytes` is what one of the size of its source, `shape_bytes`, has without padding.
    """
    containers, growing = _growing(root, natural_bytes)
    fixed = natural_bytes - growing
    is_close = abs(natural_bytes + padding_bytes - shape_bytes) * _CLOSE <= shape_bytes
    if not growing or (size_bytes == shape_bytes and is_close):
        scale = Fraction(1)
    else:
        scale = Fraction(max(size_bytes - fixed, 0), growing + padding_bytes)
    return Growth(
        containers=containers,
        scale=scale,
        fixed_bytes=fixed,
        grown_bytes=int(growing * scale),
        padding_bytes=int(padding_bytes * scale) if growing else 0,
    )


def _growing(
    root: PlaceMaker | ContainerMaker, natural_bytes: int
) -> tuple[tuple[ContainerMaker, ...], int]:
    """Return the containers that grow, and the bytes of what is in them."""
    for least in _LEAST_ELEMENTS:
        containers = tuple(_outermost(root, least))
        growing = sum(each.whole_bytes() - each.own_bytes() for each in containers)
        if 2 * growing >= natural_bytes:
            break
    return containers, growing


def _outermost(root: PlaceMaker | ContainerMaker, least: int) -> Iterator[ContainerMaker]:
    waiting: list[PlaceMaker | ContainerMaker] = [root]
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
