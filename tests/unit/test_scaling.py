"""The law of a worker's peak, and the largest snapshot that fits a limit."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.case import Case
from harness.core.ending import Ending
from harness.core.fit import Line, Shape
from harness.core.largest import LargestSnapshot, largest_on_line
from harness.core.quantity import Limit, parse_limit
from harness.core.run import Purpose, Run
from harness.core.scaling import ScalingLaw, probes, scaling_laws

Runs = Callable[..., Run]
Cases = Callable[..., Case]
Make = Callable[..., Run]
MIB = 2**20
LIMITS = (parse_limit("512MiB"),)


@pytest.fixture
def measured(make_run: Runs, make_case: Cases) -> Make:
    """Return runs by the size in MB and the peak in MiB; None is a kill at the limit."""

    def make(
        number: int,
        megabytes: int,
        peak_mib: float | None,
        *,
        limit_mib: int = 512,
        settings: dict[str, str] | None = None,
        **changes: object,
    ) -> Run:
        case = make_case("full-parse", megabytes=megabytes, limit_mib=limit_mib, settings=settings)
        died = peak_mib is None
        changes.setdefault("ending", Ending.OOM_KILLED if died else Ending.COMPLETED)
        seen_mib = 0.98 * limit_mib if peak_mib is None else peak_mib
        return make_run(number, case=case, sandbox="cgroup", peak_mib=seen_mib, **changes)

    return make


def law_of(runs: Sequence[Run], limits: Sequence[Limit] = LIMITS) -> ScalingLaw:
    (law,) = scaling_laws(runs, limits)
    return law


def test_a_line_says_what_fits(measured: Make) -> None:
    runs = [measured(n, mb, 10 + 9 * mb) for n, mb in enumerate((5, 20, 50), start=1)]
    law = law_of([*runs, measured(4, 200, None)])
    assert law.shape is Shape.LINEAR
    assert law.slope == pytest.approx(9 * MIB / 1e6)
    assert law.base_bytes == pytest.approx(10 * MIB, rel=1e-3)
    assert [point.input_bytes for point in law.points] == [5_000_000, 20_000_000, 50_000_000]
    assert [point.runs for point in law.points] == [(1,), (2,), (3,)]
    largest = law.largest_for(512 * MIB)
    assert largest is not None
    # 502 / 9 = 55.8 MB, less the noise of 0.1 % of the limit.
    assert largest.bytes == pytest.approx(55.72e6, rel=1e-3)
    assert largest.beyond == pytest.approx(1.114, abs=0.001)
    assert (largest.largest_completed_bytes, largest.smallest_killed_bytes) == (
        50 * 10**6,
        2 * 10**8,
    )
    assert law.largest_for(1) is None


def test_what_fits_is_less_by_what_the_line_is_off(measured: Make) -> None:
    peaks = {5: 55, 20: 190 * 1.03, 50: 460}
    law = law_of([measured(n, mb, peak) for n, (mb, peak) in enumerate(peaks.items(), start=1)])
    assert law.shape is Shape.LINEAR
    assert law.error is not None
    assert 0.01 < law.error < 0.03
    (largest,) = law.largest
    assert largest.bytes is not None
    assert law.base_bytes is not None
    assert law.slope is not None
    said = law.base_bytes + law.slope * largest.bytes
    assert said * (1 + law.error * largest.beyond) == pytest.approx(512 * MIB, rel=1e-3)


def test_the_farther_out_the_more_is_taken_off(measured: Make) -> None:
    # A curve that hides within what a line may miss, and would not beyond.
    peaks = {5: 52, 20: 172, 50: 422}
    law = law_of([measured(n, mb, peak) for n, (mb, peak) in enumerate(peaks.items(), start=1)])
    (largest,) = law.largest
    assert law.error is not None
    assert largest.bytes is not None
    assert largest.line_bytes is not None
    far = largest_on_line(
        LargestSnapshot(limit_label="2GiB", limit_bytes=2048 * MIB),
        Line(base=law.base_bytes or 0, slope=law.slope or 0),
        margin=law.error,
        sizes=(5_000_000, 50_000_000),
        is_flat=False,
    )
    assert far.bytes is not None
    assert far.line_bytes is not None
    near_share = 1 - largest.bytes / largest.line_bytes
    assert 1 - far.bytes / far.line_bytes > 3 * near_share


def test_so_far_below_that_nothing_is_left_there_is_no_number() -> None:
    found = largest_on_line(
        LargestSnapshot(limit_label="11MiB", limit_bytes=11 * MIB),
        Line(base=10 * MIB, slope=10 * MIB / 1e6),
        margin=0.04,
        sizes=(500_000, 50_000_000),
        is_flat=False,
    )
    assert found.bytes is None
    assert "too far below" in found.reason


def test_the_largest_peak_of_repeats_counts(measured: Make) -> None:
    runs = [measured(1, 5, 50), measured(2, 50, 400), measured(3, 5, 60, repeat=2)]
    law = law_of(runs)
    assert law.points[0].peak_bytes == 60 * MIB
    assert law.points[0].runs == (1, 3)


def test_two_sizes_check_nothing(measured: Make) -> None:
    law = law_of([measured(1, 5, 50), measured(2, 50, 400)])
    assert (law.shape, law.error, law.is_line) == (Shape.UNCHECKED, None, True)
    assert law.largest[0].bytes is not None


@pytest.mark.parametrize("runs", [(), ((5, 50),), ((5, 50), (5, 51)), ((5, None), (50, None))])
def test_fewer_sizes_are_no_law(runs: tuple[tuple[int, float | None], ...], measured: Make) -> None:
    made = [measured(n, mb, peak) for n, (mb, peak) in enumerate(runs, start=1)]
    laws = scaling_laws(made, LIMITS)
    assert all(law.shape is Shape.UNKNOWN and law.slope is None for law in laws)
    assert all(law.largest[0].bytes is None for law in laws)
    assert all("fewer than two sizes" in law.largest[0].reason for law in laws)


def test_a_kill_contradicts_a_line_that_says_it_fits(measured: Make) -> None:
    runs = [measured(n, mb, 10 + mb) for n, mb in enumerate((5, 20, 50), start=1)]
    law = law_of([*runs, measured(4, 200, None)])
    assert law.shape is Shape.NOT_LINEAR
    assert law.contradicted_by == (4,)
    (largest,) = law.largest
    assert largest.bytes is None
    assert largest.largest_completed_bytes == 50_000_000
    assert largest.smallest_killed_bytes == 200_000_000
    assert "follows no line" in largest.reason


def test_a_flat_worker_that_was_killed_is_not_flat(measured: Make) -> None:
    law = law_of([measured(1, 5, 25), measured(2, 50, 25), measured(3, 200, None)])
    assert (law.shape, law.is_flat, law.contradicted_by) == (Shape.NOT_LINEAR, False, (3,))


def test_what_ended_otherwise_contradicts_by_what_it_was_seen_with(measured: Make) -> None:
    runs = [measured(1, 5, 15), measured(2, 50, 60)]
    crashed = measured(3, 200, 150, ending=Ending.CRASHED)
    assert law_of([*runs, crashed]).contradicted_by == ()
    crashed = measured(3, 200, 250, ending=Ending.CRASHED)
    assert law_of([*runs, crashed]).contradicted_by == (3,)


@pytest.mark.parametrize("peaks", [(25, 25, 25), (25, 25, 25.4), (25.4, 25, 25), (40, 30, 20)])
def test_a_size_that_does_not_matter_has_no_largest(
    peaks: tuple[float, ...], measured: Make
) -> None:
    law = law_of([measured(n, 5 * 3**n, peak) for n, peak in enumerate(peaks, start=1)])
    assert law.largest[0].bytes is None
    if law.is_line:
        assert "does not matter within what was measured, 15 MB to 135 MB" in law.largest[0].reason


def test_far_beyond_what_was_measured_nothing_is_said(measured: Make) -> None:
    law = law_of([measured(1, 1, 10), measured(2, 2, 12), measured(3, 3, 14)])
    assert law.largest[0].bytes is None
    assert "more than 10 times beyond" in law.largest[0].reason


def test_a_base_over_the_limit_leaves_no_room(measured: Make) -> None:
    runs = [measured(n, mb, 600 + 9 * mb, limit_mib=4096) for n, mb in enumerate((5, 50), start=1)]
    (largest,) = law_of(runs).largest
    assert largest.bytes is None
    assert "before it has read anything" in largest.reason
    assert largest.smallest_killed_bytes == 5_000_000


def test_limits_that_agree_make_one_law(measured: Make) -> None:
    runs = [
        measured(1, 5, 50, limit_mib=256),
        measured(2, 50, None, limit_mib=256),
        measured(3, 5, 50.1),
        measured(4, 50, 400),
        measured(5, 5, None, limit_mib=32),
    ]
    law = law_of(runs, [parse_limit("256MiB"), parse_limit("512MiB"), parse_limit("unlimited")])
    assert set(law.limits) == {"256MiB", "512MiB", "32MiB"}
    assert law.shape is Shape.UNCHECKED
    assert [largest.limit_label for largest in law.largest] == ["256MiB", "512MiB"]
    assert law.largest[0].smallest_killed_bytes == 50_000_000
    assert law.largest[1].largest_completed_bytes == 50_000_000


def test_a_worker_that_sizes_itself_after_its_limit_has_a_law_for_each(measured: Make) -> None:
    runs = [
        measured(1, 5, 50, limit_mib=256),
        measured(2, 20, 150, limit_mib=256),
        measured(3, 5, 100),
        measured(4, 20, 300),
    ]
    laws = scaling_laws(runs, [parse_limit("256MiB"), parse_limit("512MiB")])
    assert [law.limits for law in laws] == [("256MiB",), ("512MiB",)]
    assert [[one.limit_label for one in law.largest] for law in laws] == [["256MiB"], ["512MiB"]]


def test_each_setting_has_its_own_law(measured: Make) -> None:
    runs = [measured(n, 5, 50, settings={"parser": name}) for n, name in enumerate("ab", start=1)]
    assert [law.variant for law in scaling_laws(runs, ())] == [
        "full-parse[parser=a]",
        "full-parse[parser=b]",
    ]


def test_several_snapshots_in_one_process_have_no_size(
    make_run: Runs, make_case: Cases, measured: Make
) -> None:
    case = make_case(more_snapshots=(measured(1, 50, 1).case.snapshot,))
    assert scaling_laws([make_run(1, case=case)], LIMITS) == ()


@pytest.mark.parametrize(
    ("below", "above", "confirmed"),
    [
        (Ending.COMPLETED, Ending.OOM_KILLED, True),
        (Ending.COMPLETED, Ending.MEMORY_ERROR, True),
        (Ending.COMPLETED, Ending.COMPLETED, False),
        (Ending.OOM_KILLED, Ending.OOM_KILLED, False),
        (Ending.OOM_KILLED, None, False),
        (Ending.CRASHED, Ending.OOM_KILLED, None),
        (Ending.COMPLETED, Ending.TIMED_OUT, None),
        (Ending.COMPLETED, None, None),
    ],
)
def test_confirming_runs_confirm(
    below: Ending, above: Ending | None, confirmed: bool | None, measured: Make
) -> None:
    runs = [measured(n, mb, 10 + 9 * mb) for n, mb in enumerate((5, 20, 50), start=1)]
    law = law_of(runs)
    assert law.largest[0].confirmed is None
    wanted = probes([law], runs)
    (largest,) = law.largest
    assert largest.bytes is not None
    assert largest.line_bytes is not None
    assert [probe.input_bytes for probe in wanted] == [
        largest.bytes * 97 // 100,
        largest.line_bytes * 103 // 100,
    ]
    assert largest.line_bytes == pytest.approx(502 / 9 * 1e6, rel=1e-3)
    confirming = [
        msgspec.structs.replace(
            runs[0],
            number=number,
            purpose=Purpose.CONFIRMATION,
            ending=ending,
            case=msgspec.structs.replace(
                probe.case,
                snapshot=msgspec.structs.replace(probe.case.snapshot, bytes=probe.input_bytes),
            ),
        )
        for number, (probe, ending) in enumerate(zip(wanted, (below, above), strict=True), start=9)
    ]
    again = law_of([*runs, *confirming])
    assert again.points == law.points, "what confirms a law is none of its points"
    assert again.largest[0].confirmed is confirmed
    assert again.largest[0].confirmation.startswith("at 97 % it ")
    assert law_of([*runs, confirming[0]]) == law


@given(
    facts=st.lists(
        st.tuples(st.integers(1, 10**15), st.integers(0, 2**45), st.sampled_from(Ending)),
        max_size=6,
    ),
    limit_bytes=st.integers(1, 2**45),
)
def test_any_runs_have_laws(
    facts: list[tuple[int, int, Ending]], limit_bytes: int, make_run: Runs, make_case: Cases
) -> None:
    runs = []
    for number, (size, peak_bytes, ending) in enumerate(facts, start=1):
        case = make_case()
        case = msgspec.structs.replace(
            case, snapshot=msgspec.structs.replace(case.snapshot, bytes=size)
        )
        runs.append(make_run(number, case=case, peak_mib=peak_bytes / MIB, ending=ending))
    for law in scaling_laws(runs, [Limit(text="some", bytes_=limit_bytes)]):
        assert msgspec.json.decode(msgspec.json.encode(law), type=ScalingLaw) == law
        (largest,) = law.largest
        assert (largest.bytes is None) == bool(largest.reason)
        assert largest.bytes is None or largest.bytes > 0
