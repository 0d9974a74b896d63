"""Planning: how a document of a shape gets its size and its layout, before its first byte."""

import codecs
import dataclasses
from collections.abc import Iterator
from typing import Final

import msgspec

from synthetic.making.containers import ContainerMaker, Writing
from synthetic.making.document import Document
from synthetic.making.dues import dues_of
from synthetic.making.elements import Plan
from synthetic.making.filling_holes import Filler
from synthetic.making.growth import Growth, Sizes, growth_of
from synthetic.making.key_pool import KeyPool
from synthetic.making.layout import Brackets, Layout
from synthetic.making.places import Kit, PlaceMaker
from synthetic.making.shuffling import Shuffler
from synthetic.shape import Giant, Shape, Style

COMPACT: Final = Style()
_MUCH: Final = 100
"""One part in so many of a document is too much to be padded for no reason."""
_LITTLE: Final = 5000
"""One part in so many may be cut."""
_MOST_LEVELS: Final = 10
_MOST_KEY_LENGTH: Final = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """A document before its first byte.

    Attributes:
        natural_bytes: of a document of the shape's own size, without padding.
        is_good: whether the document can be laid out as it was asked.

    """

    shape: Shape
    growth: Growth
    document: Document
    body: Iterator[bytes]
    natural_bytes: int
    is_good: bool


def best_plan(shape: Shape, size_bytes: int, seed: int, *, is_cut: bool = True) -> Planned:
    """Return the plan for the style of the shape, or for one with less white space if it must be.

    A text that is not laid out alike everywhere may come out too long if it is laid out as most of
    it was. It gets fewer levels of lines then, and the rest of the white space as padding.
    """
    style = shape.style
    plan = planned(shape, size_bytes, seed, style, is_cut=is_cut)
    if plan.is_good:
        return plan
    if style.indent is not None:
        most = _MOST_LEVELS if style.line_levels is None else style.line_levels
        for levels in range(min(most, _MOST_LEVELS) - 1, 0, -1):
            fewer = msgspec.structs.replace(style, line_levels=levels)
            plan = planned(shape, size_bytes, seed, fewer, is_cut=is_cut)
            if plan.is_good:
                return plan
    return planned(shape, size_bytes, seed, COMPACT, is_cut=is_cut)


def planned(
    shape: Shape, size_bytes: int, seed: int, style: Style, *, is_cut: bool = True
) -> Planned:
    """Return the plan for a style."""
    root, lines = _root(shape, seed, style)
    top = root if lines is None else lines
    natural = _natural_bytes(shape, top)
    padding = max(shape.bytes - natural, 0)
    if padding * _MUCH > natural and not _is_sound(shape, seed):
        padding = 0
    sizes = Sizes(wanted=size_bytes, source=shape.bytes, natural=natural, padding=padding)
    growth = growth_of(root, lines, sizes)
    inner_bytes = size_bytes - len(ending(shape))
    plan = Plan(growth=growth, size_bytes=inner_bytes, seed=seed, is_cut=is_cut)
    document = Document(plan, Filler(seed))
    dues = dues_of(root, growth, in_growth=lines is not None and growth.grows(lines))
    is_too_long = size_bytes == shape.bytes and (natural - size_bytes) * _LITTLE > size_bytes
    return Planned(
        shape=shape,
        growth=growth,
        document=document,
        body=document.value(root, dues) if lines is None else document.lines(lines, dues),
        natural_bytes=natural,
        is_good=growth.fixed_bytes <= size_bytes and not is_too_long,
    )


def opening(shape: Shape) -> bytes:
    """Return what stands before the root."""
    return codecs.BOM_UTF8 if shape.style.has_bom else b""


def ending(shape: Shape) -> bytes:
    """Return what stands behind the root."""
    return b"\n" if shape.style.is_lines else b""


def _root(shape: Shape, seed: int, style: Style) -> tuple[PlaceMaker, ContainerMaker | None]:
    """Return the maker of the root, and that of the lines if there are such."""
    root, lines, kit = _made(shape, seed, style, 0)
    keyed = sum(nests.keyed for nests in kit.nests)
    if keyed:
        # What is missing are the keys in nests, of which a shape says nothing.
        compact, compact_lines, _ = _made(shape, seed, COMPACT, 0)
        found = _natural_bytes(shape, compact if compact_lines is None else compact_lines)
        length = (shape.bytes - shape.style.blanks - found) // keyed
        if 0 < length <= _MOST_KEY_LENGTH:
            root, lines, kit = _made(shape, seed, style, length)
    kit.favour_widest()
    return root, lines


def _made(
    shape: Shape, seed: int, style: Style, nested_key_length: int
) -> tuple[PlaceMaker, ContainerMaker | None, Kit]:
    style = msgspec.structs.replace(style, widest=shape.style.widest)
    filler = Filler(seed, "what recurs")
    kit = Kit(
        layout=Layout(style=style),
        filler=filler,
        pool=KeyPool(filler),
        shuffler=Shuffler(seed, "order"),
        nested_key_length=nested_key_length,
    )
    root = PlaceMaker(shape.root, kit, depth=0, level=0)
    if not shape.style.is_lines:
        return root, None, kit
    brackets = Brackets(opening=b"", comma=b"\n", closing=b"", empty=b"")
    giants = [Giant(at=0, size=root.count)] if root.count else []
    writing = Writing(brackets=brackets)
    lines = ContainerMaker(lengths=(), giants=giants, elements=root, writing=writing)
    return root, lines, kit


def _natural_bytes(shape: Shape, top: PlaceMaker | ContainerMaker) -> int:
    """Return the bytes of a document of the shape's own size, without padding."""
    body = top.whole_bytes if isinstance(top, PlaceMaker) else top.whole_bytes()
    return body + len(opening(shape)) + len(ending(shape))


def _is_sound(shape: Shape, seed: int) -> bool:
    """Whether the shape's sizes still are what it says of the file that it was learned from.

    They are not in a shape that was edited, whose white space then is not known.
    """
    root, lines = _root(shape, seed, COMPACT)
    said = shape.bytes - shape.style.blanks
    return abs(_natural_bytes(shape, root if lines is None else lines) - said) * _MUCH <= said
