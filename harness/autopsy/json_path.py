"""The JSON path at a byte of a file: where in a snapshot a worker was when it stood still."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import ijson
import msgspec

from harness.core.autopsy import Autopsy, StoppedAt
from harness.core.case import Snapshot
from harness.core.json_path import format_path

_CHUNK_BYTES: Final = 64 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
# For zlib: the window's size, and a header of gzip's.
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """How far a worker had read which of its snapshots.

    Attributes:
        offset_bytes: of the open file; None where it was not open, or where an offset says nothing.
        is_mapped: it reads the file through its memory (mmap), which moves no offset.

    """

    snapshot: Snapshot
    offset_bytes: int | None = None
    is_mapped: bool = False

    @property
    def is_on_the_way(self) -> bool:
        """Whether it was read in part."""
        return self.offset_bytes is not None and 0 < self.offset_bytes < self.snapshot.bytes

    @property
    def is_at_end(self) -> bool:
        """Whether all of it was read."""
        return self.offset_bytes is not None and self.offset_bytes >= self.snapshot.bytes > 0


def find_offset(snapshots: Sequence[Snapshot], autopsy: Autopsy) -> Reached:
    """Return which of the snapshots the frozen worker was reading, and how far it had come.

    It may hold one open more than once, for one look at all of it and another at its parts: what is
    read in part comes first, and of that what was opened last by the process that holds most.
    """
    known = {name: s for s in snapshots for name in (s.path, str(Path(s.path).resolve()))}
    processes = autopsy.evidence.processes
    opened = [
        Reached(snapshot=known[file.path], offset_bytes=file.offset_bytes)
        for process in processes
        for file in reversed(process.open_files)
        if file.path in known and file.offset_bytes is not None
    ]
    mapped = [
        Reached(snapshot=known[area.name], is_mapped=True)
        for process in processes
        for area in process.areas
        if area.name in known
    ]
    ranked = (
        *(one for one in opened if one.is_on_the_way),
        *(one for one in opened if one.is_at_end),
        *mapped,
        *opened,
        Reached(snapshot=snapshots[0], offset_bytes=autopsy.standstill.stood.offset_bytes),
    )
    return ranked[0]


def stopped_at(reached: Reached, progress: Callable[[int, int], None]) -> StoppedAt:
    """Return where in a snapshot a worker was, and the path there, or why there is none.

    `progress` is told the bytes read and the bytes in all; the file is read up to the offset.
    """
    snapshot, offset_bytes = reached.snapshot, reached.offset_bytes
    path: str | None = None
    if reached.is_mapped:
        reason = "The worker reads the snapshot through a mapping (mmap), which moves no offset."
    elif offset_bytes is None:
        reason = "The worker did not hold the snapshot open at the limit."
    elif offset_bytes >= snapshot.bytes:
        reason = (
            "The worker had read the snapshot to its end, as a full parse does before it begins."
        )
    elif offset_bytes == 0:
        reason = (
            "The worker had opened the snapshot and read nothing of it yet, or reads it in a way "
            "that moves no offset (pread)."
        )
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

    The file may be compressed by gzip, begin with a byte order mark, or hold one document after
    another. The second is why there is no path, or what to know of it; memory does not grow with
    the file.
    """
    walk = _Walk()
    done = 0
    try:
        with file.open("rb", buffering=0) as source:
            plain = _Plain()
            while done < offset_bytes:
                chunk = source.read(min(_CHUNK_BYTES, offset_bytes - done))
                if not chunk:
                    return None, "The snapshot is shorter than what the worker had read of it."
                done += len(chunk)
                for text in filter(None, plain.of(chunk)):  # nothing means the end to a parser
                    walk.take(text)
                progress(done, offset_bytes)
    except ijson.JSONError:
        return None, f"The snapshot is no JSON before byte {done:,}: it breaks after {walk.path}."
    except zlib.error:
        return None, f"The snapshot is damaged before byte {done:,}: gzip cannot decompress it."
    except OSError as error:
        return None, f"The snapshot cannot be read any more: {error.strerror}."
    return walk.path, walk.remark


class _Plain:
    """Makes plain text of what a file holds, chunk by chunk."""

    def __init__(self) -> None:
        self._begin = b""
        self._has_begun = False
        self._gzip: zlib._Decompress | None = None

    def of(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the text that `chunk` adds, in pieces of a bounded size."""
        if not self._has_begun:
            self._begin += chunk
            if len(self._begin) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(
                self._begin
            ):
                return
            self._has_begun = True
            chunk = self._begin.removeprefix(_BYTE_ORDER_MARK)
            if chunk.startswith(_GZIP):
                self._gzip = zlib.decompressobj(_GZIP_WINDOW)
        yield from (chunk,) if self._gzip is None else self._decompressed(chunk)

    def _decompressed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what is compressed in `chunk`; a file may have several members (RFC 1952)."""
        while chunk and self._gzip is not None:
            text = self._gzip.decompress(chunk, _CHUNK_BYTES)
            yield text
            if self._gzip.eof:
                chunk = self._gzip.unused_data
                self._gzip = zlib.decompressobj(_GZIP_WINDOW)
            else:
                chunk = self._gzip.unconsumed_tail


class _Walk:
    """Follows JSON as it comes in, and knows the path of the value that came last.

    A step is a key, an index, or None for an object of which no key was seen yet.
    """

    def __init__(self) -> None:
        self._events = ijson.sendable_list()
        # With floats an integer beyond 64 bits would count as no JSON.
        self._parser = ijson.basic_parse_coro(self._events, use_float=False, multiple_values=True)
        self._steps: list[str | int | None] = []
        self._documents = 0

    @property
    def path(self) -> str:
        """The path of the value that came last."""
        return format_path(self._steps)

    @property
    def remark(self) -> str:
        """What to know of the path, in a whole sentence; empty where there is nothing."""
        if self._documents <= 1:
            return ""
        return (
            f"That is in document {self._documents:,} of the file, which holds one after the other."
        )

    def take(self, text: bytes) -> None:
        """Read on; raises ijson.JSONError where it is no JSON, having read up to there."""
        try:
            self._parser.send(text)
        finally:
            self._follow()
            del self._events[:]

    def _follow(self) -> None:
        steps = self._steps
        for kind, value in self._events:
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
        """Count a value that begins, where it is one of an array or a document of its own."""
        if not self._steps:
            self._documents += 1
        elif isinstance(self._steps[-1], int):
            self._steps[-1] += 1
