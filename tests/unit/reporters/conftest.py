"""Reports to render: a bad night with every ending and a hostile name, a good one, many runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pytest

from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending, Killed, LimitReached
from harness.core.finding import Finding, Severity, Subject
from harness.core.peaks import Parts, Sample
from harness.core.report import SCHEMA, Report
from harness.core.run import Output, Purpose, Run
from harness.core.scenario import Setting
from harness.core.verdict import Verdict, verdict_of

MIB: Final = 2**20
LIMIT: Final = 512 * MIB
HOSTILE: Final = "\x1b[31m[red]evil[/red]|<script>alert(1)</script>`x`\n\x9b2J\u202e$\\frac{$ @team"


def snapshot(megabytes: int) -> Snapshot:
    return Snapshot(
        label=f"{megabytes}MB",
        path=f"snapshots/{megabytes}MB.json",
        bytes=megabytes * 10**6,
        sha256=f"{megabytes:064x}",
    )


def case(worker: str, megabytes: int, **settings: Setting) -> Case:
    return Case(
        worker=worker,
        snapshot=snapshot(megabytes),
        memory_limit_bytes=LIMIT,
        memory_limit_label="512MiB",
        settings=settings,
    )


def parts(peak_bytes: int) -> Parts:
    return Parts(
        anon_bytes=peak_bytes - 3 * MIB,
        kernel_bytes=2 * MIB,
        shmem_bytes=MIB,
        file_bytes=5 * MIB,
        rss_bytes=peak_bytes,
    )


def run(
    number: int,
    of: Case,
    ending: Ending | None = Ending.COMPLETED,
    *,
    mib: float | None = 100.0,
    upper_mib: float | None = None,
    seconds: float = 1.0,
    reason: str = "",
    stderr: str = "",
    approximate: bool = False,
    repeat: int = 1,
    purpose: Purpose = Purpose.VERDICT,
    notes: tuple[str, ...] = (),
) -> Run:
    peak_bytes = None if mib is None else int(mib * MIB)
    killed = ending is Ending.OOM_KILLED
    return Run(
        number=number,
        case=of,
        sandbox="process" if approximate else "docker",
        ending=ending,
        reason=reason or f"the worker ended {ending}",
        peak_bytes=peak_bytes,
        peak_upper_bytes=None if upper_mib is None else int(upper_mib * MIB),
        peaks=None if peak_bytes is None else parts(peak_bytes),
        wall_seconds=seconds,
        repeat=repeat,
        purpose=purpose,
        killed=Killed.MAIN if killed else None,
        exit_code={Ending.COMPLETED: 0, Ending.OOM_KILLED: 137}.get(ending, 1) if ending else None,
        signal=9 if killed else None,
        oom_kills=int(killed),
        limit_reached=LimitReached.OWN if killed else LimitReached.UNKNOWN,
        peak_is_lower_bound=ending is not Ending.COMPLETED,
        approximate=approximate,
        output=Output(stderr_tail=stderr, stderr_bytes=len(stderr)),
        limits={"memory.max": str(LIMIT)},
        notes=notes,
        sample_count=int(seconds * 100),
    )


def finding(
    severity: Severity,
    message: str,
    *,
    of: Run | None = None,
    budget: Subject = Subject.EXPECT,
    next_step: str = "",
) -> Finding:
    return Finding(
        budget=budget,
        worker="" if of is None else of.case.worker,
        severity=severity,
        message=message,
        next_step=next_step,
        case="" if of is None else of.case.name,
        run=None if of is None else of.number,
    )


def report(
    runs: Sequence[Run], findings: Sequence[Finding] = (), *, verdict: Verdict | None = None
) -> Report:
    return Report(
        schema=SCHEMA,
        oomproof="0.1.0",
        scenario="hero-snapshots",
        verdict=verdict or verdict_of(findings),
        started_at="2025-01-02T03:04:05Z",
        conditions=Conditions(
            sandbox="docker",
            image="host",
            engine="Docker Engine 27.1.2",
            cgroup="v2",
            kernel="6.8.0-49-generic",
            architecture="x86_64",
            processors=8,
            memory_bytes=32 * 1024 * MIB,
            python="3.13.1",
            packages={"ijson": "3.3.0"},
        ),
        runs=tuple(runs),
        findings=tuple(findings),
        planned_runs=sum(one.purpose is Purpose.VERDICT for one in runs),
    )


@pytest.fixture
def hostile() -> str:
    """Return the hostile name of one of the night's workers."""
    return HOSTILE


@pytest.fixture
def night() -> Report:
    """Return a report of a bad night: one of each ending that matters, and a hostile worker."""
    crash = "Traceback (most recent call last):\n" + "".join(
        f'  File "worker.py", line {line}, in step\n' for line in range(6)
    )
    runs = (
        run(1, case("full-parse", 5, batch=100), mib=41.3, upper_mib=48, seconds=0.31),
        run(2, case("full-parse", 50, batch=100), mib=318.7, upper_mib=402.9, seconds=2.4),
        run(
            3,
            case("full-parse", 200, batch=100),
            Ending.OOM_KILLED,
            mib=511.4,
            upper_mib=512,
            seconds=3.9,
            reason="the kernel killed the main process for this sandbox's limit",
        ),
        run(4, case("streaming", 5), mib=24.8, upper_mib=33, seconds=0.62),
        run(5, case("streaming", 50), mib=25.1, upper_mib=79.5, seconds=5.1),
        run(6, case("streaming", 200), mib=68.9, upper_mib=71, seconds=20.4),
        run(
            7,
            case("validator", 200),
            Ending.CRASHED,
            mib=103.2,
            upper_mib=110,
            seconds=1.2,
            reason="the worker exited with 1",
            stderr=f"{crash}ValueError: \x1b[1;31mrecord 17\x1b[0m has no id\x07\n",
        ),
        run(8, case("polled", 50), mib=489.0, upper_mib=530, seconds=2.2, approximate=True),
        run(
            9,
            case("late", 50),
            None,
            mib=None,
            reason="the worker's exit was not seen",
            notes=("the engine answered late",),
        ),
        run(
            10,
            case(HOSTILE, 50),
            Ending.KILLED_FROM_OUTSIDE,
            mib=77.7,
            upper_mib=80,
            seconds=131.0,
            stderr=HOSTILE,
            notes=("the engine answered late",),
        ),
        run(
            11,
            case("guarded", 200),
            Ending.REFUSED,
            mib=12.0,
            upper_mib=12.5,
            seconds=0.1,
        ),
        run(12, case("streaming", 200), mib=68.4, upper_mib=70, purpose=Purpose.CONFIRMATION),
    )
    return report(runs, _night_findings(runs))


def _night_findings(runs: Sequence[Run]) -> tuple[Finding, ...]:
    by_number = {one.number: one for one in runs}
    return (
        finding(
            Severity.FAILURE,
            f"{by_number[3].case.name}: ended oom_killed instead of completed: the kernel killed "
            "the main process for this sandbox's limit.",
            of=by_number[3],
            next_step="Stream the snapshot instead of parsing it whole, or raise the limit; if "
            "the kill is meant, state it in the scenario's `expect`.",
        ),
        finding(
            Severity.FAILURE,
            f"{by_number[7].case.name}: ended crashed instead of completed: the worker exited "
            "with 1.",
            of=by_number[7],
            next_step="The end of the worker's error stream is in the run's folder.",
        ),
        finding(
            Severity.FAILURE,
            f"{by_number[6].case.name}: the peak of 68.9 MiB is over the budget `peak` of 64MiB "
            "by 4.9 MiB.",
            of=by_number[6],
            budget=Subject.PEAK,
            next_step="Find what the worker keeps (its batches, lists, caches), or raise the "
            "budget if it needs the memory.",
        ),
        finding(
            Severity.FAILURE,
            "streaming · 512MiB: each byte of snapshot costs 0.2261 bytes of peak; the budget "
            "`per_input_byte` allows 0.02.",
            budget=Subject.PER_INPUT_BYTE,
            next_step="Something is kept for every record: look for lists, caches and batches "
            "that grow with the input.",
        ),
        finding(
            Severity.NO_VERDICT,
            f"{by_number[8].case.name}: the worker completed, but whether it kept below its limit "
            "is not known: it was seen at 489 MiB, and its processes were resident with up to "
            "530 MiB.",
            of=by_number[8],
            next_step="Run it in the docker or cgroup sandbox, where the kernel holds the limit.",
        ),
        finding(
            Severity.NO_VERDICT,
            f"{by_number[9].case.name}: no verdict: the worker's exit was not seen.",
            of=by_number[9],
        ),
        finding(
            Severity.NO_VERDICT,
            f"{by_number[10].case.name}: killed from outside: somebody else sent SIGKILL.",
            of=by_number[10],
        ),
        finding(
            Severity.NOTE,
            "streaming: there is no baseline yet, so growth was not judged.",
            budget=Subject.BASELINE,
            next_step="`oomproof baseline accept` makes this report the baseline.",
        ),
    )


@pytest.fixture
def passing() -> Report:
    """Return a report of which everything is as asked, an expected kill included."""
    return report(
        (
            run(1, case("full-parse", 200), Ending.OOM_KILLED, mib=511.4, upper_mib=512),
            run(2, case("streaming", 200), mib=48.0, upper_mib=52.5),
        )
    )


@pytest.fixture
def empty() -> Report:
    """Return a report without a run."""
    return report(())


@pytest.fixture
def many_runs() -> Callable[[int], Report]:
    """Return reports of so many runs of a worker that differ in one setting."""
    return lambda count: report(
        [
            run(number, case("streaming", (5, 50, 200)[number % 3], batch=number), mib=20 + number)
            for number in range(1, count + 1)
        ]
    )


Timelines = Mapping[int, Sequence[Sample]]


@pytest.fixture
def timelines_of() -> Callable[[Report], Timelines]:
    """Return a timeline for each run of a report that has a peak: a growing sawtooth."""
    return lambda of: {
        one.number: _timeline(one.peak_bytes, one.wall_seconds)
        for one in of.runs
        if one.peak_bytes is not None
    }


def _timeline(peak_bytes: int, seconds: float) -> list[Sample]:
    steps = max(3, min(2000, int(seconds * 100)))
    samples = []
    for step in range(steps + 1):
        grown = 1 - math.exp(-4 * step / steps)
        tooth = 0.06 * (step % 7) / 7 if step < steps else 0.0
        anon_bytes = int(peak_bytes * min(1.0, grown / (1 - math.exp(-4)) * (1 - tooth)))
        samples.append(Sample(at_s=seconds * step / steps, anon_bytes=anon_bytes))
    return samples
