"""From what a profiled pass left in its folder to one profile, and to the files kept beside it."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from harness.core.encoding import encode_json
from harness.core.errors import NoVerdictError
from harness.core.profile import Moment, Profile, Profiler, merge_sites
from harness.core.units import format_bytes
from harness.files import publish
from harness.profilers.child import Answer, Bounds, ask
from harness.profilers.instrument import CAP_BYTES
from harness.profilers.processes import Process, processes_in, read_traced
from harness.profilers.reading import Reading
from harness.profilers.speedscope import render_speedscope
from harness.profilers.telling import notes_on

PROFILE: Final = "profile.json"
SPEEDSCOPE: Final = "speedscope.json"
FLAMEGRAPH: Final = "flamegraph.html"
SITES: Final = 500
_MOST_PROCESSES: Final = 32
# Processes that are killed for one limit end within this of each other.
_TOGETHER_S: Final = 0.5
_BEGINNING: Final = ".beginning-"
_NAME: Final = "heap profile"
_SHORTEST_BYTES: Final = 4096


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a profiled pass.

    Attributes:
        profile: None where there is none; `reasons` say why then.
        reasons: why no profiler, or not the preferred one, was taken; what could not be read or
            drawn; in whole sentences.
        files: the names of the files kept in the folder: renderings first, then captures.
        profiler_bytes: what the profiler's start and its tables cost the processes of the profile
            together, as they saw it themselves; None without a profile.
        rendering_bytes: the most memory that reading and drawing took.
        pids: the processes of the profile, as they number themselves.

    """

    profile: Profile | None
    reasons: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pids: frozenset[int] = frozenset()
    profiler_bytes: int | None = None
    rendering_bytes: int = 0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One process and what was read of it, from `file`; `cut_at_bytes` where that was cut."""

    process: Process
    reading: Reading
    file: Path
    cut_at_bytes: int | None = None


def collect(  # noqa: PLR0913  (what was captured, and how much may be made of it)
    folder: Path,
    *,
    moment: Moment,
    cap_bytes: int = CAP_BYTES,
    bounds: Bounds | None = None,
    alive: frozenset[int] = frozenset(),
    draws: bool = True,
) -> Collected:
    """Read the captures in `folder`, and put the profile and its renderings beside them.

    Ask for `Moment.DEATH` where the worker was killed, else for `Moment.HIGH_WATER`. `alive` are
    the processes that were seen alive at its death, as they number themselves; where none are
    named, how their records end tells. Captures are cut to `cap_bytes`, all together; what is
    damaged is left out and told of. Without `draws`, memray's own flame graph is left out. Never
    raises for what a worker left there.
    """
    work = _Collection(folder, moment, cap_bytes, bounds or Bounds(), draws=draws)
    try:
        return work.make(alive)
    finally:
        for beginning in folder.glob(f"{_BEGINNING}*"):
            with contextlib.suppress(OSError):
                beginning.unlink()


def keep(folder: Path, profile: Profile) -> Collected:
    """Put a profile that was read elsewhere into `folder`, with its renderings."""
    reasons: list[str] = []
    made = _write(folder, profile, reasons)
    own = sorted(path.name for path in folder.iterdir() if path.is_file())
    return Collected(
        profile=profile, reasons=tuple(reasons), files=tuple(dict.fromkeys((*made, *own)))
    )


def _write(folder: Path, profile: Profile, reasons: list[str]) -> tuple[str, ...]:
    """Write the documents of a profile; what cannot be written is told of in `reasons`."""
    renders: dict[str, Callable[[], bytes]] = {
        PROFILE: lambda: encode_json(profile),
        SPEEDSCOPE: lambda: render_speedscope(profile, name=_NAME),
    }
    made: list[str] = []
    for file, render in renders.items():
        try:
            publish(folder / file, render())
            made.append(file)
        except NoVerdictError as error:
            reasons.append(f"{error}.")
    return tuple(made)


class _Collection:
    """The work on one folder, with what there is to tell of it."""

    def __init__(
        self, folder: Path, moment: Moment, cap_bytes: int, bounds: Bounds, *, draws: bool
    ) -> None:
        self._folder = folder
        self._draws = draws
        self._moment = moment
        self._cap_bytes = cap_bytes
        self._bounds = bounds
        self._reasons: list[str] = []
        self._rendering_bytes = 0
        self._left_out = 0
        self._deadline_s = time.monotonic() + bounds.timeout_s

    def make(self, alive: frozenset[int]) -> Collected:
        _remove_what_is_no_file(self._folder)
        processes = processes_in(self._folder)
        self._reasons += _fallbacks(processes)
        captured = [process for process in processes if process.profiler is not None]
        cut = self._cut_to_cap(captured)
        seen = [one for process in captured if (one := self._read(process, cut)) is not None]
        if self._left_out:
            self._reasons.append(
                f"{self._left_out} smaller captures are left out: all together are above their cap "
                f"of {format_bytes(self._cap_bytes)}, or they are more than {_MOST_PROCESSES}."
            )
        if not seen:
            self._reasons.append(_why_nothing(processes, captured))
            return Collected(profile=None, reasons=tuple(self._reasons))
        chosen = _at_death(seen, alive) if self._moment is Moment.DEATH else _largest(seen)
        profile = _profile(seen, chosen, self._moment, _capture_bytes(self._folder, captured))
        files = self._render(profile, chosen)
        return Collected(
            profile=profile,
            reasons=tuple(self._reasons),
            files=(*files, *(p.capture for p in captured if (self._folder / p.capture).is_file())),
            profiler_bytes=sum(
                one.process.profiler_bytes + one.reading.overhead_bytes for one in chosen
            ),
            rendering_bytes=self._rendering_bytes,
            pids=frozenset(one.process.pid for one in chosen),
        )

    def _cut_to_cap(self, processes: Sequence[Process]) -> dict[str, int]:
        """Cut the captures so that all fit below the cap, the largest kept first.

        Return where each that was cut is cut, by its name.
        """
        sizes = {process.capture: _size(self._folder / process.capture) for process in processes}
        room, cut = self._cap_bytes, {}
        by_size = sorted(sizes.items(), key=lambda item: -item[1])
        for count, (capture, size) in enumerate(by_size):
            if count >= _MOST_PROCESSES or (size > room and capture.endswith(".json")):
                room_left = 0
            else:
                room_left = min(size, room)
            if room_left < size:
                cut[capture] = room_left
                self._cut(capture, room_left)
            room -= room_left
        return cut

    def _cut(self, capture: str, size: int) -> None:
        with contextlib.suppress(OSError):
            if size < _SHORTEST_BYTES:
                (self._folder / capture).unlink()
            else:
                os.truncate(self._folder / capture, size)

    def _read(self, process: Process, cut: dict[str, int]) -> Seen | None:
        path = self._folder / process.capture
        cut_at = cut.get(process.capture)
        if cut_at is not None and not path.is_file():
            self._left_out += 1
            return None
        if not _size(path):
            self._say(process, _why_empty(process, is_there=path.is_file()))
            return None
        if process.profiler is not Profiler.MEMRAY:
            reading = read_traced(self._folder, process)
            if reading is None:
                self._say(process, "is damaged, so nothing can be said of that process")
            return None if reading is None else Seen(process=process, reading=reading, file=path)
        return self._read_memray(process, path, cut_at)

    def _read_memray(self, process: Process, path: Path, cut_at: int | None) -> Seen | None:
        """Read a capture; where that takes too much memory, the first half, quarter, eighth."""
        file = path
        answer = self._ask("reading", file)
        for _ in range(3):
            if not answer.is_too_large:
                break
            cut_at = _size(file) // 2
            file = self._beginning(path, cut_at)
            answer = self._ask("reading", file)
        try:
            reading = msgspec.json.decode(answer.output, type=Reading) if answer.output else None
        except msgspec.MsgspecError:
            reading = None
        if reading is None:
            self._say(process, answer.problem or "was read, but what its reader said is damaged")
            return None
        self._rendering_bytes = max(self._rendering_bytes, reading.reader_bytes)
        return Seen(process=process, reading=reading, file=file, cut_at_bytes=cut_at)

    def _beginning(self, path: Path, size: int) -> Path:
        """Return a copy of the first `size` bytes of a capture, which itself stays whole."""
        beside = self._folder / f"{_BEGINNING}{path.name}"
        with contextlib.suppress(OSError):
            if not beside.exists():
                shutil.copyfile(path, beside)
            os.truncate(beside, size)
        return beside

    def _ask(self, module: str, path: Path, *words: str) -> Answer:
        words = (str(path), self._moment, str(self._bounds.memory_bytes), *words)
        left_s = max(0.0, self._deadline_s - time.monotonic())
        return ask(
            f"harness.profilers.{module}",
            words,
            msgspec.structs.replace(self._bounds, timeout_s=left_s),
        )

    def _say(self, process: Process, what: str) -> None:
        self._reasons.append(f"The capture of process {process.pid} ({process.capture}): {what}.")

    def _render(self, profile: Profile, chosen: Sequence[Seen]) -> tuple[str, ...]:
        """Write the renderings and return the names of those that were."""
        made = _write(self._folder, profile, self._reasons)
        return (*made, *self._flame_graph(chosen)) if self._draws else made

    def _flame_graph(self, chosen: Sequence[Seen]) -> Iterable[str]:
        """Draw the process that holds most, where memray saw it."""
        drawn = [one for one in chosen if one.process.profiler is Profiler.MEMRAY]
        if not drawn:
            return
        largest = max(drawn, key=lambda one: one.reading.total_bytes)
        beside = self._folder / f".{FLAMEGRAPH}"
        answer = self._ask("flames", largest.file, str(beside))
        if answer.problem:
            beside.unlink(missing_ok=True)
            self._reasons.append(f"memray's flame graph was not drawn: {answer.problem}.")
            return
        beside.replace(self._folder / FLAMEGRAPH)
        self._rendering_bytes = max(self._rendering_bytes, int(answer.output))
        yield FLAMEGRAPH


def _remove_what_is_no_file(folder: Path) -> None:
    """Remove links, folders, pipes: a worker may have left them to lead our own writing astray."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _why_empty(process: Process, *, is_there: bool) -> str:
    if is_there:
        return "has 0 bytes: the process ended before its first allocation was written"
    if process.forked and process.cut_s is not None:
        return "was not begun: that of its parent had reached its cap when it was forked"
    return "is not there"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    except OSError:
        return 0


def _capture_bytes(folder: Path, processes: Sequence[Process]) -> int:
    return sum(_size(folder / process.capture) for process in processes)


def _fallbacks(processes: Sequence[Process]) -> Iterable[str]:
    """Say once for each interpreter why it has not the profiler that was to be preferred."""
    told = {
        (process.interpreter, process.profiler, process.reasons): process
        for process in processes
        if process.reasons
    }
    for process in told.values():
        taken = f"{process.profiler} was taken" if process.profiler else "there is no profile"
        yield f"{process.interpreter}: {taken} ({'; '.join(process.reasons)})."


def _why_nothing(processes: Sequence[Process], captured: Sequence[Process]) -> str:
    if captured:
        return "There is no heap profile: none of the captures could be read."
    if processes:
        return "There is no heap profile: no profiler could be started in the worker's interpreter."
    return (
        "There is no heap profile: no Python process of the worker said that it had begun. A "
        "program that is not Python has none, nor has one that was killed as it started; an "
        "interpreter started with -I, -E or -S, or by a program that clears the environment or "
        "sets a PYTHONPATH of its own, does not heed ours."
    )


def _at_death(seen: Sequence[Seen], alive: frozenset[int] = frozenset()) -> list[Seen]:
    """Return the processes that were alive when the one that holds most was killed.

    Where it is not known which were, those were not that came to their own end, or whose record
    ends long before.
    """
    latest = _latest(seen)
    named = [one for one in latest if one.process.pid in alive]
    if named:
        return named
    killed = [one for one in latest if not one.process.ended] or latest
    victim = max(killed, key=lambda one: one.reading.total_bytes)
    return [one for one in killed if _last_s(one) >= _last_s(victim) - _TOGETHER_S]


def _latest(seen: Sequence[Seen]) -> list[Seen]:
    """Return the last program of each process: one that replaced itself holds nothing of before."""
    by_pid = {one.process.pid: one for one in sorted(seen, key=lambda one: one.process.began_s)}
    return list(by_pid.values())


def _largest(seen: Sequence[Seen]) -> list[Seen]:
    """Return the program of each process that held most: it ran one after the other."""
    by_pid = {one.process.pid: one for one in sorted(seen, key=lambda one: one.reading.total_bytes)}
    return list(by_pid.values())


def _last_s(one: Seen) -> float:
    # tracemalloc's table is of the last look, which may be long before the end.
    return one.reading.last_s if one.process.profiler is Profiler.MEMRAY else float("inf")


def _profile(
    seen: Sequence[Seen], chosen: Sequence[Seen], moment: Moment, capture_bytes: int
) -> Profile:
    largest = max(chosen, key=lambda one: one.reading.total_bytes)
    merged = merge_sites(site for one in chosen for site in one.reading.sites)
    residents = [one.reading.resident_bytes for one in chosen]
    return Profile(
        profiler=largest.process.profiler or Profiler.MEMRAY,
        version=largest.process.version,
        moment=moment,
        total_bytes=sum(one.reading.total_bytes for one in chosen),
        sites=merged[:SITES],
        left_out=max(0, len(merged) - SITES) + sum(one.reading.left_out for one in chosen),
        processes=len(chosen),
        resident_bytes=sum(size for size in residents if size is not None)
        if None not in residents
        else None,
        base_bytes=sum(one.process.base_bytes for one in chosen),
        capture_bytes=capture_bytes,
        is_cut=any(one.cut_at_bytes is not None or one.process.cut_s for one in chosen),
        notes=tuple(notes_on(seen, chosen, moment)),
    )
