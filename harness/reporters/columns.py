"""Tables of plain text for a terminal: cells in columns."""

from collections.abc import Collection, Iterator, Sequence

from rich.cells import cell_len

from harness.reporters.plain import one_line


def lines_of(rows: Sequence[Sequence[str]], *, right: Collection[int]) -> Iterator[str]:
    """Yield each row as an indented line, its cells made harmless; columns in `right` end alike."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield f"  {'  '.join(_padded(row, widths, right)).rstrip()}"


def _padded(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        gap = " " * (width - cell_len(cell))
        yield gap + cell if column in right else cell + gap
