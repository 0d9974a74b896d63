"""V8's sampling heap profile: a Node.js worker that keeps it on disk while it runs, and its reader.

A profiled pass preloads ``inside/v8_profile.cjs`` into every Node.js process of the worker. What it
wrote until the process ended, by itself or by a kill, is read here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from harness.core.node import quote_option, with_options
from harness.core.profile import Moment, Profile, Profiler, merge_sites
from harness.profilers.folders import make_folder
from harness.profilers.v8_report import reported_heaps, strip_reports
from harness.profilers.v8_state import (
    Beat,
    CallState,
    Death,
    State,
    death_note,
    largest,
    latest,
    process_note,
    sites_of,
    told_call,
    unseen_site,
)
from harness.sandbox.contract import MountRequest, Order

_T = TypeVar("_T", State, CallState, Beat)

CAPTURE: Final = "OOMPROOF_CAPTURE"
MOST_SITES: Final = 1000
_STATES: Final = frozenset({"main", "main-peak", "thread", "thread-peak"})
_LATEST: Final = "Of each process the latest answer of V8 counts; it is asked ten times a second."
_LARGEST: Final = (
    "Of each process the largest state counts that V8 was seen in, asked ten times a second and "
    "around each long JSON.parse; those of several processes need not be of one time."
)
_MEANING: Final = (
    "This is V8's heap, sampled every 32 KiB: buffers, texts kept outside of it and worker threads "
    "are not in it. A line is that of a function's beginning, and a count one of samples."
)
_PRELOAD: Final = Path(__file__).parents[1] / "inside" / "v8_profile.cjs"


class V8Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """V8's heap profiler, set up for one run: `folder` is where it writes while that goes on."""

    folder: Path

    def change(self, order: Order) -> Order:
        """Return the order of the profiled pass, and make the folder that it writes to.

        Raises:
            NoVerdictError: the folder cannot be made.

        """
        return instrument(order, make_folder(self.folder))


def instrument(order: Order, capture_folder: Path) -> Order:
    """Return `order` with a profile of every Node.js process written to `capture_folder`.

    The worker's own ``NODE_OPTIONS`` stay.
    """
    own = with_options(order.environment, "--require", quote_option(str(_PRELOAD)))
    environment = {**own, CAPTURE: str(capture_folder)}
    mounts = (
        *order.mounts,
        MountRequest(path=_PRELOAD.parent),
        MountRequest(path=capture_folder, writable=True),
    )
    return msgspec.structs.replace(order, environment=environment, mounts=mounts)


def read(capture_folder: Path, *, died: bool) -> Profile | str:
    """Return what the processes of a worker kept, or the reason why there is nothing.

    Of a worker that died each process's latest state counts, of another its largest. Reports of
    fatal errors lose what they hold of the environment.
    """
    strip_reports(capture_folder)
    files = sorted(capture_folder.glob("v8-*.json"))
    states, unreadable = _decode((file for file in files if _kind(file) in _STATES), State)
    if not states:
        return _why_nothing(capture_folder)
    deaths = _deaths(capture_folder, latest(states)) if died else {}
    chosen = latest(states) if died else largest(states)
    sites = merge_sites(
        (
            *(site for state in chosen.values() for site in sites_of(state)),
            *(site for death in deaths.values() for site in unseen_site(death)),
        )
    )
    notes = [_LATEST if died else _LARGEST, _MEANING, *map(process_note, chosen.values())]
    notes += [note for death in deaths.values() for note in death_note(death)]
    if unreadable:
        notes.append(f"Not read, because they are not whole: {', '.join(unreadable)}.")
    return Profile(
        profiler=Profiler.V8,
        version=", ".join(sorted({f"Node.js {state.node}" for state in chosen.values()})),
        moment=Moment.DEATH if died else Moment.HIGH_WATER,
        total_bytes=sum(site.bytes for site in sites),
        sites=sites[:MOST_SITES],
        left_out=max(0, len(sites) - MOST_SITES),
        processes=len(chosen),
        capture_bytes=sum(file.stat().st_size for file in files),
        notes=tuple(notes),
    )


def _why_nothing(folder: Path) -> str:
    """Return why there is no state: V8 collects garbage before it answers, and may give up then."""
    calls, _ = _decode(sorted(folder.glob("v8-*.call.json")), CallState)
    begun = [call.call for call in calls if call.call is not None]
    if begun:
        return f"V8 gave up before its profiler's first answer, as {told_call(begun[-1])} began"
    if reported_heaps(folder):
        return "V8 gave up before its profiler's first answer"
    return "V8's profiler left nothing: no process of the worker was Node.js, or each ended at once"


def _deaths(folder: Path, states: dict[int, State]) -> dict[int, Death]:
    """Join what each process left behind; one whose last call returned has none that had begun."""
    calls, _ = _decode(sorted(folder.glob("v8-*.call.json")), CallState)
    beats, _ = _decode(sorted(folder.glob("v8-*.beat.json")), Beat)
    begun = {call.pid: call for call in calls if call.call is not None}
    beat = {one.pid: one for one in beats}
    heaps = reported_heaps(folder)
    return {
        pid: Death(
            state=state, begun=begun.get(pid), beat=beat.get(pid), heap_bytes=heaps.get(pid, 0)
        )
        for pid, state in states.items()
    }


def _kind(file: Path) -> str:
    return file.name.split(".")[1]


def _decode(files: Iterable[Path], kind: type[_T]) -> tuple[list[_T], list[str]]:
    """Return the documents in `files`, and the names of those that hold none."""
    decoder = msgspec.json.Decoder(kind)
    documents: list[_T] = []
    unreadable: list[str] = []
    for file in files:
        try:
            documents.append(decoder.decode(file.read_bytes()))
        except (OSError, ValueError, RecursionError):
            unreadable.append(file.name)
    return documents, unreadable
