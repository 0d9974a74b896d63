"""What /proc says of a process that stands still; its texts are parsed apart from being read.

Source: Documentation/filesystems/proc.rst of the Linux kernel.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness.core.autopsy import MapArea, OpenFile
from harness.sandbox.files import read_text
from harness.sandbox.kernel import read_offset, status_bytes

AREAS: Final = 20
OPEN_FILES: Final = 100
# Walking the mappings takes 20 ms for a gigabyte of small pages, and an attacker may have 65,530.
_MOST_SMAPS_CHARACTERS: Final = 32 * 1024 * 1024
_HEADER: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S{4} \S+ \S+ \d+ *(.*)$")


def command_of(pid: int) -> tuple[str, ...]:
    """Return the words of a process's command; its name in brackets where it has none."""
    words = (read_text(Path(f"/proc/{pid}/cmdline")) or "").split("\0")[:-1]
    if not words:
        words = [f"[{(read_text(Path(f'/proc/{pid}/comm')) or 'gone').strip()}]"]
    return tuple(words)


def rollup_of(pid: int) -> dict[str, int]:
    """Return ``smaps_rollup`` in bytes; where it may not be read, what ``status`` has of it."""
    rollup = status_bytes(read_text(Path(f"/proc/{pid}/smaps_rollup")) or "")
    if rollup:
        return rollup
    status = status_bytes(read_text(Path(f"/proc/{pid}/status")) or "")
    names = {"VmRSS": "Rss", "RssAnon": "Anonymous", "VmSwap": "Swap"}
    return {new: status[old] for old, new in names.items() if old in status}


def anonymous_bytes_of(pid: int) -> int:
    """Return the anonymous memory of a process at a small cost; 0 of one that is gone."""
    return status_bytes(read_text(Path(f"/proc/{pid}/status")) or "").get("RssAnon", 0)


def areas_of(pid: int) -> tuple[MapArea, ...]:
    """Return the largest mappings of a process, put together by name."""
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/smaps").open(errors="replace") as file:
        return parse_smaps(file.read(_MOST_SMAPS_CHARACTERS).splitlines())
    return ()


def parse_smaps(lines: Iterable[str]) -> tuple[MapArea, ...]:
    """Return the largest areas in the lines of ``smaps``, put together by name."""
    sums: dict[str, list[int]] = {}
    current: list[int] | None = None
    for line in lines:
        if (header := _HEADER.match(line)) is not None:
            current = sums.setdefault(header[3] or "[anonymous]", [0, 0, 0, 0])
            current[0] += 1
            current[1] += int(header[2], 16) - int(header[1], 16)
        elif current is not None and line.startswith(("Rss:", "Anonymous:")):
            current[2 if line.startswith("Rss:") else 3] += int(line.split()[1]) * 1024
    areas = [
        MapArea(
            name=name, count=count, size_bytes=size, resident_bytes=rss, anonymous_bytes=anonymous
        )
        for name, (count, size, rss, anonymous) in sums.items()
    ]
    areas.sort(key=lambda area: (-area.resident_bytes, area.name))
    return tuple(areas[:AREAS])


def open_files_of(pid: int) -> tuple[OpenFile, ...]:
    """Return the regular files that a process holds open, with offset and size."""
    files: list[OpenFile] = []
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in sorted(entries, key=lambda entry: int(entry.name)):
            if len(files) < OPEN_FILES and (file := _open_file(pid, entry.name)) is not None:
                files.append(file)
    return tuple(files)


def _open_file(pid: int, name: str) -> OpenFile | None:
    link = Path(f"/proc/{pid}/fd/{name}")
    try:
        path = os.readlink(link)  # noqa: PTH115  (as text: it may name what is no path)
        if not path.startswith("/") or path.startswith(("/dev/", "/proc/", "/memfd:")):
            return None
        size = link.stat().st_size
    except OSError:
        return None
    info = read_text(Path(f"/proc/{pid}/fdinfo/{name}"))
    return OpenFile(
        fd=int(name), path=path, offset_bytes=read_offset(info) if info else None, size_bytes=size
    )
