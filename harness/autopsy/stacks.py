"""The stacks of a Python process that stands still, read out of its memory by py-spy.

py-spy runs with ``--nonblocking``: it neither stops nor traces, it only reads, so a frozen process
can be read as well. It needs the right to read another process's memory; see ptrace(2), "Ptrace
access mode checking".
"""

import json
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from harness.core.autopsy import MAIN, Thread
from harness.core.profile import Frame

_LONGEST_VALUE: Final = 200
# A program may have thousands, and evidence is to be read by people.
MOST_THREADS: Final = 200
MOST_FRAMES: Final = 200
_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")
_NO_PYTHON: Final = ("Failed to find python version", "Failed to find a python", "libpython")
_REFUSED: Final = ("Permission Denied", "Permission denied", "Operation not permitted")


class Stacks(msgspec.Struct, frozen=True, kw_only=True):
    """The threads of a process, without `left_out` idle ones; or the reason why there are none."""

    threads: tuple[Thread, ...] = ()
    left_out: int = 0
    problem: str = ""


def read_stacks(pids: Iterable[int], *, with_locals: bool, seconds: float) -> dict[int, Stacks]:
    """Return the stacks of each process, all read side by side within `seconds`."""
    program = _find_program()
    wanted = tuple(pids)
    if program is None:
        gone = Stacks(problem="There is no py-spy here; `pip install py-spy` brings it.")
        return dict.fromkeys(wanted, gone)
    end_s = time.monotonic() + seconds
    options = ["--nonblocking", "--json", *(["--locals"] if with_locals else [])]
    running = {
        pid: subprocess.Popen(
            [program, "dump", "--pid", str(pid), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for pid in wanted
    }
    try:
        return {pid: _stacks(dump, end_s) for pid, dump in running.items()}
    finally:
        for dump in running.values():
            dump.kill()
            dump.wait()


def _find_program() -> str | None:
    beside = Path(sysconfig.get_path("scripts")) / "py-spy"
    return str(beside) if beside.exists() else shutil.which("py-spy")


def _stacks(dump: "subprocess.Popen[bytes]", end_s: float) -> Stacks:
    try:
        output, error = dump.communicate(timeout=max(0.01, end_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Stacks(problem="py-spy took too long to read this process's stacks.")
    if dump.returncode != 0:
        return Stacks(problem=explain(error.decode("utf-8", "replace")))
    try:
        return _bounded(threads_of(json.loads(output)))
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        return Stacks(problem=f"What py-spy answered cannot be read: {problem!r}.")


def _bounded(threads: tuple[Thread, ...]) -> Stacks:
    """Return the threads that matter most where there are too many to be kept."""
    ranked = sorted(threads, key=lambda thread: (not thread.holds_gil, not thread.active))
    kept = threads if len(threads) <= MOST_THREADS else tuple(ranked[:MOST_THREADS])
    return Stacks(threads=kept, left_out=len(threads) - len(kept))


def explain(error: str) -> str:
    """Return what py-spy's words on its error stream mean, in a whole sentence."""
    if any(words in error for words in _NO_PYTHON):
        return "This is no Python process that py-spy knows, so it has no stack of Python."
    if any(words in error for words in _REFUSED):
        return f"py-spy was not allowed to read this process's memory. {remedy(_scope())}"
    first = next((line.strip() for line in error.splitlines() if line.strip()), "it said nothing")
    return f"py-spy could not read the stacks: {first.removeprefix('Error: ').rstrip('.')}."


def remedy(scope: str) -> str:
    """Return what allows py-spy to read, by the kernel's ``ptrace_scope``; see ptrace(2)."""
    if scope != "0":
        return (
            f"The kernel restricts it (kernel.yama.ptrace_scope is {scope}): allow it with "
            "`sudo sysctl kernel.yama.ptrace_scope=0`, or run oomproof as root."
        )
    return "Run oomproof as root, or as the user that the worker runs as."


def _scope() -> str:
    try:
        return _YAMA.read_text("ascii").strip()
    except OSError:  # a kernel without Yama restricts nothing
        return "0"


def threads_of(document: Iterable[Mapping[str, Any]]) -> tuple[Thread, ...]:
    """Return the threads in py-spy's JSON; raises KeyError or TypeError where it is another's."""
    return tuple(
        Thread(
            name=_name(thread),
            thread_id=int(thread.get("os_thread_id") or thread["thread_id"]),
            active=bool(thread.get("active")),
            holds_gil=thread.get("owns_gil"),
            stack=tuple(_frame(frame) for frame in _frames(thread)),
            locals_=tuple(_locals(frame) for frame in _frames(thread))
            if any(frame.get("locals") for frame in _frames(thread))
            else (),
        )
        for thread in document
    )


def _frames(thread: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the frames to keep: of a deep stack the innermost, and where it began."""
    frames: list[Mapping[str, Any]] = thread["frames"]
    if len(frames) <= MOST_FRAMES:
        return frames
    half = MOST_FRAMES // 2
    return [*frames[:half], *frames[-half:]]


def _name(thread: Mapping[str, Any]) -> str:
    """Return a thread's name; Python gives none before `threading` was imported."""
    is_first = thread.get("os_thread_id") == thread.get("pid")
    return str(thread.get("thread_name") or (MAIN if is_first else ""))


def _frame(frame: Mapping[str, Any]) -> Frame:
    return Frame(function=str(frame["name"]), file=str(frame["filename"]), line=int(frame["line"]))


def _locals(frame: Mapping[str, Any]) -> dict[str, str]:
    values = frame.get("locals") or ()
    return {str(v["name"]): str(v.get("repr") or "")[:_LONGEST_VALUE] for v in values}
