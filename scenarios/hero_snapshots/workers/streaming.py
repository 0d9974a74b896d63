"""The worker that survives: it never holds more of a snapshot than one element and one batch.

It reads 64 KiB at a time, and yajl, a parser written in C, tells of every token as an event.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import ijson

if TYPE_CHECKING:  # the package's whole name, as a type checker at the repository's root needs it
    from scenarios.hero_snapshots.workers.etl import (
        SECTIONS,
        Snapshot,
        SnapshotError,
        argument_parser,
        job_of,
        run,
    )
else:
    from etl import SECTIONS, Snapshot, SnapshotError, argument_parser, job_of, run

READ_BYTES = 64 * 1024

Event = tuple[str, str, Any]
"""Where in the document (``heroes.item.gear``), what (``start_array``), and a scalar's value."""

_HEAD = frozenset({"schema", "snapshot_id", "exported_at", "player"})


def main() -> int:
    """Run the command line, and return its exit code."""
    job = job_of(argument_parser(__doc__).parse_args())
    try:
        # Asked by name: otherwise ijson falls back to a parser in Python, twenty times slower.
        backend = ijson.get_backend("yajl2_c")
    except ImportError as error:
        print(f"streaming.py: this ijson has no backend yajl2_c: {error}", file=sys.stderr)
        return 1
    return run(job, read=lambda path: read_snapshot(path, backend=backend))


def read_snapshot(path: Path, *, backend: Any) -> Snapshot:
    """Return a snapshot whose elements are read from the file as they are asked for."""
    return Snapshot(head=_head(path, backend), elements=_elements(path, backend))


def _head(path: Path, backend: Any) -> dict[str, Any]:
    """Return the fields around the arrays, reading until all have been seen.

    An export begins with them, so that this reads 64 KiB. Where they come later, or one is missing,
    it passes over the arrays once more: rows cannot be written without the snapshot's id.
    """
    head = {}
    with _events_of(path, backend) as events:
        for event in events:
            name = event[0]
            if name in _HEAD:
                head[name] = _value(event, events, backend)
                if len(head) == len(_HEAD):
                    break
    return head


def _elements(path: Path, backend: Any) -> Iterator[tuple[str, Any]]:
    """Yield each element of the arrays after the name of its section, in the file's order."""
    with _events_of(path, backend) as events:
        for section, event, _ in events:
            if section not in SECTIONS or event == "null":
                continue
            if event != "start_array":
                raise SnapshotError(f".{section}: expected an array")
            # ijson's own items() reads a file for one array. Sending it the events lets one pass
            # serve all three, and what is built is built in C.
            built = ijson.sendable_list()
            send = backend.items_basecoro(built, f"{section}.item").send
            end = (section, "end_array", None)
            for inner in events:
                send(inner)
                if built:
                    yield section, built.pop()
                elif inner == end:
                    break


def _value(first: Event, events: Iterator[Event], backend: Any) -> Any:
    """Return the value that begins with an event, taking the others that belong to it."""
    built = ijson.sendable_list()
    send = backend.items_basecoro(built, first[0]).send
    send(first)
    while not built:
        send(next(events))
    return built.pop()


@contextmanager
def _events_of(path: Path, backend: Any) -> Iterator[Iterator[Event]]:
    """Open a file as the events within its outermost object."""
    with path.open("rb") as file:
        try:
            events = backend.parse(file, buf_size=READ_BYTES, use_float=True)
            if next(events)[1] != "start_map":
                raise SnapshotError("the document: expected an object")
            yield events
        except ijson.JSONError as error:
            position = _failing_byte(file, backend)
            raise SnapshotError(f"{_first_line(error)} (byte {position})") from error


def _failing_byte(file: BinaryIO, backend: Any) -> int:
    """Return where the parser gave up, which ijson does not say: by parsing up to it once more.

    The last 64 KiB read, in which it is, go in byte by byte.
    """
    end = file.tell()
    window = max(end - 1, 0) // READ_BYTES
    events = ijson.sendable_list()
    send = backend.basic_parse_coro(events, use_float=True).send
    file.seek(0)
    for _ in range(window):
        send(file.read(READ_BYTES))
        events.clear()
    for position in range(window * READ_BYTES, end):
        try:
            send(file.read(1))
        except ijson.JSONError:
            return position
    return end  # the file ends too early


def _first_line(error: Exception) -> str:
    """Return yajl's message without the drawing of the place that follows it."""
    message = error.args[0]
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return text.split("\n", maxsplit=1)[0]


if __name__ == "__main__":
    sys.exit(main())
