"""The census: what of each place's values there is, counted block by block."""

from typing import Final

import numpy as np

from synthetic.learning.giants import Large
from synthetic.learning.histograms import Histogram
from synthetic.learning.numerals import Classes, float_classes, integer_classes
from synthetic.learning.openings import GIANT_BYTES, Openings
from synthetic.learning.sketch import Sketch
from synthetic.learning.tally import Sums, Tally
from synthetic.scan.kinds import KINDS, Flags, Kind, Places
from synthetic.scan.paths import PathTree, Values
from synthetic.scan.scanner import Block
from synthetic.scan.strings import Texts

WIDTHS: Final = 4
_SHORT: Final = 32
_DETAIL_BITS: Final = 20
_CHARACTER_BITS: Final = 20
_MOST: Final = (1 << _CHARACTER_BITS) - 1


class TextCensus:
    """Strings or keys: lengths by node and width, and the bytes that they take beyond these."""

    def __init__(self) -> None:
        self.lengths = Histogram()
        self.extra_bytes = Sums()
        self.escaped = Sums()

    def add(self, nodes: Places, at: Places, texts: Texts, contents: Places) -> None:
        """Count the texts at some places, each at its node; `contents` are the bytes of all."""
        owners = nodes * WIDTHS
        owners += texts.widths.take(at)
        characters = texts.characters.take(at)
        self.lengths.add(owners, characters)
        more = contents.take(at) - characters
        extra = np.flatnonzero(more != 0)
        if len(extra):
            self.extra_bytes.add(owners.take(extra), more.take(extra))
            escaped = texts.escaped.take(at.take(extra))
            escapes = np.flatnonzero(escaped != 0)
            self.escaped.add(owners.take(extra.take(escapes)), escaped.take(escapes))


class Census:
    """Counts the values of a text, which come block by block with their nodes in `tree`."""

    def __init__(self, tree: PathTree) -> None:
        self.tree = tree
        self.kinds = Tally()
        self.strings = TextCensus()
        self.keys = TextCensus()
        self.short_numbers = Tally()
        self.long_numbers = Tally()
        self.openings = Openings(tree)
        self.sketch = Sketch()

    def take(self, block: Block, values: Values) -> None:
        """Count the values of the next block."""
        kinds = block.kinds.take(values.tokens)
        self.kinds.add(values.nodes * KINDS + kinds)
        self._take_texts(block, values, kinds == Kind.STRING)
        is_number = (kinds == Kind.INTEGER) | (kinds == Kind.FLOAT)
        numbers = np.flatnonzero(is_number)
        if len(numbers):
            self._take_numbers(block, values, numbers, kinds.take(numbers) == Kind.FLOAT)
        self.openings.take(block, values)
        self.sketch.take(block, values, kinds)

    def _take_texts(self, block: Block, values: Values, is_string: Flags) -> None:
        if not len(block.strings):
            return
        tokens = block.strings
        contents = block.ends.take(tokens) - block.starts.take(tokens) - 2
        for stretch in block.stretches:
            at = int(np.searchsorted(block.starts.take(tokens), stretch.place))
            if at < len(tokens) and block.starts[tokens[at]] == stretch.place:
                contents[at] = stretch.string.content_bytes
        is_value = block.kinds.take(tokens) == Kind.STRING
        nodes = values.nodes.take(np.flatnonzero(is_string))
        mine = np.flatnonzero(is_value)
        self.strings.add(nodes, mine, block.texts, contents)
        for index in np.flatnonzero(contents.take(mine) >= GIANT_BYTES).tolist():
            spot = int(mine[index])
            large_string = Large(
                node=int(nodes[index]),
                kind="string",
                offset=block.offset_of(int(block.starts[tokens[spot]])),
                size=int(block.texts.characters[spot]),
                bytes=int(contents[spot]),
                width=int(block.texts.widths[spot]),
            )
            self.openings.giants.add(large_string)
        keys = np.flatnonzero(~is_value)
        owners = values.container_nodes.take(block.containers.of_tokens.take(tokens.take(keys)))
        in_map = np.flatnonzero(self.tree.are_maps(owners))
        if len(in_map):
            self.keys.add(owners.take(in_map), keys.take(in_map), block.texts, contents)

    def _take_numbers(self, block: Block, values: Values, numbers: Places, is_float: Flags) -> None:
        for floats in (False, True):
            mine = numbers.compress(is_float == floats)
            if not len(mine):
                continue
            tokens = values.tokens.take(mine)
            starts, ends = block.starts.take(tokens), block.ends.take(tokens)
            classes_of = float_classes if floats else integer_classes
            self._count_numbers(
                values.nodes.take(mine), classes_of(block.view, starts, ends), floats
            )

    def _count_numbers(self, nodes: Places, classes: Classes, floats: bool) -> None:
        flags = nodes * 8
        flags += classes.negative * 4 + classes.exponents * 2 + floats
        is_short = (classes.characters < _SHORT) & (classes.details < _SHORT)
        if is_short.all():
            self.short_numbers.add((flags * _SHORT + classes.details) * _SHORT + classes.characters)
            return
        codes = np.minimum(classes.characters, _MOST)
        codes += np.minimum(classes.details, _MOST) << _CHARACTER_BITS
        codes += flags << (_CHARACTER_BITS + _DETAIL_BITS)
        self.long_numbers.add(codes)

    def numbers(self) -> dict[tuple[int, int, int, int], int]:
        """Return how many numbers there are by node, flags, detail and characters.

        The flags are 4 for a minus, 2 for an exponent and 1 for a float.
        """
        found: dict[tuple[int, int, int, int], int] = {}
        for code, count in self.short_numbers.counts().items():
            rest, characters = divmod(code, _SHORT)
            rest, details = divmod(rest, _SHORT)
            key = (rest // 8, rest % 8, details, characters)
            found[key] = found.get(key, 0) + count
        for code, count in self.long_numbers.counts().items():
            flags = code >> (_CHARACTER_BITS + _DETAIL_BITS)
            details = (code >> _CHARACTER_BITS) & _MOST
            key = (flags // 8, flags % 8, details, code & _MOST)
            found[key] = found.get(key, 0) + count
        return found
