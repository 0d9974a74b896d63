from pathlib import Path
from typing import Final

import msgspec
import pytest
from junitparser import Error, Failure, JUnitXml, TestSuite
from junitparser.xunit2 import TestCase as Case
from xmlschema import XMLSchema10, XMLSchemaValidationError

from harness.core.report import Report
from harness.core.run import Output
from harness.reporters.junit import BUDGETS, render_junit

JENKINS: Final = Path(__file__).parents[2] / "schemas" / "junit-10.xsd"


@pytest.fixture(scope="module")
def jenkins() -> XMLSchema10:
    return XMLSchema10(JENKINS)


def _suites(report: Report) -> tuple[TestSuite, list[TestSuite]]:
    """Return the suite of the scenario, and those of its runs."""
    first, *rest = JUnitXml.fromstring(render_junit(report))
    return first, rest


def _cases_of(suite: TestSuite) -> list[Case]:
    return [Case.fromelem(case) for case in suite]  # type: ignore[no-untyped-call]


def _cases(report: Report) -> list[Case]:
    """Return the cases of the runs, of which each suite has one."""
    cases = []
    for suite in _suites(report)[1]:
        (case,) = _cases_of(suite)
        cases.append(case)
    return cases


def _properties(suite: TestSuite) -> dict[str, str]:
    return {one.name: one.value for one in suite.properties()}  # type: ignore[no-untyped-call]


def test_it_keeps_to_the_schema_of_jenkins(
    night: Report, passing: Report, empty: Report, jenkins: XMLSchema10
) -> None:
    nasty = msgspec.structs.replace(night.runs[0], output=Output(stderr_tail="\x1b]]>\udcff\x85"))
    odd = msgspec.structs.replace(night, runs=(nasty,), scenario="<a>\x00")
    for report in (night, passing, empty, odd):
        jenkins.validate(render_junit(report).decode())
    with pytest.raises(XMLSchemaValidationError, match="properties"):
        jenkins.validate(
            '<testsuite name="a" tests="1" failures="0" errors="0">'
            '<testcase name="a"><properties/></testcase></testsuite>'
        )


def test_a_suite_for_the_scenario_and_one_for_each_run(night: Report) -> None:
    document = JUnitXml.fromstring(render_junit(night))
    suite, of_runs = _suites(night)
    assert suite.name == "hero-snapshots"
    assert suite.timestamp == night.started_at
    assert _properties(suite)["verdict"] == "fail"
    assert (document.tests, document.failures, document.errors) == (13, 4, 3)
    assert len({one.name for one in of_runs}) == len(night.runs)
    assert of_runs[0].name == f"hero-snapshots: {night.runs[0].case.name}"
    cases = _cases(night)
    assert [case.name for case in cases[:3]] == [run.case.name for run in night.runs[:3]]
    assert cases[0].classname == "hero-snapshots.full-parse"
    assert cases[0].time == 0.31


def test_passing_cases_have_their_numbers_too(passing: Report) -> None:
    assert all(case.is_passed for case in _cases(passing))
    killed, streaming = _suites(passing)[1]
    run = passing.runs[1]
    properties = _properties(streaming)
    assert run.peaks is not None
    for name in ("peak_bytes", "peak_upper_bytes"):
        assert properties[name] == str(getattr(run, name))
    for name in ("anon_bytes", "kernel_bytes", "shmem_bytes", "file_bytes", "rss_bytes"):
        assert properties[name] == str(getattr(run.peaks, name))
    assert properties["memory_limit_bytes"] == str(512 * 2**20)
    assert properties["wall_seconds"] == "1.000"
    assert properties["ending"] == "completed"
    assert properties["sandbox"] == "docker"
    assert properties["snapshot_sha256"] == run.case.snapshot.sha256
    assert properties["limit.memory.max"] == str(512 * 2**20)
    assert _properties(killed)["ending"] == "oom_killed"
    assert _properties(killed)["ending_expected"] == "true"


def test_a_failing_case_has_its_numbers_reason_and_next_step(night: Report) -> None:
    case = _cases(night)[2]
    (result,) = case.result
    assert isinstance(result, Failure)
    assert result.type == "expect"
    assert "ended oom_killed instead of completed" in (result.message or "")
    assert "Stream the snapshot" in result.text
    properties = _properties(_suites(night)[1][2])
    assert properties["ending_expected"] == "false"
    assert properties["peak_is_lower_bound"] == "true"
    assert properties["setting.batch"] == "100"


def test_what_is_not_decided_is_an_error(night: Report) -> None:
    case = _cases(night)[8]
    (result,) = case.result
    assert isinstance(result, Error)
    properties = _properties(_suites(night)[1][8])
    assert properties["ending"] == "none"
    assert "peak_bytes" not in properties


def test_findings_on_no_run_have_a_case_of_their_own(night: Report, passing: Report) -> None:
    (case,) = _cases_of(_suites(night)[0])
    assert case.name == BUDGETS
    assert case.is_failure
    assert "each byte of snapshot" in case.result[0].text
    assert "no baseline yet" in case.system_out
    assert not _cases_of(_suites(passing)[0])


def test_several_findings_on_a_run_are_one_result(night: Report) -> None:
    doubled = (*night.findings, msgspec.structs.replace(night.findings[0], message="And this."))
    (result,) = _cases(msgspec.structs.replace(night, findings=doubled))[2].result
    assert (result.message or "").endswith("(and 1 more)")
    assert "And this." in result.text


def test_repeats_and_confirming_runs_have_names_of_their_own(night: Report) -> None:
    assert (_cases(night)[11].name or "").endswith(", confirming")
    runs = (night.runs[0], msgspec.structs.replace(night.runs[0], number=2, repeat=2))
    first, second = _cases(msgspec.structs.replace(night, runs=runs, findings=()))
    assert second.name == f"{first.name}, repeat 2"


def test_hostile_text_makes_no_broken_document(night: Report) -> None:
    case = _cases(night)[9]
    assert "<script>" in (case.name or "")
    assert "\x1b" not in (case.name or "")
    nasty = "".join(map(chr, range(32))) + "]]>\udcff\ufffe\x85" + "x" * 100_000
    run = msgspec.structs.replace(night.runs[0], output=Output(stderr_tail=nasty))
    data = render_junit(msgspec.structs.replace(night, runs=(run,), scenario=nasty, findings=()))
    _, (parsed,) = JUnitXml.fromstring(data)
    assert 0 < len(parsed.system_err) <= 8_000
