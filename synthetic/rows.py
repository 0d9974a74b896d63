"""Rows of ready pieces of JSON text, put beside one another and joined, thousands at a time.

A row is a record, or a part of one. Its pieces are references to bytes that mostly exist already,
so numpy moves eight bytes where Python would format a field.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pieces = NDArray[np.object_]
"""References to bytes."""
Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Pieces in rows: row i is the next ``lengths[i]`` of the pieces."""

    pieces: Pieces
    lengths: Counts

    def joined(self) -> bytes:
        """Return the text of all rows, one after another."""
        return b"".join(self.pieces.tolist())

    def texts(self) -> list[bytes]:
        """Return the text of each row."""
        pieces = self.pieces.tolist()
        ends = np.cumsum(self.lengths).tolist()
        return [b"".join(pieces[start:end]) for start, end in zip([0, *ends], ends, strict=False)]

    def grouped(self, counts: Counts) -> "Rows":
        """Return longer rows, of which row i is the next ``counts[i]`` of these."""
        piece_ends = np.concatenate(([0], np.cumsum(self.lengths)))
        lengths = np.diff(piece_ends[np.cumsum(counts)], prepend=0)
        return Rows(pieces=self.pieces, lengths=lengths)


def rows_of(columns: Sequence[Pieces]) -> Rows:
    """Return rows of one piece from each column."""
    count = len(columns[0])
    pieces = np.empty((count, len(columns)), dtype=object)
    for index, column in enumerate(columns):
        pieces[:, index] = column
    return Rows(pieces=pieces.ravel(), lengths=np.full(count, len(columns), dtype=np.int64))


def beside(*parts: Rows) -> Rows:
    """Return rows of which row i is row i of every part, in order."""
    lengths = np.stack([part.lengths for part in parts]).sum(axis=0)
    pieces = np.empty(lengths.sum(), dtype=object)
    starts = np.cumsum(lengths) - lengths
    for part in parts:
        pieces[_places(starts, part.lengths)] = part.pieces
        starts += part.lengths
    return Rows(pieces=pieces, lengths=lengths)


def _places(starts: Counts, lengths: Counts) -> Counts:
    """Return starts[0], starts[0] + 1, ... for each row in turn, ``lengths[i]`` of them."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())
