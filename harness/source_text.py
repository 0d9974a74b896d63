"""The text of a worker's own lines, as far as its files are on this machine."""

import linecache

from harness.core.profile import Frame


def source_of(frame: Frame | None) -> str:
    """Return the text of a frame's line, where its file is on this machine; else nothing."""
    return linecache.getline(frame.file, frame.line).strip() if frame else ""
