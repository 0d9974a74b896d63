"""The x-ray of a text: its tree of paths with their bytes, and what each parser needs for it."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from synthetic.scan.scanner import Scanner
from synthetic.xray.branches import Branch, branches_of, walk
from synthetic.xray.census import Census
from synthetic.xray.interpreters import Interpreter
from synthetic.xray.notes import notes_of
from synthetic.xray.prediction import ParserPeak, peak_of
from synthetic.xray.reasons import reasons_of

SCHEMA: Final = 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PathCost:
    """What the values at one path cost; all paths together cost what the parser retains.

    Attributes:
        path: such as ``$.cities.*.names[*]``: any key of a map is ``.*``, any element ``[*]``.
        count: of the values there.
        bytes: what they cost, with the keys of objects, and without what is below.
        share: of all bytes, from 0 to 1.
        total_bytes: what they cost with all below.
        reasons: the arithmetic.

    """

    path: str
    count: int
    bytes: int
    share: float
    total_bytes: int
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class XRay:
    """What a text costs.

    Attributes:
        bytes: of the text.
        documents: how many it holds, one on each line; 1 for one value.
        parser: whose objects the paths are of.
        python: the interpreter that it is for.
        is_measured: whether that was measured now, for lack of a table.
        base_bytes: of the interpreter with the parser imported; None if it is not installed.
        root: the tree of paths.
        paths: the same in a row, the costliest first.
        parsers: what each needs.
        notes: what else to know, in whole sentences.

    """

    bytes: int
    documents: int
    parser: str
    python: str
    is_measured: bool
    base_bytes: int | None
    root: Branch
    paths: tuple[PathCost, ...]
    parsers: dict[str, ParserPeak]
    notes: tuple[str, ...]

    @property
    def peak(self) -> ParserPeak:
        """What the parser of the paths needs."""
        return self.parsers[self.parser]


def _counted(pieces: Iterable[bytes], interpreter: Interpreter) -> Census:
    """Return what is in a text; of the text itself and its tokens nothing is left in memory."""
    scanner = Scanner()
    census = Census(interpreter.model)
    for block in scanner.blocks(pieces):
        census.take(block)
    census.has_byte_order_mark = scanner.has_bom
    census.finish()
    return census


def examine(
    pieces: Iterable[bytes],
    interpreter: Interpreter,
    *,
    parser: str = "json",
    depth: int | None = None,
) -> XRay:
    """Return the x-ray of a text that comes in pieces, in memory that does not grow with it.

    `parser` is one of the interpreter's model; what is deeper than `depth` steps counts for the
    path above.

    Raises InvalidJsonError.
    """
    sizes = _Sizes(pieces)
    census = _counted(sizes, interpreter)
    root = branches_of(census, parser, depth=depth)
    costs = census.containers[parser]
    branches = [(path, branch) for path, branch in walk(root) if branch.count or branch.bytes]
    retained_bytes = sum(branch.bytes for _, branch in branches)
    paths = tuple(
        PathCost(
            path=path,
            count=branch.count,
            bytes=branch.bytes,
            share=round(branch.bytes / max(1, retained_bytes), 6),
            total_bytes=branch.total_bytes,
            reasons=reasons_of(branch, costs),
        )
        for path, branch in sorted(branches, key=lambda item: -item[1].bytes)
    )
    return XRay(
        bytes=sizes.total,
        documents=census.documents,
        parser=parser,
        python=interpreter.python,
        is_measured=interpreter.measured,
        base_bytes=interpreter.bases.get(parser),
        root=root,
        paths=paths,
        parsers={
            name: peak_of(
                census,
                name,
                size_bytes=sizes.total,
                retained_bytes=retained_bytes if name == parser else None,
                base_bytes=interpreter.bases.get(name),
            )
            for name in interpreter.model.parsers
        },
        notes=(*interpreter.notes, *notes_of(census, sizes.total)),
    )


class _Sizes:
    """Passes pieces on and adds up their bytes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.total = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.total += len(piece)
            yield piece
