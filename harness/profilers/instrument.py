"""What a profiled pass adds to an order: variables that start a profiler, and what it must see.

No worker's code is changed. A folder put first on PYTHONPATH makes each Python process of the
worker, also behind a shell or a console script, start its profiler before anything else.
"""

import enum
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from harness.profilers.folders import make_folder
from harness.sandbox.contract import MountRequest, Order

# Beside the captures stand what is rendered of them: together, 50 MB of evidence at most.
CAP_BYTES: Final = 40_000_000
_INSIDE: Final = Path(__file__).resolve().parent.parent / "inside"
_STARTUP: Final = _INSIDE / "startup"


class Choice(enum.StrEnum):
    """Which profiler is wanted; where one cannot be had, the next is taken, and that is said."""

    AUTO = "auto"
    MEMRAY = "memray"
    TRACEMALLOC = "tracemalloc"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A heap profiler of Python processes, set up for one run.

    Attributes:
        folder: where the profiler writes while the worker runs; what is rendered of it is put
            there too. A new one for each run, on a disk: files of a tmpfs count as the worker's
            memory. It need not lie in the worker's output folder, which is dropped after a run.
        choice: which profiler is wanted.
        cap_bytes: the largest that the capture of one process, and all that are kept, may be.
        image_path: the PYTHONPATH that the worker's image sets, which this one replaces.

    """

    folder: Path
    choice: Choice = Choice.AUTO
    cap_bytes: int = CAP_BYTES
    image_path: str = ""

    def change(self, order: Order) -> Order:
        """Return the order of the profiled pass, and make the folder that it writes to.

        Raises:
            NoVerdictError: the folder cannot be made.

        """
        folder = make_folder(self.folder)
        memray = lent_memray()
        own = order.environment.get("PYTHONPATH", self.image_path)
        added = {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_STARTUP), own))),
            "OOMPROOF_CAPTURE": str(folder),
            "OOMPROOF_CAPTURE_CAP": str(self.cap_bytes),
            "OOMPROOF_CAPTURE_LIMIT": str(order.memory_limit_bytes or 0),
            "OOMPROOF_PROFILER": str(self.choice),
            "OOMPROOF_MEMRAY": str(memray or ""),
        }
        return msgspec.structs.replace(
            order,
            environment={**order.environment, **added},
            mounts=(*order.mounts, *self._mounts(order, folder, memray)),
        )

    def _mounts(self, order: Order, folder: Path, memray: Path | None) -> Iterable[MountRequest]:
        yield MountRequest(path=_INSIDE)
        if not folder.is_relative_to(order.output_folder.absolute()):
            yield MountRequest(path=folder, writable=True)
        if memray is not None:
            yield MountRequest(path=memray)
            libraries = memray.with_name("memray.libs")  # where its wheel puts what it links to
            if libraries.is_dir():
                yield MountRequest(path=libraries)


def lent_memray() -> Path | None:
    """Return the folder of this interpreter's own memray, or None where it has none."""
    spec = importlib.util.find_spec("memray")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent
