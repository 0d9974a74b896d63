"""The whole question of a night: how it died, where, what held the memory, what it needs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness import __version__
from harness.autopsy.json_path import find_offset, stopped_at
from harness.core.advice import advise
from harness.core.answer import Against, Answer, JsonCosts, SiteShare, read_manner, top_sites
from harness.core.autopsy import Autopsy, StoppedAt
from harness.core.case import Case
from harness.core.command import NO_SNAPSHOT, knows_snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.estimate import Estimate, base_of, estimate_largest
from harness.core.manner import Read, read_of
from harness.core.profile import Profile, own_frames, sites_by_line
from harness.core.requirement import Requirement
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes
from harness.heap_snapshot import HeapSnapshotPass
from harness.inquiry import Inquiry, InquiryProgress
from harness.profiled_pass import Profiled, ProfiledPass
from harness.snapshot_costs import costs_of
from harness.snapshots import invalid_json_at
from harness.source_text import source_of
from harness.store import Store

# The worker died of memory, so that a larger limit tells more.
_OF_MEMORY: Final = frozenset({Ending.OOM_KILLED, Ending.MEMORY_ERROR, Ending.HEAP_EXHAUSTED})
# The worker ended itself, perhaps over what it read.
_OF_ITS_OWN: Final = frozenset({Ending.CRASHED, Ending.REFUSED})
_LONGEST_STACK: Final = 60


class ReproductionProgress(InquiryProgress, Protocol):
    """Who is told how a reproduction goes."""

    def bytes(self, what: str, done: int, total: int) -> None:
        """Hear how far something has come."""


class Reproduction:
    """Makes the runs that one answer takes: verdict, autopsy, profile, and those that confirm."""

    def __init__(  # noqa: PLR0913  (an answer joins what was asked with where it is looked for)
        self,
        inquiry: Inquiry,
        *,
        case: Case,
        against: Case | None,
        commands: tuple[tuple[str, ...], tuple[str, ...]],
        conditions: Conditions,
        store: Store,
        progress: ReproductionProgress,
        profiled: ProfiledPass,
        with_locals: bool,
        heap_snapshot: HeapSnapshotPass | None = None,
    ) -> None:
        """Prepare; `commands` are the worker's and the other's, as they were asked."""
        self._inquiry = inquiry
        self._case = case
        self._other = against
        self._commands = commands
        self._conditions = conditions
        self._store = store
        self._progress = progress
        self._profiled = profiled
        self._with_locals = with_locals
        self._heap_snapshot = heap_snapshot
        self._limit_bytes = case.memory_limit_bytes or inquiry.ceiling_bytes
        self._problems: list[str] = []
        self._is_undisturbed = True

    def answer(self) -> Answer:
        """Return the answer.

        Raises:
            InterruptedRunError: it was stopped.

        """
        started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        verdict = self._inquiry.run(
            self._case, self._limit_bytes, what="As it was", purpose=Purpose.VERDICT
        ).run
        whole, autopsy = self._autopsy(verdict)
        undisturbed = autopsy if self._is_undisturbed else None
        at = self._stopped_at(undisturbed)
        requirement = self._inquiry.requirement(self._case, whole) if whole else None
        largest = self._largest(verdict, whole)
        heap = self._profile(verdict, undisturbed)
        heap_snapshots = self._heap_snapshots()
        against = self._against()
        self._problems.extend(self._doubts(verdict, requirement))
        stack = undisturbed.stack if undisturbed else ()
        own = next(iter(own_frames(stack)), None)
        answer = Answer(
            oomproof=__version__,
            started_at=started_at,
            command=self._commands[0],
            snapshot=self._case.snapshot,
            limit_bytes=self._limit_bytes,
            ceiling_bytes=self._inquiry.ceiling_bytes,
            conditions=self._conditions,
            ending=verdict.ending,
            reason=verdict.reason,
            ended_after_s=verdict.wall_seconds,
            peak_bytes=verdict.peak_bytes,
            peak_is_lower_bound=verdict.peak_is_lower_bound,
            requirement_bytes=requirement.requirement_bytes if requirement else None,
            requirement=requirement,
            stopped_at=at,
            stack=tuple(str(frame) for frame in stack[:_LONGEST_STACK]),
            at=f"{own.file}:{own.line}" if own else "",
            source=source_of(own),
            sites=_sites(heap.profile),
            profile=heap.summary,
            heap=heap.heap,
            heap_snapshots=heap_snapshots,
            costs=self._costs(verdict),
            largest_snapshot=largest,
            against=against,
            autopsy=autopsy,
            autopsy_counts=self._counts(autopsy),
            runs=tuple(self._inquiry.runs),
            evidence_dir=str(self._store.folder),
            problems=(*self._problems, *heap.problems, *self._inquiry.problems),
        )
        manner = read_manner(answer, self._read(verdict, whole, undisturbed))
        answer = msgspec.structs.replace(answer, manner=manner)
        return msgspec.structs.replace(answer, next_steps=advise(answer))

    def _doubts(self, verdict: Run, requirement: Requirement | None) -> Iterator[str]:
        """Yield what a reader must know before the figures are used."""
        if not knows_snapshot(self._commands[0]):
            yield NO_SNAPSHOT
        needed_bytes = requirement.requirement_bytes if requirement else None
        if verdict.ending in _OF_MEMORY and needed_bytes and needed_bytes <= self._limit_bytes:
            yield (
                f"It died under {format_bytes(self._limit_bytes)}, and another run needed no more "
                f"than {format_bytes(needed_bytes)}: what it needs differs from run to run."
            )
        if any(run.ending in _OF_ITS_OWN for run in self._inquiry.runs):
            yield from self._faults_of_snapshot()

    def _faults_of_snapshot(self) -> Iterator[str]:
        """Yield where the snapshot is no JSON, which is what a worker may have ended for."""
        for snapshot in dict.fromkeys(self._case.snapshots):
            try:
                failed = invalid_json_at(Path(snapshot.path), self._progress.bytes)
            except OSError:
                continue
            if failed is not None:
                yield (
                    f"{snapshot.label} is not valid JSON: at byte {failed[0]:,}: {failed[1]}. "
                    "Export it again if it was cut short; if the worker that died had the same "
                    "file, its failure is what happened."
                )

    def _costs(self, verdict: Run) -> JsonCosts | None:
        """Return what the snapshot's JSON costs, where memory is what is asked of."""
        if verdict.ending not in {*_OF_MEMORY, Ending.COMPLETED}:
            return None
        snapshot = Path(self._case.snapshot.path)
        return costs_of(snapshot, self._commands[0], self._progress.bytes)

    def _read(self, verdict: Run, whole: Run | None, autopsy: Autopsy | None) -> Read:
        """Return what was seen of reading up to the limit, or to the end of what ended before."""
        run, until_s = whole, verdict.wall_seconds
        if autopsy is not None:
            run = next(run for run in self._inquiry.runs if run.purpose is Purpose.AUTOPSY)
            until_s = autopsy.standstill.crossed_at_s
        samples = self._store.samples(run or verdict) or ()
        return read_of(samples, size_bytes=self._case.snapshot.bytes, until_s=until_s)

    def _autopsy(self, verdict: Run) -> tuple[Run | None, Autopsy | None]:
        """Return a run that shows what the worker needs, and how it looked at its limit."""
        if verdict.completed:
            return verdict, None
        if verdict.ending not in _OF_MEMORY:
            return None, None
        made = self._inquiry.autopsy(self._case, self._limit_bytes, with_locals=self._with_locals)
        if made.autopsy is None:
            self._problems.append(_not_caught(made.run))
        else:
            self._problems.extend(made.autopsy.evidence.problems)
        if made.run.completed or made.run.ending is Ending.OOM_KILLED:
            return made.run, made.autopsy
        return self._check_exit(made.run), made.autopsy

    def _check_exit(self, frozen: Run) -> Run:
        """Return a plain run under the ceiling, and say where the frozen one ended otherwise."""
        plain = self._inquiry.at_ceiling(self._case)
        if (plain.ending, plain.exit_code) != (frozen.ending, frozen.exit_code):
            self._is_undisturbed = False
            self._problems.append(
                f"The run that was frozen ended {frozen.ending} with exit code "
                f"{frozen.exit_code}, a plain one {plain.ending} with {plain.exit_code}: being "
                "frozen may have disturbed it, so neither its figures nor its stack are used."
            )
        return plain

    def _counts(self, autopsy: Autopsy | None) -> bool | None:
        if autopsy is None:
            return None
        return self._is_undisturbed and autopsy.standstill.is_at_limit

    def _profile(self, verdict: Run, autopsy: Autopsy | None) -> Profiled:
        """Return what held the memory: at its limit, or at its peak where it passed."""
        if verdict.ending not in {*_OF_MEMORY, Ending.COMPLETED}:
            return Profiled()
        return self._profiled.make(self._case, verdict, autopsy)

    def _heap_snapshots(self) -> tuple[str, ...]:
        if self._heap_snapshot is None:
            return ()
        made = self._heap_snapshot.make(self._case)
        if isinstance(made, str):
            self._problems.append(made)
            return ()
        return made

    def _stopped_at(self, autopsy: Autopsy | None) -> StoppedAt | None:
        if autopsy is None:
            return None
        what = "Looking for the JSON path"
        return stopped_at(
            find_offset(self._case.snapshots, autopsy),
            lambda done, all_: self._progress.bytes(what, done, all_),
        )

    def _largest(self, verdict: Run, whole: Run | None) -> Estimate | None:
        if whole is None or not whole.completed or whole.peak_bytes is None:
            return None
        base_bytes = base_of(self._store.samples(whole) or ())
        if base_bytes is None:
            return None
        return estimate_largest(
            peak_bytes=whole.peak_bytes,
            size_bytes=self._case.input_bytes,
            base_bytes=base_bytes,
            limit_bytes=self._limit_bytes,
            died=not verdict.completed,
        )

    def _against(self) -> Against | None:
        if self._other is None:
            return None
        run = self._inquiry.run(
            self._other, self._limit_bytes, what="The other command", purpose=Purpose.VERDICT
        ).run
        return Against(
            command=self._commands[1],
            ending=run.ending,
            reason=run.reason,
            peak_bytes=run.peak_bytes,
            peak_is_lower_bound=run.peak_is_lower_bound,
            wall_seconds=run.wall_seconds,
        )


def _not_caught(run: Run) -> str:
    if run.notes:
        return " ".join(run.notes)
    if run.completed:
        return (
            "Under a larger limit the worker never held more than the limit that it was to be "
            "frozen at, so there is no autopsy."
        )
    return f"The worker ended before it came to the limit ({run.reason}), so there is no autopsy."


def _sites(profile: Profile | None) -> tuple[SiteShare, ...]:
    if profile is None:
        return ()
    lines = [site.line for site in sites_by_line(profile.sites)]
    shares = top_sites(profile)
    return tuple(
        msgspec.structs.replace(share, source=source_of(line))
        for share, line in zip(shares, lines, strict=False)
    )
