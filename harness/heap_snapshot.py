"""The pass of a heap snapshot, made on request: under the ceiling, after all the others."""

from pathlib import Path
from typing import Final

from harness.core.case import Case
from harness.core.run import Purpose
from harness.inquiry import Inquiry
from harness.profilers.v8_snapshot import HeapSnapshotInstrument

FOLDER: Final = "heap-snapshot"


class HeapSnapshotPass:
    """Runs a Node.js worker until its heap nears its limit, and has V8 write it down."""

    def __init__(self, inquiry: Inquiry, *, folder: Path) -> None:
        """Keep the snapshots below `folder`."""
        self._inquiry = inquiry
        self._instrument = HeapSnapshotInstrument(folder=folder / FOLDER)

    def make(self, case: Case) -> tuple[str, ...] | str:
        """Return the snapshots that were written, from the folder of evidence; or why none was.

        Raises:
            InterruptedRunError: it was stopped.

        """
        run = self._inquiry.run(
            case,
            self._inquiry.ceiling_bytes,
            what="With a heap snapshot",
            purpose=Purpose.PROFILE,
            change=self._instrument.change,
        ).run
        if run.ending is None:
            return f"The pass with a heap snapshot could not be made: {run.reason}."
        files = tuple(f"{FOLDER}/{name}" for name in self._instrument.files())
        if files:
            return files
        return f"V8 wrote no heap snapshot: the run for it ended {run.ending}, {run.reason}."
