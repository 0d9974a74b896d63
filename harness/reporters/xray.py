"""The x-ray of a snapshot: a tree of paths with bars and arithmetic, and a document."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from harness.core.encoding import indent_json
from harness.core.units import format_bytes, format_megabytes
from harness.reporters.plain import in_ascii, one_line
from synthetic.xray.branches import Branch
from synthetic.xray.examination import SCHEMA, XRay
from synthetic.xray.prediction import ParserPeak

_LEAST_SHARE: Final = 0.01
_MOST_LINES: Final = 40
_BAR_WIDTH: Final = 12
_INDENT: Final = 2
_NARROWEST: Final = 80
_PATH_SHARE: Final = 0.45


def render_xray(found: XRay, *, name: str, width: int = 100, unicode: bool = True) -> str:
    """Return the x-ray as plain text of `width` columns."""
    width = max(width, _NARROWEST)
    title = (
        f"{one_line(name)} ({format_megabytes(found.bytes)}) parsed by {found.parser} on "
        f"{found.python}: {format_bytes(found.peak.retained_bytes)} retained"
    )
    lines = [
        title,
        "",
        *_tree(found, width, full="█" if unicode else "#", empty="·" if unicode else "."),
        "",
        *_peaks(found),
        "",
    ]
    for note in found.notes:
        lines += textwrap.wrap(one_line(note), width, subsequent_indent="  ")
    text = "\n".join(lines).rstrip() + "\n"
    return text if unicode else in_ascii(text)


def _tree(found: XRay, width: int, *, full: str, empty: str) -> Iterator[str]:
    """Yield a line for each path that holds much, and one for what is left out below it."""
    reasons = {path.path: path.reasons for path in found.paths}
    shown = _shown(found)
    total = max(1.0, found.root.total)
    labels = [_INDENT * branch.depth + cell_len(one_line(branch.label)) for _, branch in shown]
    path_width = min(max(labels), round((width - _BAR_WIDTH) * _PATH_SHARE))
    for path, branch in shown:
        share = branch.total / total
        bar = (full * max(1, round(share * _BAR_WIDTH))).ljust(_BAR_WIDTH, empty)
        label = " " * (_INDENT * branch.depth) + one_line(branch.label)
        left = f"{share * 100:5.1f} % {bar} {format_bytes(branch.total_bytes):>10}  "
        right = "; ".join(reasons.get(path, ()))
        line = f"{left}{_fitted(label, path_width)}  {right}".rstrip()
        yield line if cell_len(line) <= width else _fitted(line, width)


def _shown(found: XRay) -> list[tuple[str, Branch]]:
    """Return the branches to show, in the order of the tree: those that hold most."""
    least = found.root.total * _LEAST_SHARE
    paths: list[tuple[str, Branch]] = []
    waiting = [("", found.root)]
    while waiting:
        prefix, branch = waiting.pop()
        path = prefix + branch.label
        paths.append((path, branch))
        waiting.extend(
            (path, child) for child in reversed(branch.largest_first()) if child.total >= least
        )
    if len(paths) <= _MOST_LINES:
        return paths
    bound = sorted((branch.total for _, branch in paths), reverse=True)[_MOST_LINES - 1]
    return [item for item in paths if item[1].total >= bound][:_MOST_LINES]


def _fitted(text: str, width: int) -> str:
    """Return text in so many cells; of a long one the end is cut."""
    if cell_len(text) > width:
        return set_cell_size(text, width - 2) + ".."
    return set_cell_size(text, width)


def _peaks(found: XRay) -> Iterator[str]:
    yield "Predicted peak = base + input + transient + retained"
    for name, peak in found.parsers.items():
        yield f"  {_titled(name, peak):<16} {_sum(peak)}"


def _titled(name: str, peak: ParserPeak) -> str:
    return f"{name} {peak.version}".strip()


def _sum(peak: ParserPeak) -> str:
    parts = [peak.input_bytes, peak.transient_bytes, peak.retained_bytes]
    if peak.base_bytes is None:
        return f"base + {' + '.join(map(format_bytes, parts))}"
    total = format_bytes(peak.base_bytes + peak.peak_bytes)
    return f"{total:>10} = {' + '.join(map(format_bytes, [peak.base_bytes, *parts]))}"


def xray_document(found: XRay) -> dict[str, Any]:
    """Return the x-ray as a document."""
    return {
        "schema": SCHEMA,
        "bytes": found.bytes,
        "documents": found.documents,
        "parser": found.parser,
        "python": found.python,
        "measured": found.is_measured,
        "base_bytes": found.base_bytes,
        "retained_bytes": found.peak.retained_bytes,
        "paths": [
            {
                "path": path.path,
                "count": path.count,
                "bytes": path.bytes,
                "share": path.share,
                "total_bytes": path.total_bytes,
                "why": list(path.reasons),
            }
            for path in found.paths
        ],
        "parsers": found.parsers,
        "notes": list(found.notes),
    }


def render_xray_json(found: XRay) -> bytes:
    """Return the x-ray as an indented JSON document in UTF-8."""
    return indent_json(xray_document(found))
