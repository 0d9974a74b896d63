"""Elements: those of one large container after another, up to the size of the document."""

import contextlib
import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from synthetic.making.containers import ContainerMaker
from synthetic.making.dues import Due, by_element
from synthetic.making.filling_holes import Filler
from synthetic.making.growth import Growth
from synthetic.making.places import PlaceMaker
from synthetic.making.quotas import Share
from synthetic.making.sources import BLOB_BYTES, Needs, Source

_SMALL_BYTES: Final = 64 * 1024
"""Containers of less than this in all are made at once."""

# Yields one value of a place, with some giants in it.
Value: TypeAlias = Callable[[PlaceMaker, Sequence[Due]], Iterator[bytes]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a document is made by.

    Attributes:
        growth: how it grows, to `size_bytes`.
        is_cut: whether containers lose elements for which there seems to be no room.

    """

    growth: Growth
    size_bytes: int
    seed: int
    is_cut: bool


class Room:
    """How much of the document is made, and what is yet to come.

    Attributes:
        size_bytes: of the whole document; `position` of it are made.
        rest_bytes: what is expected after what is being made.
        streams: how many streams are among this, each of which can give way.

    """

    def __init__(self, size_bytes: int) -> None:
        """Begin an empty document."""
        self.size_bytes = size_bytes
        self.position = 0
        self.rest_bytes = 0
        self.streams = 0

    @property
    def left_bytes(self) -> int:
        """The room for what is being made now."""
        return self.size_bytes - self.rest_bytes - self.position

    @contextlib.contextmanager
    def kept(self, rest_bytes: int, streams: int) -> Iterator[None]:
        """Keep room for what comes after."""
        self.rest_bytes += rest_bytes
        self.streams += streams
        yield
        self.rest_bytes -= rest_bytes
        self.streams -= streams


@dataclasses.dataclass(kw_only=True)
class _Run:
    """One container while its elements are made, of which `left` are to come.

    `dues` are the giants that are to be in it yet, by the elements that they are to be in;
    `due_bytes` is what they have in all.
    """

    container: ContainerMaker
    place: PlaceMaker
    left: int
    dues: deque[tuple[Due, ...]]
    due_bytes: int
    grows: bool
    before: bytes = b""
    is_full: bool = False


class Elements:
    """Makes containers too large to be made at once."""

    def __init__(self, plan: Plan, room: Room, filler: Filler, value: Value) -> None:
        """Make single elements with `value`."""
        self._plan = plan
        self._room = room
        self._filler = filler
        self._value = value
        self._sources: dict[int, Source] = {}
        self._small: dict[int, bool] = {}
        scale = plan.growth.scale
        # One of the size of its source comes out right in the end, whatever comes first.
        self._is_exact = scale == 1
        self._lengths = {
            id(each): Share(scale.numerator, scale.denominator) for each in plan.growth.containers
        }
        grown = sum(each.elements_count for each in plan.growth.containers) * scale
        self._padding = Share(plan.growth.padding_bytes, max(int(grown), 1))

    def container(
        self, container: ContainerMaker, size: int, dues: Sequence[Due]
    ) -> Iterator[bytes]:
        """Yield an array or a map of `size` elements, or of as many as its growth makes of them.

        The giants that are due in it are in some of its elements.
        """
        grows = id(container) in self._lengths
        if grows:
            size = self._lengths[id(container)].of(size)
        brackets, place = container.brackets, container.elements
        if not size or place is None:
            yield brackets.empty
            return
        if container.keys is not None:
            container.keys.begin(size)
        run = _Run(
            container=container,
            place=place,
            left=size,
            dues=deque(by_element(dues, place)),
            due_bytes=sum(due.bytes for due in dues),
            grows=grows,
        )
        yield brackets.opening
        with self._room.kept(len(brackets.closing), 0):
            yield from self._elements(run)
        yield brackets.closing
        self._let_go(container)

    def _let_go(self, container: ContainerMaker) -> None:
        """Give up the source of a container if that was the last one of its place."""
        source = self._sources.get(id(container))
        if source is None:
            return
        source.containers -= 1
        if source.containers <= 0:
            del self._sources[id(container)]

    def _elements(self, run: _Run) -> Iterator[bytes]:
        mean, among = run.container.mean_bytes(whole=False)
        is_single = mean > BLOB_BYTES // 2 * among or run.place.is_large
        is_single |= self._plan.growth.opens(run.place)
        while run.left or self._extend(run):
            due, usual = self._turn(run)
            if due or is_single:
                run.left -= 1
                yield from self._entry(run, due)
                continue
            text, count = self._taken(run, usual)
            if not count:
                # There is room for giants alone, which can give way inside, or for none.
                run.left, run.is_full = len(run.dues), True
                continue
            run.left -= count
            yield run.before + text
            run.before = run.container.brackets.comma
            if run.grows and (blank := self._padding.of(count)):
                yield b" " * blank

    def _turn(self, run: _Run) -> tuple[tuple[Due, ...], int]:
        """Return the giants whose turn it is, or how many usual elements come before the next."""
        if not run.dues:
            return (), run.left
        wait_bytes = int(run.dues[0][0].at * self._room.size_bytes) - self._room.position
        if run.left <= len(run.dues) or wait_bytes <= 0:
            due = run.dues.popleft()
            run.due_bytes -= sum(each.bytes for each in due)
            return due, 0
        mean, among = run.container.mean_bytes(whole=False)
        before = max(wait_bytes * among // max(mean, 1), 1)
        return (), min(run.left - len(run.dues), before)

    def _extend(self, run: _Run) -> bool:
        """Plan more elements where there is room that the last container has to fill."""
        if not run.grows or run.is_full or self._is_exact:
            return False
        mean, among = run.container.mean_bytes()
        run.left = max(self._room.left_bytes - len(run.before), 0) * among // max(mean, 1)
        return run.left > 0

    def _entry(self, run: _Run, dues: tuple[Due, ...]) -> Iterator[bytes]:
        """Yield one element made on its own."""
        container = run.container
        label = b""
        if container.keys is not None:
            key = container.keys.take_part(1, 1)[0]
            label = self._filler.fill_text(key, has_keys=True) + container.colon
        yield run.before + label
        run.before = container.brackets.comma
        rest = self._plan.growth.expected_bytes(run.place, run.left)
        rest += run.left * (container.key_bytes() + len(run.before))
        with self._room.kept(rest, int(run.left > 0)):
            yield from self._value(run.place, dues)

    def _taken(self, run: _Run, count: int) -> tuple[bytes, int]:
        """Return some of the next elements, and how many, as far as there is room for them."""
        most_bytes = None
        gives_way = not self._room.streams or (run.grows and not self._is_exact)
        if self._plan.is_cut and gives_way:
            most_bytes = self._room.left_bytes - len(run.before)
            if not self._is_exact:
                most_bytes -= run.due_bytes
            most_bytes = max(most_bytes, 0)
        if not run.grows and self._is_small(run.container):
            entries = run.container.part(count, 1)
            text = run.container.brackets.comma.join(entries)
            has_keys = run.container.keys is not None or run.place.has_keys
            return self._filler.fill_text(text, has_keys=has_keys), count
        ahead = run.left - len(run.dues)
        return self._source(run.container).take(count, ahead, most_bytes)

    def _is_small(self, container: ContainerMaker) -> bool:
        """Whether all of the containers of a place have so little that they are made at once."""
        is_small = self._small.get(id(container))
        if is_small is None:
            mean, among = container.mean_bytes(whole=False)
            planned = container.elements_count * self._plan.growth.scale_of(container)
            is_small = self._small[id(container)] = planned * mean // among <= _SMALL_BYTES
        return is_small

    def _count(self, container: ContainerMaker) -> int:
        """Return how many containers of a place have elements."""
        count = container.count - container.empty
        if id(container) in self._lengths:
            return count  # there are as many, which are longer
        return math.ceil(count * self._plan.growth.scale_of(container))

    def _source(self, container: ContainerMaker) -> Source:
        source = self._sources.get(id(container))
        if source is None:
            planned = container.elements_count * self._plan.growth.scale_of(container)
            mean, among = container.mean_bytes(whole=False)
            share = int(planned * mean * 1_000_000 / (among * self._plan.size_bytes))
            source = self._sources[id(container)] = Source(
                container,
                Needs(
                    elements=max(int(planned), 1),
                    share=min(share, 1_000_000),
                    containers=self._count(container),
                    are_exact=self._is_exact,
                ),
                filler=self._filler,
                seed=self._plan.seed,
            )
        return source
