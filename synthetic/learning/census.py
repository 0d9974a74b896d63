"""The census: what of each place's values there is, counted block by block."""

from typing import Final

import numpy as np

from synthetic.learning.distinct_keys import DistinctKeys
from synthetic.learning.echoes import Echoes
from synthetic.learning.encounters import Encounters
from synthetic.learning.giants import Large
from synthetic.learning.histograms import Histogram
from synthetic.learning.numerals import float_classes, integer_classes
from synthetic.learning.openings import GIANT_BYTES, Openings
from synthetic.learning.sketch import Sketch
from synthetic.learning.tally import Sums, Tally, Totals
from synthetic.scan.kinds import FLOAT, INTEGER, KINDS, OPEN_ARRAY, STRING, TRUE, Places
from synthetic.scan.paths import PathTree, Values
from synthetic.scan.scanner import Block
from synthetic.scan.strings import Texts

WIDTHS: Final = 4
_SHORT: Final = 32
_FLAGS: Final = 8
IS_FLOAT: Final = 1
_DETAIL_BITS: Final = 20
_CHARACTER_BITS: Final = 20
_MOST: Final = (1 << _CHARACTER_BITS) - 1


class TextCensus:
    """Strings or keys: lengths by node and width, and the bytes that they take beyond these."""

    def __init__(self) -> None:
        self.lengths = Histogram(WIDTHS)
        self.extra_bytes = Sums()
        self.escaped = Sums()

    def tallies(self) -> dict[str, tuple[Totals, int]]:
        """Return the tallies by name, each with the number of codes that a node has."""
        return {
            "extra_bytes": (self.extra_bytes, WIDTHS),
            "escaped": (self.escaped, WIDTHS),
            **self.lengths.tallies(),
        }

    def add(self, nodes: Places, at: Places, texts: Texts) -> None:
        """Count those of texts that are at some places, each at its node."""
        owners = nodes * WIDTHS
        characters = texts.characters.take(at)
        if texts.are_plain:
            self.lengths.add(owners, characters)
            return
        owners += texts.widths.take(at)
        self.lengths.add(owners, characters)
        more = texts.contents.take(at)
        more -= characters
        extra = more.nonzero()[0]
        if len(extra):
            self.extra_bytes.add(owners.take(extra), more.take(extra))
            escaped = texts.escaped.take(at.take(extra))
            escapes = escaped.nonzero()[0]
            self.escaped.add(owners.take(extra.take(escapes)), escaped.take(escapes))


class Census:
    """Counts the values of a text, which come block by block with their nodes in `tree`.

    Attributes:
        others: how many values there are by node and kind, that are no strings and no numbers.
        strings, keys: the strings, and the keys of maps.
        openings: the arrays and objects.
        sketch: a sample of strings and numbers; `key_sketch`: one of the keys of maps, by node.
        distinct_keys: a sample of the different keys of maps, by node.
        encounters: which keys are met again soon.
        echoes: which names of keys are data as well.

    """

    def __init__(self, tree: PathTree) -> None:
        self.tree = tree
        self.others = Tally()
        self.strings = TextCensus()
        self.keys = TextCensus()
        self.openings = Openings(tree)
        self.sketch = Sketch()
        self.key_sketch = Sketch()
        self.distinct_keys = DistinctKeys()
        self.encounters = Encounters()
        self.echoes = Echoes(tree)
        self._short_numbers = Tally()
        self._long_numbers = Tally()

    def take(self, block: Block, values: Values) -> None:
        """Count the values of the next block."""
        kinds = values.kinds
        is_other = kinds <= OPEN_ARRAY
        is_other |= kinds >= TRUE
        others = is_other.nonzero()[0]
        codes = values.nodes.take(others) * KINDS
        codes += kinds.take(others)
        self.others.add(codes)
        if len(block.strings):
            self._take_texts(block, values)
        for kind in (INTEGER, FLOAT):
            numbers = (kinds == kind).nonzero()[0]
            if len(numbers):
                self._take_numbers(block, values, numbers, is_float=kind == FLOAT)
        self.openings.take(block, values)
        self.sketch.take(block, values)
        self.encounters.take(block, values)

    def _take_texts(self, block: Block, values: Values) -> None:
        texts = block.texts
        is_value = block.kinds.take(block.strings) == STRING
        at = is_value.nonzero()[0]
        nodes = values.nodes.compress(values.kinds == STRING)
        self.strings.add(nodes, at, texts)
        self.echoes.take(block, at)
        if int(texts.contents.max()) >= GIANT_BYTES:
            self._take_giants(block, nodes, at)
        if not self.tree.has_maps():
            return
        keys = np.flatnonzero(~is_value)
        tokens = block.strings.take(keys)
        owners = values.container_nodes.take(block.containers.of_tokens.take(tokens))
        in_map = self.tree.are_maps(owners).nonzero()[0]
        if len(in_map):
            self.keys.add(owners.take(in_map), keys.take(in_map), texts)
            mine, theirs = owners.take(in_map), tokens.take(in_map)
            self.key_sketch.take_keys(block, mine, theirs)
            self.distinct_keys.take(block, mine, theirs, values.key_hashes.take(in_map))
            self.echoes.take(block, keys.take(in_map))

    def _take_giants(self, block: Block, nodes: Places, at: Places) -> None:
        texts = block.texts
        for index in np.flatnonzero(texts.contents.take(at) >= GIANT_BYTES).tolist():
            spot = int(at[index])
            large = Large(
                node=int(nodes[index]),
                kind="string",
                offset=block.offset_of(int(block.starts[block.strings[spot]])),
                size=int(texts.characters[spot]),
                bytes=int(texts.contents[spot]),
                width=int(texts.widths[spot]),
            )
            self.openings.giants.add(large)

    def _take_numbers(
        self, block: Block, values: Values, numbers: Places, *, is_float: bool
    ) -> None:
        scalars = block.tokens.scalars
        mine = (block.kinds.take(scalars) == (FLOAT if is_float else INTEGER)).nonzero()[0]
        starts = block.starts.take(scalars.take(mine))
        ends = block.tokens.scalar_ends.take(mine)
        classes = (float_classes if is_float else integer_classes)(block.view, starts, ends)
        codes = values.nodes.take(numbers) * _FLAGS
        codes += classes.flags
        if is_float:
            codes += IS_FLOAT
        longest = max(int(classes.characters.max()), int(classes.details.max()))
        if longest < _SHORT:
            codes *= _SHORT
            codes += classes.details
            codes *= _SHORT
            codes += classes.characters
            self._short_numbers.add(codes)
            return
        codes <<= _CHARACTER_BITS + _DETAIL_BITS
        codes += np.minimum(classes.details, _MOST) << _CHARACTER_BITS
        codes += np.minimum(classes.characters, _MOST)
        self._long_numbers.add(codes)

    def sketches(self) -> dict[str, tuple[Sketch, int]]:
        """Return the sketches by name, each with the number of owners that a node has."""
        return {"values": (self.sketch, 2), "keys": (self.key_sketch, 1)}

    def tallies(self) -> dict[str, tuple[Totals, int]]:
        """Return the tallies by name, each with the number of codes that a node has."""
        parts: dict[str, TextCensus | Histogram] = {
            "strings": self.strings,
            "keys": self.keys,
            "sizes": self.openings.sizes,
        }
        return {
            "others": (self.others, KINDS),
            "keys looked at": (self.encounters.keys, 1),
            "keys met again": (self.encounters.again, 1),
            "short numbers": (self._short_numbers, _FLAGS * _SHORT * _SHORT),
            "long numbers": (self._long_numbers, _FLAGS << (_CHARACTER_BITS + _DETAIL_BITS)),
            **{
                f"{part} {name}": tally
                for part, census in parts.items()
                for name, tally in census.tallies().items()
            },
        }

    def numbers(self) -> dict[tuple[int, int, int, int], int]:
        """Return how many numbers there are by node, flags, detail and characters; forget these.

        The flags are 4 for a minus, 2 for an exponent and 1 for a float.
        """
        found: dict[tuple[int, int, int, int], int] = {}
        for code, count in self._short_numbers.spent().items():
            rest, characters = divmod(code, _SHORT)
            rest, details = divmod(rest, _SHORT)
            key = (rest // _FLAGS, rest % _FLAGS, details, characters)
            found[key] = found.get(key, 0) + count
        for code, count in self._long_numbers.spent().items():
            flags = code >> (_CHARACTER_BITS + _DETAIL_BITS)
            details = (code >> _CHARACTER_BITS) & _MOST
            key = (flags // _FLAGS, flags % _FLAGS, details, code & _MOST)
            found[key] = found.get(key, 0) + count
        return found
