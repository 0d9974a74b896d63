"""Which cases are worth a profiled pass, and what those passes say of the budgets that failed."""

import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, assert_never

import msgspec

from harness.core.attribution import Attribution, compare_paths, compare_sites, differential
from harness.core.attribution_words import Since, hold_most, what_grew
from harness.core.baseline import Baseline, BaselineEntry, fingerprint
from harness.core.conditions import Conditions, differences
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.sites import CaseProfile, PathTable, SiteRow, SiteTable

# Their budgets are of memory that a profile can tell of.
_TOLD_OF: Final = frozenset({Subject.PEAK, Subject.GROWTH})
# A worker that ended so was at work with its memory.
_OF_MEMORY: Final = frozenset(
    {Ending.COMPLETED, Ending.OOM_KILLED, Ending.HEAP_EXHAUSTED, Ending.MEMORY_ERROR}
)
_OVER: Final = "to name what grew"
_ASKED: Final = "to name its sites"
_NO_BASELINE: Final = "for the next baseline"
_ACCEPT: Final = (
    "to know it the next time, run what was accepted with `oomproof run --profile`, and accept "
    "that with `oomproof baseline accept`"
)


class Profiling(enum.StrEnum):
    """Which cases get a profiled pass after the runs that give the verdict.

    Attributes:
        NEEDED: those over a budget `peak` or `growth`, and those that have one but no baseline.
        ALL: every case.
        NEVER: none.

    """

    NEEDED = "needed"
    ALL = "all"
    NEVER = "never"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A case to be profiled: a run of it that gave the verdict, and why, in a few words."""

    run: Run
    why: str


def comparable(baseline: Baseline | None, conditions: Conditions) -> Baseline | None:
    """Return a baseline that runs under `conditions` can be held against; else None."""
    if baseline is None or differences(baseline.conditions, conditions):
        return None
    return baseline


def to_profile(
    profiling: Profiling,
    scenario: Scenario,
    runs: Sequence[Run],
    findings: Iterable[Finding],
    baseline: Baseline | None,
) -> tuple[Wanted, ...]:
    """Return the cases that are to get a profiled pass, each once, those that failed first.

    `baseline` is one that the runs can be held against.
    """
    failed = {finding.case for finding in findings if _is_told_of(finding)}
    told_of = [budget for budget in scenario.budget if budget.peak or budget.growth]
    budgeted = {budget.worker for budget in told_of}
    cases: dict[str, Run] = {}
    for run in runs:
        if run.purpose is Purpose.VERDICT and run.ending in _OF_MEMORY:
            cases.setdefault(run.case.name, run)
    over = [Wanted(run=run, why=_OVER) for name, run in cases.items() if name in failed]
    others = [run for name, run in cases.items() if name not in failed]
    match profiling:
        case Profiling.NEVER:
            return ()
        case Profiling.ALL:
            return (*over, *(Wanted(run=run, why=_ASKED) for run in others))
        case Profiling.NEEDED:
            unknown = (
                run
                for run in others
                if run.completed and run.case.worker in budgeted and not _is_known(run, baseline)
            )
            return (*over, *(Wanted(run=run, why=_NO_BASELINE) for run in unknown))
        case _ as never:
            assert_never(never)


def _is_told_of(finding: Finding) -> bool:
    """Whether what grew is to be said: where a budget failed, or growth is too noisy to decide."""
    if finding.severity is Severity.NO_VERDICT:
        return finding.budget is Subject.GROWTH and bool(finding.case)
    return finding.severity is Severity.FAILURE and finding.budget in _TOLD_OF


def _is_known(run: Run, baseline: Baseline | None) -> bool:
    entry = baseline.entry_of(run.case) if baseline else None
    return entry is not None and entry.snapshot_sha256 == fingerprint(run.case)


def known_paths(run: Run, baseline: Baseline | None) -> PathTable | None:
    """Return what an accepted baseline knows of a run's input: the same file costs the same."""
    entry = baseline.entry_of(run.case) if baseline else None
    if entry is None or entry.profile is None or entry.snapshot_sha256 != fingerprint(run.case):
        return None
    return entry.profile.paths


def attribute(
    findings: Sequence[Finding],
    runs: Sequence[Run],
    profiles: Sequence[CaseProfile],
    conditions: Conditions,
    baseline: Baseline | None,
) -> tuple[tuple[Finding, ...], tuple[Attribution, ...]]:
    """Return the findings with what grew, where a budget for memory failed, and all that is known.

    The verdict does not change by it.
    """
    by_case = {profile.case: profile for profile in profiles}
    of_number = {run.number: run for run in runs}
    told: list[Finding] = []
    found: dict[str, Attribution] = {}
    for finding in findings:
        run = of_number.get(finding.run or 0)
        profile = by_case.get(finding.case)
        if run is None or profile is None or not _is_told_of(finding):
            told.append(finding)
            continue
        verdict_run = run if run.purpose is Purpose.VERDICT else _verdict_run(runs, run, finding)
        entry = baseline.entry_of(verdict_run.case) if baseline else None
        if finding.case not in found:
            found[finding.case] = _attribution(verdict_run, profile, conditions, baseline)
        told.append(_told(finding, found[finding.case], profile, verdict_run, entry))
    return tuple(told), tuple(found.values())


def _verdict_run(runs: Iterable[Run], confirming: Run, finding: Finding) -> Run:
    """Return the run that gave a case's figures, where another one decided."""
    of_case = (run for run in runs if run.case.name == finding.case)
    return next((run for run in of_case if run.purpose is Purpose.VERDICT), confirming)


def _told(
    finding: Finding,
    found: Attribution,
    profile: CaseProfile,
    run: Run,
    entry: BaselineEntry | None,
) -> Finding:
    """Return a finding that says what grew, and at which line it is to be shown."""
    sentences = what_grew(
        found,
        hold_most(profile.sites),
        since=_since(finding, run, entry, found),
    )
    place = _place(found, profile.sites)
    return msgspec.structs.replace(
        finding,
        message=" ".join((finding.message, *sentences)),
        file=place.file if place else "",
        line=place.line if place else 0,
    )


def _since(
    finding: Finding, run: Run, entry: BaselineEntry | None, found: Attribution
) -> Since | None:
    """Return the peaks of the baseline and of now, where the finding does not say them itself."""
    if finding.budget is not Subject.PEAK or entry is None or run.peak_bytes is None:
        return None
    if not found.is_comparable:
        return None
    return Since(
        old_bytes=entry.peak_bytes, new_bytes=run.peak_bytes, at_least=run.peak_is_lower_bound
    )


def _place(found: Attribution, sites: SiteTable | None) -> SiteRow | None:
    """Return the line that grew most; where that is not known, the one that holds most."""
    if found.sites and found.sites[0].least_growth_bytes > 0:
        change = found.sites[0]
        return SiteRow(function=change.function, file=change.file, line=change.line, bytes=0)
    return max(sites.rows, key=lambda row: row.bytes, default=None) if sites else None


def _attribution(
    run: Run, profile: CaseProfile, conditions: Conditions, baseline: Baseline | None
) -> Attribution:
    bare = Attribution(
        case=profile.case,
        run=profile.run,
        profiler=profile.sites.profiler if profile.sites else None,
        moment=profile.sites.moment if profile.sites else None,
        new_heap_bytes=profile.sites.total_bytes if profile.sites else None,
    )
    entry = baseline.entry_of(run.case) if baseline else None
    if baseline is None or entry is None:
        what = "there is no baseline yet" if baseline is None else "the baseline lacks this case"
        return msgspec.structs.replace(
            bare, unknown=(f"What grew is not known: {what}; {_ACCEPT}.", *profile.problems)
        )
    if reasons := differences(baseline.conditions, conditions):
        return msgspec.structs.replace(
            bare,
            unknown=(
                f"What grew is not known: the baseline is not comparable: {'; '.join(reasons)}.",
                *profile.problems,
            ),
        )
    compared = _with_input(msgspec.structs.replace(bare, is_comparable=True), run, profile, entry)
    return _with_sites(compared, profile, entry)


def _with_input(
    bare: Attribution, run: Run, profile: CaseProfile, entry: BaselineEntry
) -> Attribution:
    if entry.snapshot_sha256 == fingerprint(run.case):
        return msgspec.structs.replace(bare, same_input=True)
    before, now = entry.profile.paths if entry.profile else None, profile.paths
    if before is None or now is None or (before.parser, before.python) != (now.parser, now.python):
        why = "which part of it grew is not known: " + _why_no_paths(before, now)
        return msgspec.structs.replace(
            bare, same_input=False, unknown=(f"The input is another one; {why}.",)
        )
    return msgspec.structs.replace(bare, same_input=False, input=compare_paths(before, now))


def _why_no_paths(before: PathTable | None, now: PathTable | None) -> str:
    if before is None:
        return "the baseline does not hold its paths"
    if now is None:
        return "the one of now could not be looked at"
    return f"the one was held against {before.parser} in Python {before.python}, the other not"


def _with_sites(bare: Attribution, profile: CaseProfile, entry: BaselineEntry) -> Attribution:
    before, now = entry.profile.sites if entry.profile else None, profile.sites
    unknown = (*bare.unknown, *_doubts(before, now), *profile.problems)
    found = msgspec.structs.replace(bare, unknown=unknown)
    if before is None or now is None or before.profiler is not now.profiler:
        return found
    return msgspec.structs.replace(
        found,
        old_heap_bytes=before.total_bytes,
        sites=compare_sites(before, now),
        stacks=differential(before, now),
    )


def _doubts(before: SiteTable | None, now: SiteTable | None) -> Iterator[str]:
    if now is None:
        yield "Which line grew is not known: there is no profile of this run."
    elif before is None:
        yield f"Which line grew is not known: the baseline holds no profile of it; {_ACCEPT}."
    elif before.profiler is not now.profiler:
        yield (
            f"Which line grew is not known: the baseline's profile is of {before.profiler}, and "
            f"this one of {now.profiler}, which count otherwise."
        )
    elif before.is_cut or now.is_cut:
        which = "this" if now.is_cut else "the baseline's"
        yield f"The capture of {which} profile was cut at its cap, so it may miss the peak."
