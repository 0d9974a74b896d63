"""A snapshot as a tree of parts, of which only those that are looked at are known.

A part is one or more elements of an array, members of an object or values of the text that follow
each other. It is dropped as a whole, or split into finer ones.
"""

import dataclasses
import re
from typing import Final

import msgspec

from synthetic.shrinking.outline import Form, Outline, Told, outline_of
from synthetic.shrinking.source import Source

MEMBERS_OF_RECORD: Final = 32
"""An object of more members than this is a list whose order does not matter."""

_READ_BYTES: Final = 1 << 20
_KEY: Final = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:', re.DOTALL)

Step = str | int
Path = tuple[Step, ...]


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Part:
    """Elements that follow each other, with the white space around them but no comma.

    Attributes:
        start, end: its bytes in the source.
        index: of the first element among all those of the container.
        count: how many elements it is.
        owner: the value that it is a part of.
        value: of a part of one element, its value, where that is known.
        kept: whether it is in the snapshot that is being tried.
        is_needed: whether what is looked for was seen to be lost without it.

    """

    start: int
    end: int
    index: int
    count: int
    owner: "Value"
    value: "Value | None" = None
    kept: bool = True
    is_needed: bool = False

    @property
    def bytes(self) -> int:
        """Its bytes in the source."""
        return self.end - self.start


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Value:
    """A value of the snapshot.

    Attributes:
        form: what it is.
        start, end: its bytes in the source.
        key: where its key begins; -1 for elements.
        part: the part that it is the only element of; None for the root.
        parts: what it consists of, where that is known; for containers only.
        outline: where its parts can be learnt from, with its number there.
        is_emptied: whether it is tried with nothing in it.
        literal: what is tried in its place.
        head, tail: of a string, the stretch of its content that is tried.
        hoisted: the value deep in it that is tried in its place.
        is_searched: whether it was tried already which of its parts can be dropped.

    """

    form: Form
    start: int
    end: int
    key: int = -1
    part: Part | None = None
    parts: list[Part] | None = None
    outline: tuple[Outline, int] | None = None
    is_emptied: bool = False
    literal: bytes | None = None
    head: int = -1
    tail: int = -1
    hoisted: "Value | None" = None
    is_searched: bool = False

    @property
    def bytes(self) -> int:
        """Its bytes in the source."""
        return self.end - self.start

    @property
    def content_start(self) -> int:
        """Where its inside begins: behind the bracket or quote."""
        return self.start + (self.form is not Form.ROOT)

    @property
    def content_end(self) -> int:
        """Where its inside ends: before the bracket or quote."""
        return self.end - (self.form is not Form.ROOT)

    @property
    def separator_bytes(self) -> int:
        """How many bytes set two parts apart: of values on lines, the line belongs to the first."""
        return int(self.form is not Form.ROOT)

    @property
    def is_container(self) -> bool:
        """Whether it has parts."""
        return self.form in {Form.ROOT, Form.OBJECT, Form.ARRAY}


class Tree:
    """The parts of a snapshot, as far as they were looked at."""

    def __init__(self, source: Source, told: Told | None = None) -> None:
        """Read all of `source` once; raises InvalidJsonError."""
        self.source = source
        outline = outline_of(source, 0, source.size_bytes, told=told)
        self.root = Value(
            form=Form.ROOT, start=outline.first, end=source.size_bytes, outline=(outline, 0)
        )

    def parts(self, value: Value) -> list[Part]:
        """Return what a value consists of; nothing where it is no container, or empty."""
        if value.parts is None:
            value.parts = self._parts(value) if value.is_container else []
        return value.parts

    def _parts(self, value: Value) -> list[Part]:
        start, end = value.content_start, value.content_end
        if self.source.solid_from(start, end) == end:
            return []
        if value.outline is not None:
            outline, number = value.outline
            return _parts_of(outline, number, value, start, end, first=0)
        outline = outline_of(self.source, start, end, form=value.form)
        return _parts_of(outline, outline.top, value, start, end, first=0)

    def split(self, part: Part) -> list[Part]:
        """Put finer parts in the place of one; return them, or nothing where it is one element."""
        if part.count == 1:
            return []
        owner = part.owner
        finer = self._finer(part)
        siblings = self.parts(owner)
        at = next(index for index, sibling in enumerate(siblings) if sibling is part)
        siblings[at : at + 1] = finer
        return finer

    def _finer(self, part: Part) -> list[Part]:
        outline = outline_of(self.source, part.start, part.end, form=part.owner.form)
        number, first = outline.top, part.index
        return _parts_of(outline, number, part.owner, part.start, part.end, first=first)

    def look(self, part: Part) -> Value | None:
        """Return the value of a part of one element; None where it is too odd to be looked at."""
        if part.count == 1 and part.value is None:
            self._look(part)
        return part.value

    def _look(self, part: Part) -> None:
        start = self.source.solid_from(part.start, part.end)
        end = self.source.solid_until(start, part.end)
        key = -1
        if part.owner.form is Form.OBJECT:
            match = _KEY.match(self.source.read(start, min(end, start + _READ_BYTES)))
            if match is None:
                return
            key = start
            start = self.source.solid_from(start + match.end(), end)
        form = {b"{": Form.OBJECT, b"[": Form.ARRAY, b'"': Form.STRING}.get(
            self.source.read(start, start + 1), Form.SCALAR
        )
        part.value = Value(form=form, start=start, end=end, key=key, part=part)

    def key(self, value: Value) -> str:
        """Return the key of a member."""
        match = _KEY.match(self.source.read(value.key, min(value.start, value.key + _READ_BYTES)))
        if match is None:
            return "…"
        try:
            return str(msgspec.json.decode(match[1]))
        except (ValueError, UnicodeError):
            return match[1][1:-1].decode("utf-8", "replace")

    def path(self, value: Value) -> Path:
        """Return the steps from the root to a value: keys, and indices of elements."""
        steps: list[Step] = []
        while value.part is not None:
            owner = value.part.owner
            if value.key >= 0:
                steps.append(self.key(value))
            elif owner.form is not Form.ROOT or value.part.index or len(self.parts(owner)) > 1:
                steps.append(value.part.index)
            value = owner
        return tuple(reversed(steps))


def _parts_of(  # noqa: PLR0913  (where from, of what, and which stretch of it)
    outline: Outline, number: int, owner: Value, start: int, end: int, *, first: int
) -> list[Part]:
    """Return the parts that an outline's container `number` has between two places."""
    places, ranks = outline.cuts_in(number)
    width = owner.separator_bytes
    starts = [start, *(places + width).tolist()]
    ends = [*places.tolist(), end]
    indices = [0, *ranks.tolist()]
    total = int(outline.separators[number]) + 1
    counts = [later - sooner for sooner, later in zip(indices, [*indices[1:], total], strict=True)]
    parts = [
        Part(start=begin, end=stop, index=first + index, count=count, owner=owner)
        for begin, stop, index, count in zip(starts, ends, indices, counts, strict=True)
    ]
    at = 0
    for child, form, child_start, child_end, key in outline.values_in(number):
        while ends[at] <= child_start:
            at += 1
        if parts[at].count == 1:
            parts[at].value = Value(
                form=form,
                start=child_start,
                end=child_end,
                key=key,
                part=parts[at],
                outline=(outline, child),
            )
    return parts
