"""What runs, endings and verdicts are called, the same in every report for people."""

import enum
import math
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.spread import Repeats
from harness.core.units import format_bytes
from harness.core.verdict import Verdict
from harness.reporters.plain import one_line

_MIB: Final = 2**20
ENDINGS: Final = {
    Ending.COMPLETED: "completed",
    Ending.OOM_KILLED: "OOM-killed",
    Ending.KILLED_FROM_OUTSIDE: "killed from outside",
    Ending.HEAP_EXHAUSTED: "heap exhausted",
    Ending.MEMORY_ERROR: "MemoryError",
    Ending.REFUSED: "refused",
    Ending.CRASHED: "crashed",
    Ending.TIMED_OUT: "timed out",
    None: "no ending",
}
VERDICTS: Final = {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL", Verdict.NONE: "NO VERDICT"}
GROUPS: Final = {
    Severity.FAILURE: "Failures",
    Severity.NO_VERDICT: "Not decided",
    Severity.NOTE: "Notes",
}


PROFILED: Final = (
    "once more with a heap profiler, in most of the machine's memory; no part of the verdict"
)


class Standing(enum.Enum):
    """How a run stands before what the scenario asks of it."""

    AS_ASKED = enum.auto()
    FAILED = enum.auto()
    UNDECIDED = enum.auto()


def standing_of(run: Run, findings: Iterable[Finding]) -> Standing:
    """Return how a run stands; a failure is certain whatever else is unknown."""
    severities = {finding.severity for finding in findings if finding.run == run.number}
    if Severity.FAILURE in severities:
        return Standing.FAILED
    if Severity.NO_VERDICT in severities or run.ending is None:
        return Standing.UNDECIDED
    return Standing.AS_ASKED


def is_expected(run: Run, findings: Iterable[Finding]) -> bool | None:
    """Whether a run ended as expected; None where nothing is expected or nothing can be said."""
    if run.ending is None or run.purpose is not Purpose.VERDICT:
        return None
    severities = {
        finding.severity
        for finding in findings
        if finding.run == run.number and finding.budget is Subject.EXPECT
    }
    if Severity.FAILURE in severities:
        return False
    return None if Severity.NO_VERDICT in severities else True


def describe_ending(run: Run, findings: Iterable[Finding], *, short: bool = False) -> str:
    """Return how a run ended and whether that was expected: ``OOM-killed, expected``.

    `short` leaves ``unexpected`` to the mark beside it.
    """
    ending = ENDINGS[run.ending]
    expected = is_expected(run, findings)
    if expected is None or (expected and run.completed):
        return ending
    if expected:
        return f"{ending}, expected"
    return ending if short else f"{ending}, unexpected"


def describe_peak(run: Run) -> str:
    """Return the peak in MiB: ``≥ 511.8`` is a lower bound, ``~98.4`` is approximate."""
    if run.peak_bytes is None:
        return "unknown"
    bound = "≥ " if run.peak_is_lower_bound else ""
    about = "~" if run.approximate else ""
    return f"{bound}{about}{run.peak_bytes / _MIB:,.1f}"


def limit_bytes_of(run: Run) -> int | None:
    """Return the limit that a peak is shown against; a profiled pass is held against none."""
    return None if run.purpose is Purpose.PROFILE else run.case.memory_limit_bytes


def describe_limit(run: Run) -> str:
    """Return the limit in MiB, ``none``, or ``-`` of a profiled pass."""
    return "-" if run.purpose is Purpose.PROFILE else describe_enforced(run)


def describe_enforced(run: Run) -> str:
    """Return the limit that the sandbox held in MiB, or ``none``."""
    limit_bytes = run.case.memory_limit_bytes
    if limit_bytes is None:
        return "none"
    return f"{limit_bytes / _MIB:,.{1 if limit_bytes % _MIB else 0}f}"


def describe_share(run: Run) -> str:
    """Return the peak as a percentage of the limit, or nothing where one of them is not known."""
    limit_bytes = limit_bytes_of(run)
    if run.peak_bytes is None or not limit_bytes:
        return ""
    # Rounded down, so that 100% is said of no worker that was below its limit.
    return f"{run.peak_bytes * 100 // limit_bytes}%"


def describe_workers(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return a name for each run's worker: only those of its settings that vary, and its repeat."""
    return tuple(f"{name}{describe_pass(run)}" for run, name in _variants(runs))


def describe_variants(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return a name for each run's worker: only those of its settings that vary."""
    return tuple(name for _, name in _variants(runs))


def _variants(runs: Sequence[Run]) -> Iterable[tuple[Run, str]]:
    values: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for key, value in run.case.settings.items():
            values.setdefault((run.case.worker, key), set()).add(repr(value))
    for run in runs:
        pairs = ", ".join(
            f"{key}={value}"
            for key, value in sorted(run.case.settings.items())
            if len(values[run.case.worker, key]) > 1
        )
        yield run, one_line(f"{run.case.worker}[{pairs}]" if pairs else run.case.worker)


def describe_pass(run: Run) -> str:
    """Return which repeat of its case a run is, after a comma; nothing for the first."""
    repeat = f", repeat {run.repeat}" if run.repeat > 1 else ""
    match run.purpose:
        case Purpose.VERDICT:
            return repeat
        case Purpose.CONFIRMATION:
            return f"{repeat}, confirming"
        case Purpose.CEILING:
            return f"{repeat}, under the ceiling"
        case Purpose.AUTOPSY:
            return f"{repeat}, autopsy"
        case Purpose.PROFILE:
            return f"{repeat}, profiled"
        case _ as never:
            assert_never(never)


def describe_conditions(conditions: Conditions) -> tuple[str, ...]:
    """Return what a reader must know of the machine and the sandbox, in a few words each."""
    image = f" (image {conditions.image})" if conditions.image else ""
    known = (
        f"{conditions.sandbox} sandbox{image}",
        conditions.engine,
        f"cgroup {conditions.cgroup}" if conditions.cgroup else "",
        f"kernel {conditions.kernel}" if conditions.kernel else "",
        conditions.architecture,
        _count(conditions.processors, "processor") if conditions.processors else "",
        f"{format_bytes(conditions.memory_bytes)} of memory" if conditions.memory_bytes else "",
        f"Python {conditions.python}" if conditions.python else "",
    )
    return tuple(one_line(words) for words in known if words)


def sentence_of(report: Report) -> str:
    """Return the verdict's reason in one sentence."""
    failures = sum(finding.severity is Severity.FAILURE for finding in report.findings)
    open_ = sum(finding.severity is Severity.NO_VERDICT for finding in report.findings)
    judged = [run for run in report.runs if run.purpose is not Purpose.PROFILE]
    runs = _count(len(judged), "run")
    match report.verdict:
        case Verdict.PASS:
            said = (
                f"{runs} ended as expected and within budget" if report.runs else "nothing was run"
            )
        case Verdict.FAIL:
            said = f"{_count(failures, 'failure')} in {runs}"
            said += f", and {_count(open_, 'thing')} could not be decided" if open_ else ""
        case Verdict.NONE:
            undecided = _count(open_, "thing") if open_ else "the verdict"
            said = f"{undecided} could not be decided; nothing failed in {runs}"
        case _ as never:
            assert_never(never)
    if not report.finished:
        said += f" (stopped early: {len(_planned(report.runs))} of {report.planned_runs} runs made)"
    return f"{said}."


def _planned(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs that the plan counts, which are those that confirm nothing."""
    return tuple(run for run in runs if run.purpose is Purpose.VERDICT)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_spread(repeats: Repeats) -> str:
    """Return of how many runs a median is, and how far they lie apart."""
    runs = _count(repeats.count, "run")
    if repeats.count == 1:
        return f"{runs}, which shows no spread"
    if not repeats.freedom:
        return f"{runs}, whose spread was not kept"
    least_bytes, most_bytes = min(repeats.values_bytes), max(repeats.values_bytes)
    deviation_bytes = round(math.sqrt(repeats.squares / repeats.freedom))
    return (
        f"{runs} of {format_bytes(least_bytes)} to {format_bytes(most_bytes)}, standard deviation "
        f"{format_bytes(deviation_bytes)} ({deviation_bytes / max(1, repeats.median_bytes):.2%})"
    )


def notes_of(runs: Sequence[Run]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return each note on the runs once, with the numbers of the runs that it is on."""
    numbers: dict[str, list[int]] = {}
    for run in runs:
        for note in run.notes:
            numbers.setdefault(one_line(note), []).append(run.number)
    return tuple((note, tuple(on)) for note, on in numbers.items())


def list_runs(numbers: Sequence[int]) -> str:
    """Return ``run 3`` or ``runs 1-4, 7`` for ascending numbers of runs."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    texts = [f"{first}-{last}" if last > first else f"{first}" for first, last in spans]
    return f"{'run' if len(numbers) == 1 else 'runs'} {', '.join(texts)}"
