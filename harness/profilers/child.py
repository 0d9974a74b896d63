"""Processes of ours that read what a dying worker left: bounded in memory and in time."""

import signal
import subprocess
import sys
from typing import Final

import msgspec

from harness.core.units import format_bytes

BOUND_BYTES: Final = 500_000_000
TIMEOUT_S: Final = 180.0
_OUT_OF_MEMORY: Final = ("MemoryError", "bad_alloc")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much memory reading one capture may take, and how long all that is read and drawn."""

    memory_bytes: int = BOUND_BYTES
    timeout_s: float = TIMEOUT_S


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a child said: its output, or why there is none; `is_too_large` for want of memory."""

    output: bytes = b""
    problem: str = ""
    is_too_large: bool = False


def ask(module: str, words: tuple[str, ...], bounds: Bounds) -> Answer:
    """Run a module of ours as a process of its own, and return what it said."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            capture_output=True,
            timeout=bounds.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(problem="it could not be read within the time that there is for all")
    except OSError as error:
        return Answer(problem=f"no process could be started to read it: {error.strerror}")
    if done.returncode == 0:
        return Answer(output=done.stdout)
    said = done.stderr.decode("utf-8", "replace").strip()
    if any(word in said for word in _OUT_OF_MEMORY) or done.returncode == -signal.SIGKILL:
        room = format_bytes(bounds.memory_bytes)
        return Answer(problem=f"reading it takes more than {room}", is_too_large=True)
    last = said.splitlines()[-1] if said else _ended(done.returncode)
    return Answer(problem=f"its reader failed: {last}")


def _ended(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
