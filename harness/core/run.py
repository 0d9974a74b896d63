"""A run: one case executed, what was measured of it, and how it ended."""

import enum

import msgspec

from harness.core.autopsy import Autopsy
from harness.core.case import Case
from harness.core.ending import Ending, ExitFacts, Killed, LimitReached, conclude
from harness.core.kept import Kept
from harness.core.peaks import Parts, Peak, Timeline, is_filled, peak_of
from harness.core.scenario import SandboxKind


class Purpose(enum.StrEnum):
    """Which pass a run's numbers are from.

    Attributes:
        VERDICT: unprofiled, under the case's own limit.
        CONFIRMATION: unprofiled, under a limit or with a size that had to be tried.
        CEILING: unprofiled, under the ceiling: to see how much it takes.
        AUTOPSY: unprofiled, under the ceiling, frozen once at the case's limit to be looked at.
        PROFILE: profiled, under more than the case's limit: what profiling costs comes on top.

    """

    VERDICT = "verdict"
    CONFIRMATION = "confirmation"
    CEILING = "ceiling"
    AUTOPSY = "autopsy"
    PROFILE = "profile"


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker wrote on its streams: the end of each, and how much there was in all."""

    stdout_tail: str = ""
    stdout_bytes: int = 0
    stderr_tail: str = ""
    stderr_bytes: int = 0


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox saw of one run: facts, not conclusions.

    Attributes:
        exit: how the worker ended.
        timeline: the samples.
        high_water_bytes: the kernel's high-water counter, page cache included; None if unreadable.
        wall_seconds: from the start of the worker to its end.
        output: the worker's streams.
        approximate: the numbers are not the kernel's own for exactly this group of processes.
        limits: each limit as it was read back after the start, by the name of its kernel file.
        notes: what a reader should know about this run.
        autopsy: what was seen of the worker at its trap, where it had one and came to it.

    """

    exit: ExitFacts
    timeline: Timeline
    high_water_bytes: int | None
    wall_seconds: float
    output: Output = Output()
    approximate: bool = False
    limits: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    autopsy: Autopsy | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One case executed.

    Attributes:
        number: counts the runs of one report from 1; the run's folder has this name.
        repeat: which repeat of its case this is, from 1.
        ending: None where nothing can be said; `reason` says why.
        peak_bytes: the largest sample of unreclaimable memory; None where none could be taken.
        peak_upper_bytes: the kernel's high-water counter, page cache included; None if unread.
        peaks: the parts of the sample that made `peak_bytes`.
        cache_bytes: the largest page cache of all samples, with its slab; None if not known.
        peak_is_lower_bound: the worker did not complete, so it may have needed more.
        processes: how many held much of the memory at its peak; 0 where that is not known.
        after_snapshots: of several snapshots, the unreclaimable memory held after each but the
            last, None where it was not seen; empty where they were not opened once each, in order.
        kept: of a profiled pass over several snapshots, who keeps most of each.

    """

    number: int
    case: Case
    sandbox: str
    ending: Ending | None
    reason: str
    peak_bytes: int | None
    peak_upper_bytes: int | None
    peaks: Parts | None
    wall_seconds: float
    repeat: int = 1
    purpose: Purpose = Purpose.VERDICT
    killed: Killed | None = None
    exit_code: int | None = None
    signal: int | None = None
    oom_kills: int = 0
    limit_reached: LimitReached = LimitReached.UNKNOWN
    peak_is_lower_bound: bool = True
    approximate: bool = False
    output: Output = Output()
    output_folder_full: bool = False
    limits: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    sample_count: int = 0
    cache_bytes: int | None = None
    processes: int = 0
    after_snapshots: tuple[int | None, ...] = ()
    kept: Kept | None = None

    @property
    def peak(self) -> Peak | None:
        """The peak as an interval."""
        if self.peak_bytes is None or self.peaks is None:
            return None
        return Peak(
            peak_bytes=self.peak_bytes, peak_upper_bytes=self.peak_upper_bytes, parts=self.peaks
        )

    @property
    def completed(self) -> bool:
        """Whether the worker ended well, so that its peak is a peak and no lower bound."""
        return self.ending is Ending.COMPLETED

    @property
    def is_polled(self) -> bool:
        """Whether no kernel held the limit: the worker was looked at now and then."""
        return self.sandbox == SandboxKind.PROCESS

    def is_filled_by(self, counter_bytes: int) -> bool:
        """Whether page cache filled a high-water counter up to this run's limit."""
        return not self.is_polled and is_filled(counter_bytes, self.case.memory_limit_bytes)


def run_of(  # noqa: PLR0913  (a run joins what the loop, the sandbox and the core know)
    observation: Observation,
    *,
    number: int,
    case: Case,
    sandbox: str,
    repeat: int = 1,
    purpose: Purpose = Purpose.VERDICT,
    output_folder_full: bool = False,
) -> Run:
    """Return the run that an observation makes: its ending concluded, its peak as an interval."""
    conclusion = conclude(observation.exit)
    exit_ = observation.exit
    peak = peak_of(observation.timeline, observation.high_water_bytes)
    return Run(
        number=number,
        case=case,
        sandbox=sandbox,
        repeat=repeat,
        purpose=purpose,
        ending=conclusion.ending,
        reason=conclusion.reason,
        killed=conclusion.killed,
        exit_code=exit_.exit_code,
        signal=exit_.signal,
        oom_kills=exit_.oom_kills,
        limit_reached=exit_.limit_reached,
        peak_bytes=peak.peak_bytes if peak else None,
        peak_upper_bytes=peak.peak_upper_bytes if peak else observation.high_water_bytes,
        peaks=peak.parts if peak else None,
        peak_is_lower_bound=conclusion.ending is not Ending.COMPLETED,
        wall_seconds=observation.wall_seconds,
        approximate=observation.approximate,
        output=observation.output,
        output_folder_full=output_folder_full,
        limits=observation.limits,
        notes=observation.notes,
        sample_count=observation.timeline.seen,
        cache_bytes=observation.timeline.cache_bytes if peak else None,
        processes=observation.timeline.processes,
        after_snapshots=_after_snapshots(observation.timeline, case),
    )


def _after_snapshots(timeline: Timeline, case: Case) -> tuple[int | None, ...]:
    return timeline.troughs.between(len(case.snapshots)) if case.more_snapshots else ()


def failed_run(  # noqa: PLR0913  (see run_of)
    *, number: int, case: Case, sandbox: str, repeat: int, purpose: Purpose, reason: str
) -> Run:
    """Return the run of a case whose sandbox failed: no ending, and the reason why."""
    return Run(
        number=number,
        case=case,
        sandbox=sandbox,
        repeat=repeat,
        purpose=purpose,
        ending=None,
        reason=reason,
        peak_bytes=None,
        peak_upper_bytes=None,
        peaks=None,
        wall_seconds=0.0,
    )
