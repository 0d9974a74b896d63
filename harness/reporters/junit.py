"""`junit.xml`: the report for CI systems that show tests; each run is one, with its numbers.

It keeps to the schema that Jenkins publishes, which knows properties of suites and none of cases.
So each run is in a suite of its own, whose properties are its numbers.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from junitparser import Error, Failure, JUnitXml
from junitparser.xunit2 import TestCase, TestSuite

from harness.core.finding import Finding, Severity
from harness.core.report import Report
from harness.core.run import Run
from harness.reporters.laws import growth_properties, law_properties
from harness.reporters.plain import last_lines, one_line
from harness.reporters.words import (
    describe_conditions,
    describe_pass,
    is_expected,
    sentence_of,
)

_STDERR_LINES: Final = 100
BUDGETS: Final = "budgets"


def render_junit(report: Report) -> bytes:
    """Return the report as JUnit XML in UTF-8: a suite for the scenario, and one for each run.

    Each run is the one case of its suite. Findings on no run, such as a scaling law's, are on a
    case of the scenario's suite, ``budgets``. A case has at most one ``failure`` or ``error``, with
    all its findings, because readers look at the first.
    """
    suites = [_report_suite(report), *(_run_suite(run, report) for run in report.runs)]
    document = JUnitXml("oomproof")
    for suite in suites:
        suite.update_statistics()  # type: ignore[no-untyped-call]
        document.add_testsuite(suite)
    # Not by its own method, which also counts what was skipped: the schema has no such attribute.
    document.tests = sum(suite.tests for suite in suites)
    document.failures = sum(suite.failures for suite in suites)
    document.errors = sum(suite.errors for suite in suites)
    document.time = round(sum(suite.time for suite in suites), 3)
    text = document.tostring()  # type: ignore[no-untyped-call]
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + bytes(text) + b"\n"


def _report_suite(report: Report) -> TestSuite:
    scenario = one_line(report.scenario)
    suite = _suite(scenario, _report_properties(report))
    suite.timestamp = one_line(report.started_at)
    numbers = {run.number for run in report.runs}
    rest = [finding for finding in report.findings if finding.run not in numbers]
    if rest:
        case = TestCase(BUDGETS, scenario, 0.0)
        _add_findings(case, rest)
        suite.add_testcase(case)
    return suite


def _run_suite(run: Run, report: Report) -> TestSuite:
    """Return the suite of a run; its name is its own, for some readers join suites of one name."""
    case = _case_of(run, report)
    suite = _suite(f"{one_line(report.scenario)}: {case.name}", _properties(run, report))
    suite.add_testcase(case)
    return suite


def _suite(name: str, properties: Iterable[tuple[str, str]]) -> TestSuite:
    suite = TestSuite(name)  # type: ignore[no-untyped-call]
    for key, value in properties:
        suite.add_property(one_line(key), one_line(value))
    return suite


def _report_properties(report: Report) -> Iterator[tuple[str, str]]:
    yield "verdict", report.verdict
    yield "reason", sentence_of(report)
    yield "oomproof", report.oomproof
    yield "finished", _flag(report.finished)
    yield "conditions", ", ".join(describe_conditions(report.conditions))
    yield from law_properties(report.laws)
    yield from growth_properties(report.growth)


def _case_of(run: Run, report: Report) -> TestCase:
    name = one_line(f"{run.case.name}{describe_pass(run)}")
    classname = one_line(f"{report.scenario}.{run.case.worker}")
    case = TestCase(name, classname, round(run.wall_seconds, 3))
    _add_findings(
        case, [finding for finding in report.findings if finding.run == run.number], run.notes
    )
    stderr = last_lines(run.output.stderr_tail, lines=_STDERR_LINES)
    if stderr:
        case.system_err = "\n".join(stderr)
    return case


def _add_findings(case: TestCase, findings: list[Finding], notes: tuple[str, ...] = ()) -> None:
    failures = [found for found in findings if found.severity is Severity.FAILURE]
    undecided = [found for found in findings if found.severity is Severity.NO_VERDICT]
    noted = [_text(found) for found in findings if found.severity is Severity.NOTE]
    judged = [*failures, *undecided]
    if judged:
        first = judged[0]
        more = f" (and {len(judged) - 1} more)" if len(judged) > 1 else ""
        kind = Failure if failures else Error
        result = kind(one_line(first.message) + more, first.budget)
        result.text = "\n\n".join(_text(finding) for finding in judged)
        case.result = [result]
    if noted or notes:
        case.system_out = "\n\n".join((*noted, *(one_line(note) for note in notes)))


def _text(finding: Finding) -> str:
    message, step = one_line(finding.message), one_line(finding.next_step)
    return f"{message}\n{step}" if step else message


def _properties(run: Run, report: Report) -> Iterator[tuple[str, str]]:
    """Yield what is known of a run; what is not known has no property."""
    numbers = {
        "memory_limit_bytes": run.case.memory_limit_bytes,
        "peak_bytes": run.peak_bytes,
        "peak_upper_bytes": run.peak_upper_bytes,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "oom_kills": run.oom_kills,
        "sample_count": run.sample_count,
        "snapshot_bytes": run.case.input_bytes,
        "run": run.number,
        "repeat": run.repeat,
    }
    yield from ((name, str(number)) for name, number in numbers.items() if number is not None)
    if run.peaks is not None:
        for part in run.peaks.__struct_fields__:
            yield part, str(getattr(run.peaks, part))
    yield "wall_seconds", f"{run.wall_seconds:.3f}"
    yield "peak_is_lower_bound", _flag(run.peak_is_lower_bound)
    yield "approximate", _flag(run.approximate)
    expected = is_expected(run, report.findings)
    if expected is not None:
        yield "ending_expected", _flag(expected)
    yield "ending", run.ending or "none"
    yield "reason", run.reason
    yield "purpose", run.purpose
    yield "sandbox", run.sandbox
    if run.killed is not None:
        yield "killed", run.killed
    yield "snapshot", run.case.snapshot_label
    yield "snapshot_sha256", " ".join(snapshot.sha256 for snapshot in run.case.snapshots)
    yield from ((f"setting.{key}", str(value)) for key, value in run.case.settings.items())
    yield from ((f"limit.{name}", value) for name, value in run.limits.items())


def _flag(value: bool) -> str:
    return "true" if value else "false"
