"""The answer of `oomproof reproduce`: what happened to one worker with one snapshot, and why."""

from typing import Final

import msgspec

from harness.core.autopsy import Autopsy, StoppedAt
from harness.core.case import Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.estimate import Estimate
from harness.core.manner import Manner, Read, manner_of
from harness.core.profile import Moment, Profile, Profiler, Site, sites_by_line
from harness.core.reconcile import Reconciliation
from harness.core.requirement import Requirement
from harness.core.run import Run

SCHEMA: Final = 1
TOP_SITES: Final = 10
_LONGEST_STACK: Final = 60
_TELLING_SHARE: Final = 0.2


class SiteShare(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the worker's own code with what was allocated below it.

    Attributes:
        at: file and line: ``/app/worker.py:41``.
        source: the text of that line, where the file is here.
        stack: of its largest part, innermost frame first.
        bytes: requested there and alive at the profile's moment.
        count: of blocks, as the profiler counts them.
        share: of all the profiler saw at that moment, from 0 to 1.

    """

    at: str
    stack: tuple[str, ...]
    bytes: int
    count: int
    share: float
    source: str = ""


class ProfileSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Which pass the sites are from.

    Attributes:
        total_bytes: all that was requested and alive at that moment.
        cost_bytes: what the profiler costs an empty program here; the pass got so much more.
        extra_bytes: what it got beyond that: what the profiler held in further processes and in its
            tables, as these said themselves when the limit was met.
        same_stack: whether it stood in the same code at its limit as the autopsy's worker; None
            where one of the two has no stack.
        files: what is kept of it, from the folder of evidence.
        notes: what to know of it, in whole sentences.

    """

    profiler: Profiler
    version: str
    moment: Moment
    total_bytes: int
    processes: int
    capture_bytes: int
    is_cut: bool
    cost_bytes: int | None = None
    extra_bytes: int = 0
    same_stack: bool | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class PathShare(msgspec.Struct, frozen=True, kw_only=True):
    """The values at one path of the JSON: their number, predicted bytes and share, and why."""

    path: str
    bytes: int
    count: int
    share: float
    why: str


class JsonCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What a full parse of the snapshot costs, as predicted from its text.

    Attributes:
        parser, python: whose objects are counted.
        retained_bytes: what the result takes up.
        peak_bytes: with the text and what the parser holds on the way, above its base.
        paths: the costliest, without what is below each.

    """

    parser: str
    python: str
    retained_bytes: int
    peak_bytes: int
    paths: tuple[PathShare, ...]


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """Another command with the same snapshot and limit, such as a streaming one."""

    command: tuple[str, ...]
    ending: Ending | None
    reason: str
    peak_bytes: int | None
    peak_is_lower_bound: bool
    wall_seconds: float


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What to do next: in a sentence, and why it fits what was found."""

    do: str
    why: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of the case.

    Attributes:
        schema: of this document.
        ending: of the run under the asked limit: the verdict.
        ended_after_s: from the worker's start to its end in that run.
        requirement_bytes: see `core.requirement`; None where it is not known.
        stopped_at: where in the snapshot the worker was at the limit.
        manner: how it reads the snapshot, as far as can be told.
        stack: at the limit, innermost first; see `core.autopsy.Autopsy.stack`.
        sites: the largest first.
        costs: what its JSON would cost, for a Python worker; None where that is not known.
        heap: the profile held against the memory of its own pass.
        heap_snapshots: of V8, where they were asked for: files, from the folder of evidence.
        runs: every run that was made, in order.
        evidence_dir: the folder that holds all of it.
        autopsy_counts: whether the frozen run stood within 1 % of the limit, and ended as a run
            that was not frozen does; None where there is none. What stood further away is shown
            with its distance; what ended otherwise is kept here, and drawn upon nowhere.
        problems: what could not be had, and why.

    """

    schema: int = SCHEMA
    oomproof: str
    started_at: str
    command: tuple[str, ...]
    snapshot: Snapshot
    limit_bytes: int
    ceiling_bytes: int
    conditions: Conditions
    ending: Ending | None
    reason: str
    ended_after_s: float
    peak_bytes: int | None
    peak_is_lower_bound: bool
    requirement_bytes: int | None
    requirement: Requirement | None
    stopped_at: StoppedAt | None
    stack: tuple[str, ...]
    at: str = ""
    source: str = ""
    manner: Manner | None = None
    sites: tuple[SiteShare, ...] = ()
    profile: ProfileSummary | None = None
    heap: Reconciliation | None = None
    heap_snapshots: tuple[str, ...] = ()
    costs: JsonCosts | None = None
    largest_snapshot: Estimate | None = None
    against: Against | None = None
    next_steps: tuple[Step, ...] = ()
    autopsy: Autopsy | None = None
    autopsy_counts: bool | None = None
    runs: tuple[Run, ...] = ()
    evidence_dir: str = ""
    problems: tuple[str, ...] = ()


def read_manner(found: Answer, read: Read) -> Manner | None:
    """Return how the worker reads its snapshot, by its stack, by what holds most, and by `read`."""
    groups = [(*found.stack, found.source)]
    groups += [(*s.stack, s.source) for s in found.sites if s.share >= _TELLING_SHARE]
    return manner_of(groups, read, size_bytes=found.snapshot.bytes)


def top_sites(profile: Profile) -> tuple[SiteShare, ...]:
    """Return the lines of the user's own code that hold most, with their share of all."""
    total_bytes = max(1, profile.total_bytes)
    return tuple(
        SiteShare(
            at=place(site),
            stack=tuple(str(frame) for frame in site.stack[:_LONGEST_STACK]),
            bytes=site.bytes,
            count=site.count,
            share=round(site.bytes / total_bytes, 4),
        )
        for site in sites_by_line(profile.sites)[:TOP_SITES]
    )


def place(site: Site) -> str:
    """Return file and line of a site's own line."""
    return f"{site.line.file}:{site.line.line}" if site.line else "unknown"
