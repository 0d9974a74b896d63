"""What a snapshot consists of, by path: which hold most of its bytes. It is checked on the way."""

import dataclasses
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthetic.scan.kinds import Kind
from synthetic.scan.paths import ROOT_NODE, PathTree
from synthetic.scan.scanner import BLOCK_BYTES, Block, Scanner
from synthetic.shrinking.outline import Told

_LEAST_SHARE: Final = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holding:
    """What a path holds: how many values, and how many bytes of text with all that is in them.

    In `path`, None is any element, or any key of a map.
    """

    path: tuple[str | None, ...]
    count: int
    bytes: int
    share: float


def holdings_of(path: Path, most: int, told: Told | None = None) -> tuple[Holding, ...]:
    """Return the paths of a file that hold most, the largest first.

    Raises:
        InvalidJsonError: the file is no JSON.

    """
    nodes = TextSums()
    total = path.stat().st_size
    done = 0
    with path.open("rb", buffering=0) as file:
        for block in Scanner().blocks(iter(lambda: file.read(BLOCK_BYTES), b"")):
            nodes.take(block)
            done += len(block.text)
            if told is not None:
                told(min(done, total), total)
    return nodes.holdings(total, most)


class TextSums:
    """Adds up values and bytes of text by path."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._tree = PathTree()
        self._bytes = np.zeros(64, np.int64)
        self._counts = np.zeros(64, np.int64)

    def take(self, block: Block) -> None:
        """Take in the next block of the text."""
        values = self._tree.values_of(block)
        if len(self._tree) > len(self._bytes):
            room = len(self._tree) * 2
            self._bytes = np.concatenate((self._bytes, np.zeros(room, np.int64)))
            self._counts = np.concatenate((self._counts, np.zeros(room, np.int64)))
        count = len(self._bytes)
        self._counts += np.bincount(values.nodes, minlength=count)
        # Each value has the text from it to the next, its commas and brackets among it; a key's
        # text is so its neighbour's, which is in the same object but where one is empty.
        starts = block.starts.take(values.tokens)
        is_member = block.kinds.take(np.maximum(values.tokens - 1, 0)) == Kind.COLON
        starts = np.where(is_member, block.starts.take(np.maximum(values.tokens - 2, 0)), starts)
        lengths = np.diff(starts, append=int(block.ends[-1]))
        self._bytes += _sums(values.nodes, lengths, count)
        for stretch in block.stretches:
            at = int(np.searchsorted(starts, stretch.place, side="right")) - 1
            self._bytes[values.nodes[at]] += stretch.string.content_bytes

    def by_path(self) -> dict[tuple[str | None, ...], tuple[int, int]]:
        """Return of each path how many values there are, and their bytes with all that is below."""
        nodes = self._tree.nodes
        whole = self._bytes[: len(nodes)].copy()
        for number in range(len(nodes) - 1, 0, -1):  # what is in another has a greater number
            whole[nodes[number].parent] += whole[number]
        sums: dict[tuple[str | None, ...], tuple[int, int]] = {}
        for number in range(len(nodes)):
            path = self._path(number)
            count, bytes_ = sums.get(path, (0, 0))
            sums[path] = (count + int(self._counts[number]), bytes_ + int(whole[number]))
        return sums

    def holdings(self, total: int, most: int) -> tuple[Holding, ...]:
        """Return the paths below the root that hold most of a text of `total` bytes."""
        found = [
            Holding(path=path, count=count, bytes=bytes_, share=bytes_ / max(1, total))
            for path, (count, bytes_) in self.by_path().items()
            if path and count and bytes_ >= total * _LEAST_SHARE
        ]
        return tuple(sorted(found, key=lambda holding: -holding.bytes)[:most])

    def _path(self, number: int) -> tuple[str | None, ...]:
        steps: list[str | None] = []
        while number != ROOT_NODE:
            node = self._tree.nodes[number]
            # What was seen before it was known for a map has nodes of its own.
            steps.append(None if self._tree.is_map(node.parent) else node.key)
            number = node.parent
        return tuple(reversed(steps))


def _sums(nodes: NDArray[np.intp], weights: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.bincount(nodes, weights, minlength=count).astype(np.int64)
