"""Checks of snapshots being shrunk: a command's exit code, or how a worker fares in a sandbox."""

import contextlib
import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import msgspec

from harness.core.case import Case, Snapshot
from harness.core.command import fill
from harness.core.ending import Ending
from harness.core.errors import InputError, InterruptedRunError, NoVerdictError
from harness.core.noise import noise_floor_bytes
from harness.core.run import Run
from harness.core.units import format_bytes, format_seconds
from harness.execution import Executor
from harness.reporters.plain import last_lines
from harness.sandbox.capture import Tail
from harness.sandbox.contract import Order
from synthetic.shrinking.trials import Answer

_LOOK_MS: Final = 50
_STDERR_BYTES: Final = 16 * 1024
_SAMPLE_S: Final = 0.002
_OUT_OF_MEMORY: Final = {Ending.OOM_KILLED, Ending.HEAP_EXHAUSTED, Ending.MEMORY_ERROR}
_TOO_LONG: Final = "ran longer than their time"


class CommandCheck:
    """A command that exits with 0 where a snapshot shows what is looked for."""

    def __init__(
        self, words: tuple[str, ...], *, timeout_s: float, stop: Callable[[], bool]
    ) -> None:
        """Run `words`, in which {snapshot} is replaced, for `timeout_s` at most."""
        self._words = words
        self._timeout_s = timeout_s
        self._stop = stop

    def shows(self, snapshot: Path) -> Answer:
        """Run the command.

        Raises:
            InputError: it cannot be run.
            InterruptedRunError: it was stopped.

        """
        values = {"snapshot": str(snapshot), "python": sys.executable}
        words = fill(self._words, values, (str(snapshot),))
        tail = Tail(_STDERR_BYTES)
        try:
            # In a group of its own: out of reach of the terminal's Ctrl-C, and killed as a whole.
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f'--check: "{words[0]}" cannot be run: {error.strerror}') from error
        with process:
            reader = threading.Thread(target=_drain, args=(process.stderr, tail), daemon=True)
            reader.start()
            try:
                code = self._code(process)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                reader.join()
        return self._answer(code, tail.text())

    confirms = shows

    def _code(self, process: "subprocess.Popen[bytes]") -> int | None:
        """Return how the command ended; None where its time was over."""
        deadline_s = time.monotonic() + self._timeout_s
        ended = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            while time.monotonic() < deadline_s:
                if poll.poll(_LOOK_MS):
                    return process.wait()
                if self._stop():
                    raise InterruptedRunError("stopped while a check was running")
        finally:
            os.close(ended)
        return None

    def _answer(self, code: int | None, stderr: str) -> Answer:
        if code is None:
            detail = f"the check was stopped after {format_seconds(self._timeout_s)}"
            return Answer(shows=False, detail=detail, problem=_TOO_LONG)
        if code < 0:
            name = _signal_name(-code)
            return Answer(
                shows=False,
                detail=f"the check was ended by {name}{_words(stderr)}",
                problem=f"were ended by {name}",
            )
        return Answer(shows=code == 0, detail=f"the check exited with {code}{_words(stderr)}")


def _drain(stream: IO[bytes] | None, tail: Tail) -> None:
    while stream is not None and (chunk := os.read(stream.fileno(), _STDERR_BYTES)):
        tail.feed(chunk)


def _words(stderr: str) -> str:
    last = last_lines(stderr, lines=1)
    return f": {last[0]}" if last else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _SandboxCheck:
    """A worker that is replayed in a sandbox."""

    def __init__(self, case: Case, executor: Executor, *, stop: Callable[[], bool]) -> None:
        """Replay the worker of `case`; each run is saved."""
        self._case = case
        self._executor = executor
        self._stop = stop
        self._runs = 0
        self._first: Ending | None = None

    def _run(self, path: Path, limit_bytes: int) -> tuple[Run, Ending]:
        """Return a run with an ending; where there is none once, it is tried again.

        Raises:
            NoVerdictError: nothing can be said.

        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        snapshot = Snapshot(
            label=path.name, path=str(path), bytes=path.stat().st_size, sha256=digest
        )
        case = msgspec.structs.replace(
            self._case,
            snapshot=snapshot,
            memory_limit_bytes=limit_bytes,
            memory_limit_label=format_bytes(limit_bytes),
        )
        for _ in range(2):
            self._runs += 1
            run = self._executor.execute(
                case, number=self._runs, stop=self._stop, change=_densely_sampled
            ).run
            if run.ending is not None and run.ending is not Ending.KILLED_FROM_OUTSIDE:
                return run, run.ending
        raise NoVerdictError(f"a replay had no verdict: {run.reason}")

    def _answer(self, run: Run, *, shows: bool) -> Answer:
        problem = _TOO_LONG if run.ending is Ending.TIMED_OUT else ""
        if run.peak_bytes is None:
            return Answer(shows=shows, detail=f"{run.ending}, peak unknown", problem=problem)
        detail = f"{run.ending} with a peak of {format_bytes(run.peak_bytes)}"
        if run.ending not in {Ending.COMPLETED, *_OUT_OF_MEMORY}:
            detail += _words(run.output.stderr_tail)
        return Answer(shows=shows, detail=f"the worker: {detail}", problem=problem)


def _densely_sampled(order: Order) -> Order:
    return msgspec.structs.replace(order, interval_s=_SAMPLE_S)


class KilledCheck(_SandboxCheck):
    """A worker that runs out of memory under a limit, in the way that it did at first."""

    def __init__(
        self,
        case: Case,
        executor: Executor,
        *,
        limit_bytes: int,
        sandbox: str,
        stop: Callable[[], bool],
    ) -> None:
        """Replay under `limit_bytes` in a kind of sandbox."""
        super().__init__(case, executor, stop=stop)
        self._limit_bytes = limit_bytes
        self._noise_bytes = noise_floor_bytes(sandbox, limit_bytes)

    def shows(self, snapshot: Path) -> Answer:
        """Replay it under a limit that is larger by what two measurements may differ."""
        return self._killed(snapshot, self._limit_bytes + self._noise_bytes)

    def confirms(self, snapshot: Path) -> Answer:
        """Replay it under the limit."""
        return self._killed(snapshot, self._limit_bytes)

    def _killed(self, snapshot: Path, limit_bytes: int) -> Answer:
        run, ending = self._run(snapshot, limit_bytes)
        if ending in _OUT_OF_MEMORY:
            self._first = self._first or ending
        return self._answer(run, shows=ending is self._first)


class PeakCheck(_SandboxCheck):
    """A worker that peaks above a size, and ends as it did at first."""

    def __init__(  # noqa: PLR0913  (a bound, and what it takes to see whether it is kept)
        self,
        case: Case,
        executor: Executor,
        *,
        above_bytes: int,
        ceiling_bytes: int,
        sandbox: str,
        stop: Callable[[], bool],
    ) -> None:
        """Replay under `ceiling_bytes`, which is above `above_bytes`, in a kind of sandbox."""
        super().__init__(case, executor, stop=stop)
        self._above_bytes = above_bytes
        self._ceiling_bytes = ceiling_bytes
        self._noise_bytes = noise_floor_bytes(sandbox, above_bytes)

    def shows(self, snapshot: Path) -> Answer:
        """Whether it peaks above the size by more than two measurements may differ."""
        return self._peaks(snapshot, self._above_bytes + self._noise_bytes)

    def confirms(self, snapshot: Path) -> Answer:
        """Whether it peaks above the size."""
        return self._peaks(snapshot, self._above_bytes)

    def _peaks(self, snapshot: Path, above_bytes: int) -> Answer:
        run, ending = self._run(snapshot, self._ceiling_bytes)
        self._first = self._first or ending
        ends_as_before = ending is Ending.COMPLETED or ending is self._first
        shows = ends_as_before and self._is_above(run, snapshot, above_bytes)
        return self._answer(run, shows=shows)

    def _is_above(self, run: Run, snapshot: Path, above_bytes: int) -> bool:
        """Whether a peak is above a size; where its interval leaves that open, a run there says.

        Samples miss the peak of a worker that lives for a moment, and the kernel's counter holds
        page cache, too.
        """
        if (run.peak_bytes or 0) > above_bytes:
            return True
        if run.is_polled or run.peak_upper_bytes is None or run.peak_upper_bytes <= above_bytes:
            return False
        return self._run(snapshot, above_bytes)[1] is Ending.OOM_KILLED
