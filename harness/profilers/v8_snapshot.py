"""A snapshot of V8's heap near its limit: everything in it, made on request where memory allows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from harness.core.errors import InputError
from harness.core.node import OPTIONS, heap_limit, is_node, quote_option, with_options
from harness.core.units import format_bytes
from harness.profilers.folders import make_folder
from harness.sandbox.contract import MountRequest, Order

# Measured: writing it takes 12 to 24 times the heap's limit of resident memory, the more the
# smaller the objects are.
SNAPSHOT_FACTOR: Final = 25
_PATTERN: Final = "*.heapsnapshot"


def check_snapshot_room(command: Sequence[str], node_options: str, limit_bytes: int) -> None:
    """Check that V8's heap, when it nears its limit, can be written under a limit of the sandbox.

    Raises:
        InputError: it cannot; the message says what is missing.

    """
    if not is_node(command):
        raise InputError("a heap snapshot is V8's, and the command starts no Node.js")
    heap = heap_limit(command, node_options, limit_bytes)
    if heap is None:
        raise InputError(
            "a heap snapshot near the limit needs a known heap limit: set --max-old-space-size in "
            f"{OPTIONS}"
        )
    needed_bytes = heap.bytes * SNAPSHOT_FACTOR
    if limit_bytes < needed_bytes:
        raise InputError(
            f"a snapshot of a heap of {format_bytes(heap.bytes)} needs about "
            f"{format_bytes(needed_bytes)} of memory, {SNAPSHOT_FACTOR} times as much, and the "
            f"ceiling is {format_bytes(limit_bytes)}: raise it, or lower --max-old-space-size"
        )


class HeapSnapshotInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """V8 told to write its heap to `folder` once, when that nears its limit."""

    folder: Path

    def change(self, order: Order) -> Order:
        """Return the order of the pass, and make the folder that V8 writes to.

        Raises:
            NoVerdictError: the folder cannot be made.

        """
        folder = make_folder(self.folder)
        words = ("--heapsnapshot-near-heap-limit=1", quote_option(f"--diagnostic-dir={folder}"))
        environment = with_options(order.environment, *words)
        mounts = (*order.mounts, MountRequest(path=folder, writable=True))
        return msgspec.structs.replace(order, environment=environment, mounts=mounts)

    def files(self) -> tuple[str, ...]:
        """Return the names of the snapshots that were written; one that was cut short is removed.

        A process that is killed while it writes leaves a file that ends anywhere, or is empty.
        """
        whole: list[str] = []
        for path in sorted(self.folder.glob(_PATTERN)):
            if path.is_file() and not path.is_symlink() and _ends(path):
                whole.append(path.name)
            else:
                path.unlink()
        return tuple(whole)


def _ends(path: Path) -> bool:
    """Whether a JSON document was written to its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 16))
        return file.read().rstrip().endswith(b"}")
