"""A baseline: the accepted peaks of an earlier report, small and sorted so that it diffs well."""

from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.case import Case
from harness.core.change import CasePeaks
from harness.core.conditions import Conditions
from harness.core.run import Purpose, Run
from harness.core.sites import AcceptedProfile
from harness.core.spread import Repeats, repeats_of

SCHEMA: Final = 2
# The first had neither the peaks of single runs nor profiles.
OLDEST_SCHEMA: Final = 1


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case's accepted peak: the median of its completed runs, in bytes, and their spread.

    Attributes:
        peak_upper_bytes: the median of the upper ends; None where one of them is not known.
        peaks_bytes: the peak of each run, in order; empty in a baseline of schema 1.
        peak_uppers_bytes: the upper end of each; empty where one of them is not known.
        caches_bytes: the largest page cache of each; empty where one of them is not known.
        memory_limit_bytes: of the case; None where it had none, and in a baseline of schema 1.
        profile: what held that memory; None where no profiled pass of the case was made.

    """

    case: str
    peak_bytes: int
    peak_upper_bytes: int | None = None
    runs: int
    peaks_bytes: tuple[int, ...] = ()
    peak_uppers_bytes: tuple[int, ...] = ()
    caches_bytes: tuple[int, ...] = ()
    memory_limit_bytes: int | None = None
    snapshot_bytes: int
    snapshot_sha256: str
    profile: AcceptedProfile | None = None

    @property
    def peaks(self) -> CasePeaks:
        """The peaks with what is known of their spread."""
        upper_bytes = self.peak_upper_bytes
        return CasePeaks(
            samples=self._repeats(self.peak_bytes, self.peaks_bytes),
            uppers=None
            if upper_bytes is None
            else self._repeats(upper_bytes, self.peak_uppers_bytes),
            caches_bytes=self.caches_bytes,
            memory_limit_bytes=self.memory_limit_bytes,
        )

    def _repeats(self, median_bytes: int, values_bytes: tuple[int, ...]) -> Repeats:
        return Repeats(median_bytes=median_bytes, count=self.runs, values_bytes=values_bytes)


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `oomproof baseline accept` writes and later runs are compared with."""

    schema: int
    scenario: str
    conditions: Conditions
    entries: tuple[BaselineEntry, ...]

    def entry_of(self, case: Case) -> BaselineEntry | None:
        """Return the entry of the case with the same name, or None."""
        return next((entry for entry in self.entries if entry.case == case.name), None)


def baseline_of(scenario: str, conditions: Conditions, runs: Sequence[Run]) -> Baseline:
    """Return the baseline that these runs make. A run that did not complete never enters one."""
    cases: dict[str, list[Run]] = {}
    for run in runs:
        if run.completed and run.peak is not None and run.purpose is Purpose.VERDICT:
            cases.setdefault(run.case.name, []).append(run)
    entries = (_entry_of(name, of_case) for name, of_case in sorted(cases.items()))
    return Baseline(schema=SCHEMA, scenario=scenario, conditions=conditions, entries=tuple(entries))


def _entry_of(name: str, runs: Sequence[Run]) -> BaselineEntry:
    case, peaks = runs[0].case, peaks_of(runs)
    uppers = peaks.uppers
    return BaselineEntry(
        case=name,
        peak_bytes=peaks.samples.median_bytes,
        peak_upper_bytes=None if uppers is None else uppers.median_bytes,
        runs=len(runs),
        peaks_bytes=peaks.samples.values_bytes,
        peak_uppers_bytes=() if uppers is None else uppers.values_bytes,
        caches_bytes=peaks.caches_bytes,
        memory_limit_bytes=case.memory_limit_bytes,
        snapshot_bytes=case.input_bytes,
        snapshot_sha256=fingerprint(case),
    )


def peaks_of(runs: Sequence[Run]) -> CasePeaks:
    """Return the peaks of the runs of one case, each of which completed and has samples."""
    ordered = sorted(runs, key=lambda run: run.number)
    uppers = _all_known([run.peak_upper_bytes for run in ordered])
    # Of a group that is polled or told by an engine, the upper end is no counter.
    is_counted = not any(run.is_polled or run.approximate for run in ordered)
    return CasePeaks(
        samples=repeats_of([run.peak.peak_bytes for run in ordered if run.peak is not None]),
        uppers=repeats_of(uppers) if uppers else None,
        caches_bytes=_all_known([run.cache_bytes for run in ordered]) if is_counted else (),
        memory_limit_bytes=ordered[0].case.memory_limit_bytes,
    )


def _all_known(sizes: Sequence[int | None]) -> tuple[int, ...]:
    """Return the sizes; none where one of them is not known."""
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else ()


def fingerprint(case: Case) -> str:
    """Return the SHA-256 of the case's snapshots; of several, each in order."""
    return " ".join(snapshot.sha256 for snapshot in case.snapshots)
