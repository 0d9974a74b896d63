"""A report and an answer that have something of everything that a page shows."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import pytest

from harness.core.answer import (
    Answer,
    JsonCosts,
    PathShare,
    ProfileSummary,
    Step,
    top_sites,
)
from harness.core.attribution import Attribution, SiteChange, StackChange
from harness.core.baseline import Baseline, BaselineEntry, baseline_of
from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending, Killed, LimitReached
from harness.core.finding import Finding, Severity, Subject
from harness.core.fit import Shape
from harness.core.growth import GrowthLaw
from harness.core.largest import LargestSnapshot
from harness.core.peaks import Parts, Sample
from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.reconcile import Reconciliation
from harness.core.report import SCHEMA, Report
from harness.core.run import Output, Purpose, Run
from harness.core.scaling import MeasuredSize, ScalingLaw
from harness.core.sites import CaseProfile, PathRow, PathTable, site_table
from harness.core.verdict import Verdict
from harness.reporters.html.model import Page
from harness.reporters.html.report_page import ReportPage

MIB: Final = 2**20


def _case(worker: str, megabytes: int, **settings: str) -> Case:
    return Case(
        worker=worker,
        snapshot=Snapshot(
            label=f"{megabytes}MB",
            path=f"/exports/{megabytes}.json",
            bytes=megabytes * 10**6,
            sha256=f"{megabytes:064x}",
        ),
        memory_limit_bytes=512 * MIB,
        memory_limit_label="512MiB",
        settings=dict(settings),
    )


def _run(number: int, of: Case, mib: int, ending: Ending | None, **changes: Any) -> Run:
    killed = ending is Ending.OOM_KILLED
    run = Run(
        number=number,
        case=of,
        sandbox="cgroup",
        ending=ending,
        reason="a reason",
        peak_bytes=mib * MIB,
        peak_upper_bytes=(mib + 3) * MIB,
        peaks=Parts(
            anon_bytes=(mib - 2) * MIB,
            kernel_bytes=MIB,
            shmem_bytes=MIB,
            file_bytes=0,
            rss_bytes=mib * MIB,
        ),
        wall_seconds=3.0,
        killed=Killed.MAIN if killed else None,
        exit_code=137 if killed else 0,
        limit_reached=LimitReached.OWN if killed else LimitReached.UNKNOWN,
        peak_is_lower_bound=ending is not Ending.COMPLETED,
        output=Output(stderr_tail="the last words\n"),
        limits={"memory.max": "536870912"},
        notes=("a note",),
        sample_count=300,
    )
    return msgspec.structs.replace(run, **changes)


@pytest.fixture
def profile() -> Profile:
    """Return a heap profile of three sites, and smaller ones that are left out."""
    main = Frame(function="main", file="/app/worker.py", line=9)
    keep = Frame(function="keep", file="/app/worker.py", line=41)
    loads = Frame(function="loads", file="/usr/lib/python3.11/json/decoder.py", line=353)
    return Profile(
        profiler=Profiler.MEMRAY,
        version="1.20.0",
        moment=Moment.HIGH_WATER,
        total_bytes=100 * MIB,
        sites=(
            Site(stack=(loads, keep, main), bytes=60 * MIB, count=7),
            Site(stack=(keep, main), bytes=25 * MIB, count=3),
            Site(stack=(main,), bytes=10 * MIB, count=1),
        ),
        left_out=12,
    )


@pytest.fixture
def rich_report(profile: Profile) -> Report:
    """Return a report with every kind of thing in it."""
    full, streaming = _case("full-parse", 200, parser="json"), _case("streaming", 50)
    runs = (
        _run(1, full, 511, Ending.OOM_KILLED),
        _run(2, streaming, 48, Ending.COMPLETED),
        _run(3, streaming, 49, Ending.COMPLETED, repeat=2),
        _run(4, streaming, 47, Ending.COMPLETED, repeat=3),
        _run(5, _case("late", 5), 20, None),
        _run(6, streaming, 90, Ending.COMPLETED, purpose=Purpose.PROFILE),
        _run(7, _case("other", 5), 30, Ending.CRASHED),
    )
    return Report(
        schema=SCHEMA,
        oomproof="0.1.0",
        scenario="demo",
        verdict=Verdict.FAIL,
        started_at="2025-01-02T03:04:05Z",
        conditions=_conditions(),
        runs=runs,
        findings=_findings(runs),
        planned_runs=6,
        laws=(_law(),),
        growth=(GrowthLaw(case="several", worker="full-parse", reason="too few"),),
        profiles=(
            CaseProfile(
                case=streaming.name,
                run=6,
                files=("runs/006/profile/profile.json",),
                sites=site_table(profile, source_of=lambda _: "rows.append(row)", shown=str),
                paths=_paths(),
                problems=("a problem",),
            ),
        ),
        attributions=(_attribution(streaming),),
    )


def _conditions() -> Conditions:
    return Conditions(
        sandbox="cgroup",
        image="host",
        engine="an engine",
        cgroup="v2",
        kernel="6.1.0",
        architecture="x86_64",
        processors=2,
        memory_bytes=2**34,
        huge_pages="madvise",
        allocator="glibc 2.36",
        environment={"PYTHONHASHSEED": "0"},
        collector="on",
        python="3.13.1",
        packages={"ijson": "3.3.0"},
    )


def _findings(runs: Sequence[Run]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            budget=Subject.PEAK,
            worker=of.case.worker,
            message=f"a message on `{of.case.worker}`",
            severity=severity,
            next_step="a next step",
            case=of.case.name,
            run=of.number,
        )
        for of, severity in (
            (runs[0], Severity.FAILURE),
            (runs[4], Severity.NO_VERDICT),
            (runs[6], Severity.NOTE),
        )
    )


def _law() -> ScalingLaw:
    return ScalingLaw(
        worker="full-parse",
        variant="full-parse[parser=json]",
        limits=("512MiB",),
        points=(
            MeasuredSize(input_bytes=5 * 10**6, peak_bytes=54 * MIB, runs=(1,)),
            MeasuredSize(input_bytes=50 * 10**6, peak_bytes=469 * MIB, runs=(2,)),
        ),
        shape=Shape.UNCHECKED,
        settings={"parser": "json"},
        base_bytes=8 * MIB,
        slope=9.67,
        largest=(
            LargestSnapshot(
                limit_label="512MiB",
                limit_bytes=512 * MIB,
                bytes=54_500_000,
                line_bytes=54_600_000,
                confirmation="what the confirming runs showed",
                confirmed=True,
            ),
        ),
    )


def _paths() -> PathTable:
    return PathTable(
        parser="json",
        python="cpython 3.11",
        total_bytes=100 * MIB,
        unlisted_bytes=MIB,
        rows=(
            PathRow(path="$", count=1, bytes=100 * MIB),
            PathRow(path="$.heroes", count=1, bytes=80 * MIB),
            PathRow(path="$.heroes[*]", count=900, bytes=79 * MIB),
            PathRow(path='$.heroes[*]["odd key"]', count=900, bytes=30 * MIB),
        ),
    )


def _attribution(of: Case) -> Attribution:
    changes = (("keep", 58, 12), ("gone", None, 4), ("new", 9, None))
    return Attribution(
        case=of.name,
        run=6,
        is_comparable=True,
        profiler=Profiler.MEMRAY,
        moment=Moment.HIGH_WATER,
        old_heap_bytes=20 * MIB,
        new_heap_bytes=70 * MIB,
        sites=tuple(
            SiteChange(
                function=name,
                file="worker.py",
                line=41,
                source=f"{name}.append(row)",
                was_at="older.py:40",
                old_bytes=None if old is None else old * MIB,
                new_bytes=None if new is None else new * MIB,
            )
            for name, new, old in changes
        ),
        stacks=tuple(
            StackChange(
                stack=("main (worker.py)", f"{name} (worker.py:41)"),
                old_bytes=(old or 0) * MIB,
                new_bytes=(new or 0) * MIB,
            )
            for name, new, old in changes
        ),
        unknown=("what is not known",),
    )


@pytest.fixture
def accepted(rich_report: Report) -> Baseline:
    """Return a baseline in which streaming needed less, and another case is."""
    baseline = baseline_of("demo", rich_report.conditions, rich_report.runs)
    entry = baseline.entries[0]
    less = msgspec.structs.replace(
        entry,
        runs=1,
        peak_bytes=20 * MIB,
        peaks_bytes=(20 * MIB,),
        peak_upper_bytes=21 * MIB,
        peak_uppers_bytes=(21 * MIB,),
    )
    gone = BaselineEntry(
        case="a case that is gone",
        peak_bytes=MIB,
        runs=1,
        snapshot_bytes=1,
        snapshot_sha256="0",
    )
    return msgspec.structs.replace(baseline, entries=(less, gone))


def samples_of(run: Run) -> tuple[Sample, ...]:
    """Return a growing line of 300 samples that ends at the run's peak."""
    peak_bytes = run.peak_bytes or 0
    return tuple(
        Sample(
            at_s=step / 100,
            anon_bytes=peak_bytes * step // 299,
            offset_bytes=run.case.snapshot.bytes * step // 299,
        )
        for step in range(300)
    )


@pytest.fixture
def page_of(profile: Profile, accepted: Baseline) -> Callable[[Report], Page]:
    """Return what makes the page of a report, with nothing drawn by matplotlib."""

    def make(report: Report) -> Page:
        page = ReportPage(
            report, samples_of=samples_of, baseline=accepted, profile_of=lambda _: profile
        )
        return page.page(())

    return make


@pytest.fixture
def rich_answer(rich_report: Report, profile: Profile) -> Answer:
    """Return an answer with what a page shows of it."""
    verdict = rich_report.runs[0]
    return Answer(
        oomproof="0.1.0",
        started_at="2025-01-02T03:04:05Z",
        command=("python", "worker.py", "{snapshot}"),
        snapshot=verdict.case.snapshot,
        limit_bytes=512 * MIB,
        ceiling_bytes=4096 * MIB,
        conditions=rich_report.conditions,
        ending=Ending.OOM_KILLED,
        reason="the kernel killed it",
        ended_after_s=3.0,
        peak_bytes=511 * MIB,
        peak_is_lower_bound=True,
        requirement_bytes=None,
        requirement=None,
        stopped_at=None,
        stack=("loads (decoder.py:353)", "keep (worker.py:41)"),
        at="worker.py:41",
        source="rows.append(row)",
        sites=top_sites(profile),
        profile=ProfileSummary(
            profiler=Profiler.MEMRAY,
            version="1.20.0",
            moment=Moment.DEATH,
            total_bytes=100 * MIB,
            processes=1,
            capture_bytes=1,
            is_cut=False,
            notes=("a note on the profile",),
        ),
        heap=Reconciliation(
            requested_bytes=100 * MIB,
            resident_bytes=90 * MIB,
            base_bytes=3 * MIB,
            profiler_bytes=5 * MIB,
            kernel_bytes=MIB,
            remainder_bytes=-19 * MIB,
        ),
        costs=JsonCosts(
            parser="json",
            python="cpython 3.11",
            retained_bytes=100 * MIB,
            peak_bytes=200 * MIB,
            paths=(
                PathShare(path="$.heroes[*]", bytes=40 * MIB, count=9, share=0.4, why="a reason"),
                PathShare(path="$.heroes[*].gear", bytes=20 * MIB, count=9, share=0.2, why=""),
            ),
        ),
        next_steps=(Step(do="Do this.", why="For that."),),
        runs=rich_report.runs[:1],
        problems=("a problem",),
    )
