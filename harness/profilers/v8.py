"""V8's sampling heap profile: a Node.js worker that keeps it on disk while it runs, and its reader.

A profiled pass preloads ``inside/v8_profile.cjs`` into every Node.js process of the worker. What it
wrote until the process ended, by itself or by a kill, is read here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from harness.core.errors import InputError, NoVerdictError
from harness.core.node import OPTIONS, heap_limit, quote_option
from harness.core.profile import Moment, Profile, Profiler, merge_sites
from harness.core.units import format_bytes
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
    unseen_site,
)
from harness.sandbox.contract import MountRequest, Order

_T = TypeVar("_T", State, CallState, Beat)

CAPTURE: Final = "OOMPROOF_CAPTURE"
MOST_SITES: Final = 1000
# Measured: writing a snapshot of a heap takes 12 to 16 times the heap's limit of resident memory.
SNAPSHOT_FACTOR: Final = 16
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
        folder = self.folder.absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NoVerdictError(f"{folder} cannot be made: {error.strerror}") from error
        return instrument(order, folder)


def instrument(order: Order, capture_folder: Path, *, snapshot_near_limit: bool = False) -> Order:
    """Return `order` with a profile of every Node.js process written to `capture_folder`.

    The worker's own ``NODE_OPTIONS`` stay. `snapshot_near_limit` also has V8 write a snapshot of
    the heap when it nears its limit.

    Raises:
        InputError: the sandbox does not hold the memory that such a snapshot needs.

    """
    words = ["--require", quote_option(str(_PRELOAD))]
    if snapshot_near_limit:
        _check_room(order)
        words += ["--heapsnapshot-near-heap-limit=1"]
        words += [quote_option(f"--diagnostic-dir={capture_folder}")]
    own = order.environment.get(OPTIONS, "")
    environment = {
        **order.environment,
        OPTIONS: " ".join([*words, own]).strip(),
        CAPTURE: str(capture_folder),
    }
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
        return (
            "V8's profiler left nothing: no process of the worker was Node.js, or each ended at "
            "once"
        )
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


def _check_room(order: Order) -> None:
    limit_bytes = order.memory_limit_bytes
    heap = heap_limit(order.command, order.environment.get(OPTIONS, ""), limit_bytes)
    if heap is None:
        raise InputError(
            "a heap snapshot near the limit needs a known heap limit: set --max-old-space-size in "
            f"{OPTIONS}"
        )
    needed_bytes = heap.bytes * SNAPSHOT_FACTOR
    if limit_bytes is not None and limit_bytes < needed_bytes:
        raise InputError(
            f"a snapshot of a heap of {format_bytes(heap.bytes)} needs about "
            f"{format_bytes(needed_bytes)} of memory, {SNAPSHOT_FACTOR} times as much, and this "
            f"pass has {format_bytes(limit_bytes)}: raise its limit, or lower --max-old-space-size"
        )


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
