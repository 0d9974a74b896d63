"""What became of a shrunk snapshot, for people and as JSON."""

from typing import Any, Final

from harness.core.encoding import indent_json
from harness.core.json_path import format_path
from harness.core.units import format_megabytes, format_seconds
from harness.shrinking import Shrinking
from synthetic.shrinking.matters import Holding

SCHEMA: Final = 1


def render_shrunk(result: Shrinking) -> str:
    """Return what happened, a line for each thing, as text."""
    return "\n".join((*_outcome(result), *_matters(result), *_warnings(result)))


def _outcome(result: Shrinking) -> list[str]:
    shrunk = result.shrunk
    before, after = format_megabytes(shrunk.source_bytes), format_megabytes(shrunk.bytes)
    effort = f"{shrunk.checks} checks, {format_seconds(result.seconds)}"
    if result.stopped:
        kept = (
            f"the smallest snapshot so far, {after} of {before}, is in {result.output}"
            if shrunk.bytes < shrunk.source_bytes
            else f"nothing smaller was found yet, and {result.output} was not written"
        )
        return [f"Ended early, because {result.stopped}; {kept} ({effort})."]
    if shrunk.bytes == shrunk.source_bytes:
        return [f"Nothing could be spared of {result.source}, {before} ({effort})."]
    return [f"Shrunk {result.source}, {before}, to {result.output}, {after} ({effort})."]


def _matters(result: Shrinking) -> list[str]:
    lines: list[str] = []
    if result.shrunk.needed:
        lines.append("It is not shown without:")
        for needed in result.shrunk.needed:
            where = f"byte {needed.offset:,} of {result.source}"
            size = format_megabytes(needed.bytes)
            lines.append(f"  {format_path(needed.path)}  ({size} left, {where})")
    if result.shrunk.holdings:
        lines.append("What is left, by path:")
        for holding in result.shrunk.holdings:
            size = format_megabytes(holding.bytes)
            lines.append(
                f"  {holding.share:4.0%}  {_pattern(holding)}  ({holding.count:,} x, {size})"
            )
    return lines


def _warnings(result: Shrinking) -> list[str]:
    shrunk = result.shrunk
    lines = [
        f"{count} of the checks {problem}; they count as not showing it."
        for problem, count in sorted(shrunk.problems.items())
    ]
    if shrunk.is_independent:
        lines.append(
            "A snapshot that holds nothing shows it, too: the check does not depend on the data."
        )
    if shrunk.steps_back:
        kept = "passed twice" if shrunk.is_confirmed else "passed once only"
        lines.append(
            f"The check is not repeatable: {shrunk.steps_back} smaller snapshots passed once and "
            f"did not when they were checked again. The one that was kept {kept}."
        )
    return lines


def _pattern(holding: Holding) -> str:
    """Return a path in which ``[*]`` is any element, or any key of a map."""
    return "$" + "".join(
        "[*]" if step is None else format_path((step,))[1:] for step in holding.path
    )


def shrunk_document(result: Shrinking, runs: str | None) -> bytes:
    """Return what happened as JSON; `runs` is the folder of the replays, where there were any."""
    shrunk = result.shrunk
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "source": result.source,
        "output": result.output if result.is_written else None,
        "bytes_before": shrunk.source_bytes,
        "bytes_after": shrunk.bytes,
        "checks": shrunk.checks,
        "seconds": round(result.seconds, 3),
        "needed": [
            {"path": format_path(needed.path), "offset": needed.offset, "bytes": needed.bytes}
            for needed in shrunk.needed
        ],
        "paths": [
            {
                "path": _pattern(holding),
                "count": holding.count,
                "bytes": holding.bytes,
                "share": round(holding.share, 6),
            }
            for holding in shrunk.holdings or ()
        ],
        "confirmed": shrunk.is_confirmed,
        "repeatable": result.is_repeatable,
        "independent_of_data": shrunk.is_independent,
        "stopped": result.stopped or None,
        "unseen": shrunk.problems,
        "runs_dir": runs,
    }
    return indent_json(document)
