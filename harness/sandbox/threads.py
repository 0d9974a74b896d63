"""Threads: what those of a process are doing."""

from pathlib import Path

from harness.sandbox.files import read_text
from harness.sandbox.kernel import process_stat


def thread_states(pid: int) -> dict[Path, str]:
    """Return the state of each thread by its folder, as proc(5) has it; none of no process."""
    try:
        folders = tuple(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return {}
    texts = ((folder, read_text(folder / "stat")) for folder in folders)
    return {folder: process_stat(text).state for folder, text in texts if text}
