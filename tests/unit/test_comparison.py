"""Two sides held against each other."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.case import Case, Snapshot
from harness.core.comparison import (
    CaseComparison,
    Comparison,
    Outcome,
    Side,
    compare,
    side_of_baseline,
    side_of_report,
)
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.report import Report
from harness.core.run import Purpose, Run

MIB = 2**20
CONDITIONS = Conditions(
    sandbox="cgroup", python="3.13.1", kernel="6.1", packages={"orjson": "3.10"}
)
Runs = Callable[..., Run]
Cases = Callable[..., Case]
Sides = Callable[..., Side]


@pytest.fixture
def side(make_report: Callable[..., Report]) -> Sides:
    """Return what makes a side of a report with these runs."""

    def make(*runs: Run, source: str = "old", **changes: object) -> Side:
        report = make_report(*runs, **{"conditions": CONDITIONS, **changes})
        return side_of_report(report, source=source)

    return make


def only(old: Side, new: Side) -> CaseComparison:
    (comparison,) = compare((old,), (new,))
    (case,) = comparison.cases
    return case


@pytest.mark.parametrize(
    ("old_mib", "new_mib", "outcome"),
    [
        ((200, 201, 200), (200, 200, 201), Outcome.SAME),
        ((200, 201, 200), (206, 207, 206), Outcome.GROWN),
        ((206, 207, 206), (200, 201, 200), Outcome.SHRUNK),
        ((200, 205, 195), (206, 211, 201), Outcome.OPEN),
        ((206, 211, 201), (200, 205, 195), Outcome.OPEN),
        ((200,), (200,), Outcome.SAME),
        ((200,), (203,), Outcome.OPEN),
        ((200,), (240,), Outcome.OPEN),
        ((200,), (280,), Outcome.GROWN),
    ],
)
def test_a_case_changed_or_did_not_or_cannot_be_told(
    old_mib: tuple[int, ...],
    new_mib: tuple[int, ...],
    outcome: Outcome,
    make_run: Runs,
    side: Sides,
) -> None:
    old, new = (
        side(*(make_run(n, peak_mib=mib, upper_mib=mib) for n, mib in enumerate(peaks, start=1)))
        for peaks in (old_mib, new_mib)
    )
    found = only(old, new)
    assert found.outcome is outcome
    assert found.lower is not None
    assert found.lower.by_bytes == found.lower.new_bytes - found.lower.old_bytes
    assert found.lower.margin_bytes > 0
    assert (found.old_runs, found.new_runs) == (len(old_mib), len(new_mib))
    assert found.confidence is not None
    assert (found.confidence >= 0.999) == (outcome in {Outcome.GROWN, Outcome.SHRUNK})
    assert (found.repeats is not None) == (outcome is Outcome.OPEN)


def test_more_of_the_new_runs_are_advised_whichever_way_it_went(
    make_run: Runs, side: Sides
) -> None:
    for new_mib in ((201, 204), (199, 196)):
        old = side(*(make_run(n, peak_mib=200, upper_mib=None) for n in range(1, 8)))
        new = side(
            *(make_run(n, peak_mib=mib, upper_mib=None) for n, mib in enumerate(new_mib, start=1))
        )
        found = only(old, new)
        assert found.outcome is Outcome.OPEN
        assert (found.repeats, found.old_repeats) == (16, 7)


def test_what_spreads_too_much_is_not_promised_a_number(make_run: Runs, side: Sides) -> None:
    old = side(*(make_run(n, peak_mib=200 + 20 * n) for n in range(3)))
    new = side(*(make_run(n, peak_mib=206 + 20 * n) for n in range(3)))
    found = only(old, new)
    assert (found.outcome, found.repeats) == (Outcome.SAME, None), "the counters show none"
    old, new = (
        side(*(make_run(n, peak_mib=mib + 20 * n, upper_mib=None) for n in range(3)))
        for mib in (200, 206)
    )
    assert (only(old, new).outcome, only(old, new).repeats) == (Outcome.OPEN, None)


def test_new_and_gone_cases(make_run: Runs, make_case: Cases, side: Sides) -> None:
    small, large = (make_run(case=make_case(megabytes=n)) for n in (5, 50))
    assert only(side(), side(small)).outcome is Outcome.NEW
    assert only(side(small), side()).outcome is Outcome.GONE
    (comparison,) = compare((side(small),), (side(large),))
    assert {case.outcome for case in comparison.cases} == {Outcome.NEW, Outcome.GONE}


def test_a_case_that_no_longer_completes_is_told(make_run: Runs, side: Sides) -> None:
    found = only(side(make_run()), side(make_run(ending=Ending.OOM_KILLED)))
    assert found.outcome is Outcome.NOT_COMPARABLE
    assert found.reason == "now, 1 of 1 runs ended oom_killed"
    assert (found.old_bytes, found.new_bytes) == (40 * MIB, None)
    some = side(make_run(1), make_run(2, ending=Ending.CRASHED), make_run(3, peak_mib=None))
    found = only(side(make_run()), some)
    assert found.outcome is Outcome.SAME
    assert "1 of 3 runs ended crashed" in found.reason
    assert "1 of 3 runs completed without one sample" in found.reason
    new = only(side(), side(make_run(ending=None, peak_mib=None)))
    assert (new.outcome, new.reason) == (Outcome.NEW, "now, 1 of 1 runs had no ending")


def test_confirmations_and_profiles_are_not_compared(make_run: Runs, side: Sides) -> None:
    more = [
        make_run(n, purpose=purpose, ending=Ending.OOM_KILLED)
        for n, purpose in enumerate((Purpose.CONFIRMATION, Purpose.PROFILE), start=2)
    ]
    assert only(side(make_run()), side(make_run(), *more)).reason == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sandbox": "docker"}, "the sandbox was cgroup and is docker"),
        ({"python": "3.14.0"}, "the Python was 3.13.1 and is 3.14.0"),
        ({"packages": {"orjson": "3.11"}}, "orjson was 3.10 and is 3.11"),
    ],
)
def test_other_conditions_are_not_comparable_and_named(
    changes: dict[str, object], words: str, make_run: Runs, side: Sides
) -> None:
    other = msgspec.structs.replace(CONDITIONS, **changes)
    (comparison,) = compare((side(make_run()),), (side(make_run(peak_mib=90), conditions=other),))
    assert words in comparison.differences
    assert comparison.cases[0].outcome is Outcome.NOT_COMPARABLE
    assert comparison.cases[0].lower is None
    assert comparison.cases[0].new_bytes == 90 * MIB


def test_another_kernel_is_compared_and_told(make_run: Runs, side: Sides) -> None:
    other = msgspec.structs.replace(CONDITIONS, kernel="6.18", processors=8)
    (comparison,) = compare((side(make_run()),), (side(make_run(), conditions=other),))
    assert comparison.differences == ()
    assert comparison.cases[0].outcome is Outcome.SAME
    assert "the kernel was 6.1 and is 6.18" in comparison.notes[0]
    assert "the number of processors was unknown and is 8" in comparison.notes[1]


def test_another_snapshot_of_the_same_name_is_not_comparable(
    make_run: Runs, make_case: Cases, make_snapshot: Callable[..., Snapshot], side: Sides
) -> None:
    case = make_case(snapshot=make_snapshot(5, sha256="f" * 64))
    found = only(side(make_run()), side(make_run(case=case)))
    assert (found.outcome, found.reason) == (
        Outcome.NOT_COMPARABLE,
        "another snapshot of this name",
    )


def test_a_report_against_its_own_baseline_of_the_first_schema(make_run: Runs, side: Sides) -> None:
    report = side(make_run())
    entry = msgspec.structs.replace(report.baseline.entries[0], peaks_bytes=(), caches_bytes=())
    first = msgspec.structs.replace(report.baseline, schema=1, entries=(entry,))
    (comparison,) = compare((side_of_baseline(first, source="a.json"),), (report,))
    assert comparison.cases[0].outcome is Outcome.SAME
    assert "a.json is of schema 1" in comparison.notes[0]


def names(comparisons: tuple[Comparison, ...]) -> list[tuple[str, str, str]]:
    return [(one.scenario, one.old, one.new) for one in comparisons]


def test_scenarios_are_held_against_those_of_their_name(make_run: Runs, side: Sides) -> None:
    olds = [side(make_run(), scenario=name, source=f"old {name}") for name in ("a", "b")]
    news = [side(make_run(), scenario=name, source=f"new {name}") for name in ("b", "c")]
    assert names(compare(olds, news)) == [
        ("a", "old a", ""),
        ("b", "old b", "new b"),
        ("c", "", "new c"),
    ]
    (alone,) = compare(olds[:1], news[:1])
    assert (alone.scenario, alone.notes) == ("b", ("the scenario was a and is b",))


def test_an_unfinished_report_is_told(make_run: Runs, side: Sides) -> None:
    unfinished = msgspec.structs.replace(
        side(make_run(), source="killed"), unfinished="1 of 5 runs"
    )
    (comparison,) = compare((side(make_run()),), (unfinished,))
    assert comparison.notes == ("killed is not finished: it has 1 of 5 runs",)
