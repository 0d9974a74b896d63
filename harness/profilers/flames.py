"""memray's own flame graph of one capture, drawn by a process of its own.

``python -m harness.profilers.flames FILE MOMENT BOUND_BYTES TARGET``
"""

import heapq
import inspect
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.core.profile import Moment
from harness.profilers.reading import INSIDE, high_water_bytes, keep_below, open_capture, records_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memray import AllocationRecord, FileReader, MemorySnapshot

# A graph of more than these cannot be read by people, nor drawn in little memory.
_MOST_RECORDS: Final = 5000
_MOST_MOMENTS: Final = 1000


def draw(path: Path, moment: Moment) -> str:
    """Return the graph as HTML, of the largest allocation sites."""
    from memray.reporters.flamegraph import FlameGraphReporter  # noqa: PLC0415  (see reading)

    with open_capture(path) as reader:
        records = heapq.nlargest(
            _MOST_RECORDS,
            (record for record in records_at(reader, moment) if not _is_ours(record)),
            key=lambda record: record.size,
        )
        moments = _thinned(list(reader.get_memory_snapshots()))
        graph = FlameGraphReporter.from_snapshot(
            records, memory_records=moments, native_traces=False
        )
        page = io.StringIO()
        graph.render(page, **_options(graph.render, reader, moment))
    return page.getvalue()


def _is_ours(record: "AllocationRecord") -> bool:
    return any(file.startswith(INSIDE) for _, file, _ in record.stack_trace())


def _thinned(moments: "Sequence[MemorySnapshot]") -> "Sequence[MemorySnapshot]":
    return moments[:: max(1, len(moments) // _MOST_MOMENTS)]


def _options(render: Any, reader: "FileReader", moment: Moment) -> dict[str, Any]:
    """Return the options of those that this memray knows."""
    wanted = {
        "metadata": reader.metadata,
        "show_memory_leaks": moment is Moment.DEATH,
        "merge_threads": True,
        "inverted": False,
        "no_web": True,  # evidence is read where there may be no network
    }
    known = inspect.signature(render).parameters
    return {name: value for name, value in wanted.items() if name in known}


def main(words: list[str]) -> int:
    """Draw one capture; write the memory that it took to the standard output."""
    path, moment, bound_bytes, target = words
    keep_below(int(bound_bytes))
    try:
        Path(target).write_text(draw(Path(path), Moment(moment)), "utf-8", "backslashreplace")
    except (OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{high_water_bytes()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
