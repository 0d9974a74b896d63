"""What a snapshot's JSON would cost in memory, as a part of a larger answer."""

import functools
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from harness.core.answer import JsonCosts, PathShare
from harness.core.sites import PathRow, PathTable, path_table
from harness.reading import ByteProgress, pieces_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.xray.examination import XRay, examine
from synthetic.xray.interpreters import Interpreter, UnknownInterpreterError, interpreter_at

# As many as make a tree; on one page of text only the first few are shown.
TOP_PATHS: Final = 60
_LEAST_SHARE: Final = 0.002
_PYTHON: Final = re.compile(r"python[\d.]*")
_DOING: Final = "Predicting what its JSON costs"
_OWN: Final = "{python}"


def costs_of(snapshot: Path, command: Sequence[str], progress: ByteProgress) -> JsonCosts | None:
    """Return what a full parse of a snapshot costs a Python worker, by the costliest paths.

    It is None where the command is no Python, or where there is no telling: the snapshot is no
    JSON or cannot be read, or its interpreter cannot be asked.
    """
    python = _interpreter(command)
    found = _examined(snapshot, python, progress) if python else None
    return _summary(found) if found else None


def paths_of(
    snapshots: Iterable[Path], command: Sequence[str], progress: ByteProgress
) -> PathTable | None:
    """Return which paths of snapshots cost a full parse most, those of all added up.

    A command that is no Python is held against the parser of this interpreter, which tells as well
    which part of a snapshot grew. None where one of the snapshots is no JSON or cannot be read.
    """
    python = _interpreter(command) or sys.executable
    found = [_examined(path, python, progress) for path in snapshots]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    return path_table(
        (
            PathRow(path=path.path, count=path.count, bytes=path.total_bytes)
            for one in known
            for path in one.paths
        ),
        parser=known[0].parser,
        python=known[0].python,
        total_bytes=sum(one.peak.retained_bytes for one in known),
    )


def _examined(snapshot: Path, python: str, progress: ByteProgress) -> XRay | None:
    try:
        return examine(pieces_of(snapshot, _DOING, progress), _asked(python))
    except (InvalidJsonError, OSError, UnknownInterpreterError):
        return None


def _interpreter(command: Sequence[str]) -> str | None:
    """Return the interpreter that a command starts, as it can be found here."""
    first = command[0] if command else ""
    if first == _OWN:
        return sys.executable
    return first if _PYTHON.fullmatch(Path(first).name) else None


@functools.lru_cache(maxsize=8)
def _asked(python: str) -> Interpreter:
    """Return what is known of an interpreter; of one in an image only, what is known of ours."""
    return interpreter_at(python if shutil.which(python) else sys.executable)


def _summary(found: XRay) -> JsonCosts:
    return JsonCosts(
        parser=found.parser,
        python=found.python,
        retained_bytes=found.peak.retained_bytes,
        peak_bytes=found.peak.peak_bytes,
        paths=tuple(
            PathShare(
                path=path.path,
                bytes=path.bytes,
                count=path.count,
                share=path.share,
                why="; ".join(path.reasons),
            )
            for path in found.paths[:TOP_PATHS]
            if path.share >= _LEAST_SHARE
        ),
    )
