import msgspec

from harness.core.ending import Ending
from harness.core.report import Report
from harness.core.verdict import Verdict
from harness.reporters.words import (
    ENDINGS,
    Standing,
    describe_share,
    is_expected,
    list_runs,
    sentence_of,
    standing_of,
)


def test_every_ending_has_a_name() -> None:
    assert ENDINGS.keys() == {*Ending, None}


def test_how_runs_stand(night: Report) -> None:
    standings = {run.number: standing_of(run, night.findings) for run in night.runs}
    assert {n for n, s in standings.items() if s is Standing.FAILED} == {3, 6, 7}
    assert {n for n, s in standings.items() if s is Standing.UNDECIDED} == {8, 9, 10}


def test_an_ending_over_budget_is_still_expected(night: Report) -> None:
    expected = {run.number: is_expected(run, night.findings) for run in night.runs}
    assert expected[6] is True
    assert expected[3] is False
    assert expected[9] is None
    assert expected[12] is None


def test_runs_are_listed_in_spans() -> None:
    assert list_runs((3,)) == "run 3"
    assert list_runs((1, 2, 3, 7)) == "runs 1-3, 7"


def test_a_share_is_never_rounded_up(night: Report) -> None:
    run = msgspec.structs.replace(night.runs[0], peak_bytes=512 * 2**20 - 1)
    assert describe_share(run) == "99%"


def test_the_verdict_in_one_sentence(night: Report, empty: Report) -> None:
    assert sentence_of(night) == "4 failures in 12 runs, and 3 things could not be decided."
    none = msgspec.structs.replace(night, verdict=Verdict.NONE, findings=night.findings[4:5])
    assert sentence_of(none) == "1 thing could not be decided; nothing failed in 12 runs."
    assert sentence_of(empty) == "nothing was run."
