"""The JSON path at a byte of a file: where in a snapshot a worker was when it stood still."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import ijson

from harness.core.autopsy import Autopsy, StoppedAt
from harness.core.case import Snapshot
from harness.core.json_path import format_path

_CHUNK_BYTES: Final = 64 * 1024


def find_offset(snapshots: Sequence[Snapshot], autopsy: Autopsy) -> tuple[Snapshot, int | None]:
    """Return which of the snapshots the frozen worker was reading, and how far it had come.

    The offset is None where none was open; of several, one that is not read to its end comes first.
    """
    known = {name: s for s in snapshots for name in (s.path, str(Path(s.path).resolve()))}
    found = [
        (known[file.path], file.offset_bytes)
        for process in autopsy.evidence.processes
        for file in process.open_files
        if file.path in known and file.offset_bytes is not None
    ]
    if found:
        return min(found, key=lambda pair: pair[1] >= pair[0].bytes)
    return snapshots[0], autopsy.standstill.stood.offset_bytes


def stopped_at(
    snapshot: Snapshot, offset_bytes: int | None, progress: Callable[[int, int], None]
) -> StoppedAt:
    """Return where in `snapshot` the offset is, and the path there, or why there is none.

    `progress` is told the bytes read and the bytes in all; the file is read up to the offset.
    """
    path: str | None = None
    if offset_bytes is None:
        reason = "The worker did not hold the snapshot open at the limit."
    elif offset_bytes >= snapshot.bytes:
        reason = (
            "The worker had read the snapshot to its end, as a full parse does before it begins."
        )
    elif offset_bytes == 0:
        reason = "The worker had opened the snapshot, and read nothing of it yet."
    else:
        path, reason = path_at(Path(snapshot.path), offset_bytes, progress)
    return StoppedAt(
        snapshot=snapshot.label,
        offset_bytes=offset_bytes,
        size_bytes=snapshot.bytes,
        path=path,
        reason=reason,
    )


def path_at(
    file: Path, offset_bytes: int, progress: Callable[[int, int], None]
) -> tuple[str | None, str]:
    """Return the JSON path of the value that the byte before `offset_bytes` belongs to.

    The second is why there is none, or what to know of it; memory does not grow with the file.
    """
    events = ijson.sendable_list()
    # With floats an integer beyond 64 bits would count as no JSON.
    parser = ijson.basic_parse_coro(events, use_float=False)
    tracker = _Tracker()
    done = 0
    try:
        with file.open("rb", buffering=0) as source:
            while done < offset_bytes:
                chunk = source.read(min(_CHUNK_BYTES, offset_bytes - done))
                if not chunk:
                    return None, "The snapshot is shorter than what the worker had read of it."
                done += len(chunk)
                parser.send(chunk)
                tracker.take(events)
                del events[:]
                progress(done, offset_bytes)
    except ijson.JSONError:
        return None, f"The snapshot is no JSON before byte {done:,}."
    except OSError as error:
        return None, f"The snapshot cannot be read any more: {error.strerror}."
    except RecursionError:
        return None, "The snapshot nests too deep."
    return format_path(tracker.steps), ""


class _Tracker:
    """Follows the events of a JSON file: `steps` leads to the value that came last.

    A step is a key, an index, or None for an object of which no key was seen yet.
    """

    def __init__(self) -> None:
        self.steps: list[str | int | None] = []

    def take(self, events: list[tuple[str, object]]) -> None:
        steps = self.steps
        for kind, value in events:
            if kind == "map_key":
                steps[-1] = str(value)
            elif kind == "start_map":
                self._begin()
                steps.append(None)
            elif kind == "start_array":
                self._begin()
                steps.append(-1)
            elif kind in {"end_map", "end_array"}:
                steps.pop()
            else:
                self._begin()

    def _begin(self) -> None:
        """Count a value that begins, where it is one of an array."""
        if self.steps and isinstance(self.steps[-1], int):
            self.steps[-1] += 1
