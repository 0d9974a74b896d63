from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.finding import Finding, Severity, Subject
from harness.core.verdict import Verdict, verdict_of

FAILURE, NO_VERDICT, NOTE = Severity


def findings(severities: Sequence[Severity]) -> list[Finding]:
    return [Finding(budget=Subject.PEAK, worker="w", message="", severity=s) for s in severities]


@pytest.mark.parametrize(
    ("severities", "verdict", "exit_code"),
    [
        ([], Verdict.PASS, 0),
        ([NOTE], Verdict.PASS, 0),
        ([NO_VERDICT], Verdict.NONE, 3),
        ([NOTE, NO_VERDICT], Verdict.NONE, 3),
        ([FAILURE], Verdict.FAIL, 1),
        ([NO_VERDICT, FAILURE], Verdict.FAIL, 1),
        ([FAILURE, NO_VERDICT, NOTE], Verdict.FAIL, 1),
    ],
)
def test_a_failure_is_certain_whatever_else_is_unknown(
    severities: list[Severity], verdict: Verdict, exit_code: int
) -> None:
    assert verdict_of(findings(severities)) is verdict
    assert verdict.exit_code == exit_code


@given(st.lists(st.sampled_from(Severity)), st.randoms())
def test_the_order_of_findings_does_not_matter(severities: list[Severity], random: object) -> None:
    before = verdict_of(findings(severities))
    random.shuffle(severities)  # type: ignore[attr-defined]
    assert verdict_of(findings(severities)) is before
