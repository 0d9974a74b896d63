"""A baseline: the accepted peaks of an earlier report, small and sorted so that it diffs well."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.run import Purpose, Run

SCHEMA: Final = 1


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case's accepted peak: the median of its completed runs, in bytes.

    `peak_upper_bytes` is the median of the upper ends, None where one of them is not known.
    """

    case: str
    peak_bytes: int
    peak_upper_bytes: int | None = None
    runs: int
    snapshot_bytes: int
    snapshot_sha256: str


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
    case = runs[0].case
    return BaselineEntry(
        case=name,
        peak_bytes=median_peak_bytes(runs),
        peak_upper_bytes=median_upper_bytes(runs),
        runs=len(runs),
        snapshot_bytes=case.input_bytes,
        snapshot_sha256=fingerprint(case),
    )


def median_peak_bytes(runs: Iterable[Run]) -> int:
    """Return the median peak of runs that completed, in bytes (of two middle ones, the lower)."""
    return _median([run.peak.peak_bytes for run in runs if run.peak is not None])


def median_upper_bytes(runs: Iterable[Run]) -> int | None:
    """Return the median upper end of the peaks, in bytes; None where one of them is not known."""
    known = [run.peak_upper_bytes for run in runs]
    uppers = [upper for upper in known if upper is not None]
    return _median(uppers) if len(uppers) == len(known) else None


def _median(sizes: Sequence[int]) -> int:
    return sorted(sizes)[(len(sizes) - 1) // 2]


def fingerprint(case: Case) -> str:
    """Return the SHA-256 of the case's snapshots; of several, each in order."""
    return " ".join(snapshot.sha256 for snapshot in case.snapshots)
