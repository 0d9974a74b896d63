"""The learner: from the bytes of a snapshot to its shape, in memory that does not grow with it."""

import codecs
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from synthetic.learning.census import Census
from synthetic.learning.curves import sizes_along
from synthetic.learning.drafts import less
from synthetic.learning.echoes import LEAST
from synthetic.learning.folding import Settled, settled
from synthetic.learning.fresh_keys import FreshKeys
from synthetic.learning.giants import Large
from synthetic.learning.openings import GIANT_BYTES
from synthetic.learning.parts import Part, join_part, part_of
from synthetic.learning.renaming import Names
from synthetic.learning.styles import StyleSample
from synthetic.learning.writing import Findings, empty_nests, nests_of, place_of
from synthetic.scan.kinds import OPEN_ARRAY, OPEN_OBJECT, Kinds
from synthetic.scan.outline import Cut
from synthetic.scan.paths import DEEPEST, PathTree
from synthetic.scan.scanner import Block, Scanner
from synthetic.shape import SCHEMA, Shape, Style, Width

_GIANT_SHARE: Final = 200
"""A giant takes at least one part in so many of the text."""
_BOM_BYTES: Final = 3
_WIDTHS: Final[dict[Width, int]] = {"ucs-4": 0xF0, "ucs-2": 0xC4, "latin-1": 0x80, "ascii": 0}
"""The least byte of a character so wide, from the widest on."""


def learn(pieces: Iterable[bytes], *, rename_keys: bool = False) -> Shape:
    """Return the shape of a JSON text that comes in pieces, best of `BLOCK_BYTES` bytes.

    With `rename_keys`, also the keys that are structure are replaced, by names as long.

    Raises:
        InvalidJsonError: the text is no JSON.

    """
    learner = Learner()
    for _ in learner.read(pieces):
        pass
    return learner.shape(rename_keys=rename_keys)


class Learner:
    """Reads a text, and then tells its shape."""

    def __init__(self) -> None:
        self._scanner = Scanner()
        self._census = Census(PathTree())
        self._style = StyleSample()
        self._bytes = 0
        self._token_bytes = 0
        self._greatest_byte = 0
        self._joined_roots = 0

    @property
    def paths(self) -> int:
        """How many paths were met so far."""
        return len(self._census.tree.nodes)

    def read(self, pieces: Iterable[bytes]) -> Iterator[int]:
        """Read a text; yield now and then how many bytes are read."""
        for block in self._scanner.blocks(self._counted(pieces)):
            self._take(block)
            yield self._bytes

    def read_to_comma(self, pieces: Iterable[bytes]) -> Iterator[int]:
        """Read the first part of a text, which ends with a comma; yield as `read` does."""
        for block in self._scanner.blocks_to_comma(self._counted(pieces)):
            self._take(block)
            yield self._bytes

    def is_behind_comma(self, contexts: Kinds) -> bool:
        """Whether a comma was read last, and just this is open."""
        return self._scanner.is_behind_comma(contexts)

    def glance(self, pieces: Iterable[bytes]) -> None:
        """Look at the beginning of a text, for the names that its objects have; count nothing."""
        for block in Scanner().blocks_to_comma(pieces):
            self._census.tree.values_of(block)

    def resume(self, cut: Cut, raw_keys: Sequence[bytes | None]) -> None:
        """Begin behind the comma of a cut; `raw_keys` are those of what is open there."""
        contexts = np.array([opening.context for opening in cut.openings], np.uint8)
        offsets = np.array([opening.offset for opening in cut.openings], np.intp)
        self._scanner = Scanner.resumed(cut.offset + 1, contexts)
        nodes = self._census.tree.resume(raw_keys)
        self._census.openings.resume(nodes, offsets, cut.offset + 1)

    def part(self) -> Part:
        """Return what was read, for the learner that has read what is before it."""
        return Part(
            bytes=self._bytes,
            token_bytes=self._token_bytes,
            greatest_byte=self._greatest_byte,
            roots=self._scanner.roots,
            **part_of(self._census),
        )

    def join(self, part: Part, contexts: Kinds) -> None:
        """Take in what another learner has read behind the comma that was read last."""
        join_part(self._census, part, contexts)
        self._bytes += part.bytes
        self._token_bytes += part.token_bytes
        self._greatest_byte = max(self._greatest_byte, part.greatest_byte)
        self._joined_roots = part.roots - 1

    def _take(self, block: Block) -> None:
        self._style.take(block)
        self._census.take(block, self._census.tree.values_of(block))
        self._token_bytes += _bytes_of(block)

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            text = piece if self._bytes else piece.removeprefix(codecs.BOM_UTF8)
            self._bytes += len(piece)
            if not text.isascii():
                greatest = int(np.frombuffer(text, np.uint8).max())
                self._greatest_byte = max(self._greatest_byte, greatest)
            yield piece

    def shape(self, *, rename_keys: bool) -> Shape:
        """Return the shape of what was read; nothing can be read after this."""
        census = self._census
        self._scanner.close()
        census.tree.close()
        census.echoes.close()
        drafts = settled(census)
        findings = self._findings(self._names(drafts.data, rename_keys=rename_keys))
        _hang(drafts, findings, census.openings.deepest - DEEPEST)
        return Shape(
            schema=SCHEMA,
            bytes=self._bytes,
            root=place_of(drafts.root, findings),
            style=self._written(),
        )

    def _names(self, data: Collection[str], *, rename_keys: bool) -> Callable[[str], str]:
        """Return what gives keys their names in the shape: others to those that are data too."""
        names, echoes = Names(), self._census.echoes

        def name_of(key: str) -> str:
            is_data = len(key) >= LEAST and (key in data or echoes.has(key))
            return names.of(key) if rename_keys or is_data else key

        return name_of

    def _written(self) -> Style:
        bom_bytes = _BOM_BYTES if self._scanner.has_bom else 0
        widest = next(name for name, least in _WIDTHS.items() if self._greatest_byte >= least)
        return msgspec.structs.replace(
            self._style.style(),
            is_lines=self._scanner.roots + self._joined_roots > 1,
            has_bom=self._scanner.has_bom,
            widest=widest,
            blanks=self._bytes - self._token_bytes - bom_bytes,
        )

    def _findings(self, name_of: Callable[[str], str]) -> Findings:
        openings = self._census.openings
        giants: dict[int, list[Large]] = {}
        large = openings.giants.at_least(max(GIANT_BYTES, self._bytes // _GIANT_SHARE))
        for giant in large:
            giants.setdefault(giant.node, []).append(giant)
        along = {
            curve.node: sizes_along(curve, _inside(large, curve.offset, curve.ends[-1]))
            for curve in openings.curves.found
        }
        nodes = self._census.tree.nodes
        return Findings(
            total_bytes=self._bytes,
            giants=giants,
            key_sets=openings.key_sets.by_node(),
            along=along,
            key_of=lambda node: nodes[node].key,
            name_of=name_of,
            fresh_keys=FreshKeys(),
        )


def _bytes_of(block: Block) -> int:
    """Return how many bytes the tokens of a block take."""
    tokens = block.tokens
    scalar_bytes = int(tokens.scalar_ends.sum()) - int(tokens.starts.take(tokens.scalars).sum())
    punctuation = len(tokens) - len(tokens.scalars) + len(tokens.strings)
    return int(block.texts.contents.sum()) + scalar_bytes + punctuation


def _inside(giants: list[Large], offset: int, end: int) -> list[tuple[int, int]]:
    """Return the outermost giants within a container, which comes before them."""
    found: list[tuple[int, int]] = []
    after = offset + 1
    for giant in giants:
        if after <= giant.offset < end:
            found.append((giant.offset, giant.bytes))
            after = giant.offset + giant.bytes
    return found


def _hang(drafts: Settled, findings: Findings, levels: int) -> None:
    """Put what is too deep for places below the places that hold it; all of it below one."""
    chains = [top.chains for top in drafts.tops if top.chains is not None]
    for top, others in zip(drafts.tops[1:], chains[1:], strict=True):
        top.nests = empty_nests(others)
        lost = {OPEN_ARRAY: others.arrays, OPEN_OBJECT: others.objects}
        drafts.deeper.kinds = less(drafts.deeper.kinds, lost)
    if drafts.tops:
        drafts.tops[0].nests = nests_of(drafts.deeper, chains[0].count, levels, findings)
