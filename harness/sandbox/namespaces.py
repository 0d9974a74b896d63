"""The numbers that processes have in a sandbox's own view."""

from pathlib import Path

from harness.sandbox.files import read_text


def parse_inner_pid(status: str) -> int | None:
    """Return the number that a process has in its own view, from the text of its ``status``.

    ``NSpid`` lists its numbers from this namespace inwards; see proc_pid_status(5).
    """
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def inner_pid(pid: int) -> int:
    """Return the number that process `pid` has in its own view; `pid` where that is not told."""
    return parse_inner_pid(read_text(Path(f"/proc/{pid}/status")) or "") or pid
