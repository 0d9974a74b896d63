"""Node.js's reports of fatal errors: kept without the environment, and read for V8's last words."""

import contextlib
import json
from pathlib import Path
from typing import Any, Final

# What may hold secrets or says who and where: none of it is about memory.
_PRIVATE: Final = ("environmentVariables", "userLimits", "sharedObjects", "libuv", "workers")
_PRIVATE_OF_HEADER: Final = ("networkInterfaces", "host", "cpus", "cwd", "osName", "osMachine")
_PATTERN: Final = "report-*.json"


def strip_reports(folder: Path) -> None:
    """Take out of every report in `folder` what is private; one that cannot be read is removed.

    Raises:
        OSError: a report could be neither written nor removed.

    """
    for path in folder.glob(_PATTERN):
        document = _load(path)
        if document is None:
            path.unlink()
            continue
        for key in _PRIVATE:
            document.pop(key, None)
        header = document.get("header")
        if isinstance(header, dict):
            for key in _PRIVATE_OF_HEADER:
                header.pop(key, None)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(document, indent=1), "utf-8")
        beside.rename(path)


def reported_heaps(folder: Path) -> dict[int, int]:
    """Return how many bytes each process's heap held when it gave up, by the report of that."""
    heaps = {}
    for path in sorted(folder.glob(_PATTERN)):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            document = _load(path) or {}
            heaps[int(document["header"]["processId"])] = int(
                document["javascriptHeap"]["usedMemory"]
            )
    return heaps


def _load(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
