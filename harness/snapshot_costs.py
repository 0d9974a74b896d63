"""What a snapshot's JSON would cost in memory, as a part of a larger answer."""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.core.answer import JsonCosts, PathShare
from harness.reading import ByteProgress, pieces_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.xray.examination import XRay, examine
from synthetic.xray.interpreters import Interpreter, UnknownInterpreterError, interpreter_at

TOP_PATHS: Final = 5
_LEAST_SHARE: Final = 0.01
_PYTHON: Final = re.compile(r"python[\d.]*")
_DOING: Final = "Predicting what its JSON costs"
_OWN: Final = "{python}"


def costs_of(snapshot: Path, command: Sequence[str], progress: ByteProgress) -> JsonCosts | None:
    """Return what a full parse of a snapshot costs a Python worker, by the costliest paths.

    It is None where the command is no Python, or where there is no telling: the snapshot is no
    JSON or cannot be read, or its interpreter cannot be asked.
    """
    python = _interpreter(command)
    if python is None:
        return None
    try:
        return _summary(examine(pieces_of(snapshot, _DOING, progress), _asked(python)))
    except (InvalidJsonError, OSError, UnknownInterpreterError):
        return None


def _interpreter(command: Sequence[str]) -> str | None:
    """Return the interpreter that a command starts, as it can be found here."""
    first = command[0] if command else ""
    if first == _OWN:
        return sys.executable
    return first if _PYTHON.fullmatch(Path(first).name) else None


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
