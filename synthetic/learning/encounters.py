"""Encounters: how many keys are met again soon, which parsers that keep some keys need not make."""

from typing import Final

import numpy as np

from synthetic.learning.tally import Tally
from synthetic.scan.hashes import hashes_of
from synthetic.scan.kinds import KEY
from synthetic.scan.paths import Values
from synthetic.scan.scanner import Block

SOON: Final = 2048
"""A key is met again soon if it was among so many keys before it."""
_LOOKS: Final = 8
"""After so many blocks only every other one of those so far is looked at."""


class Encounters:
    """Looks at the keys of some blocks, fewer the longer the text is.

    Attributes:
        keys: how many were looked at, by the nodes of their values.
        again: how many of these were met again soon.

    """

    def __init__(self) -> None:
        self.keys = Tally()
        self.again = Tally()
        self._blocks = 0
        self._looked = 0
        self._stride = 1

    def take(self, block: Block, values: Values) -> None:
        """Look at the keys of a block, or pass over it."""
        self._blocks += 1
        if self._blocks % self._stride:
            return
        tokens = (block.kinds == KEY).nonzero()[0]
        if len(tokens) <= SOON:
            return
        self._looked += 1
        if self._looked % _LOOKS == 0:
            self._stride *= 2
        starts = block.starts.take(tokens)
        hashes = hashes_of(block.text, starts, block.ends.take(tokens) - starts)
        order = np.argsort(hashes, kind="stable")
        ordered = hashes.take(order)
        is_soon = np.zeros(len(tokens), np.bool_)
        is_soon[order[1:]] = (ordered[1:] == ordered[:-1]) & (np.diff(order) <= SOON)
        # What came before the first keys of a block is not known.
        nodes = values.nodes.take(np.searchsorted(values.tokens, tokens[SOON:] + 2))
        self.keys.add(nodes)
        self.again.add(nodes.compress(is_soon[SOON:]))
