"""What limit to try next, and what the tries say."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.case import Case
from harness.core.ending import Ending
from harness.core.requirement import Method, Requirement, Trial, decide
from harness.core.run import Run

MIB = 2**20
Runs = Callable[..., Run]
Cases = Callable[..., Case]


def at(make_run: Runs, run: Trial | int, ending: Ending) -> Run:
    """Return a run at a limit that ended so."""
    limit = run.limit_bytes if isinstance(run, Trial) else run
    made = make_run(ending=ending)
    case = msgspec.structs.replace(made.case, memory_limit_bytes=limit)
    return msgspec.structs.replace(made, case=case)


def search(
    make_run: Runs, ceiling: Run, needs_bytes: int, *, takes: bool = False
) -> tuple[Requirement, list[Run]]:
    """Return what is decided of a worker that needs exactly so much."""
    trials: list[Run] = []
    while isinstance(step := decide(ceiling, trials, takes_what_it_gets=takes), Trial):
        passes = step.limit_bytes >= needs_bytes
        trials.append(at(make_run, step, Ending.COMPLETED if passes else Ending.OOM_KILLED))
    return step, trials


def test_a_narrow_interval_needs_no_further_run(make_run: Runs) -> None:
    found, trials = search(make_run, make_run(peak_mib=400, upper_mib=403), 401 * MIB)
    assert trials == []
    assert found.method is Method.PREDICTED
    assert found.requirement_bytes == 403 * MIB
    assert found.is_exact


@pytest.mark.parametrize("off", [-0.002, 0.0, 0.002, 0.0047, 0.007, 0.01, 0.015])
def test_two_runs_confirm_within_one_percent(off: float, make_run: Runs) -> None:
    needs_bytes = int(400 * MIB * (1 + off))
    found, trials = search(make_run, make_run(peak_mib=400, upper_mib=800), needs_bytes)
    assert len(trials) == 2
    assert found.method is Method.CONFIRMED
    assert found.requirement_bytes is not None
    assert needs_bytes <= found.requirement_bytes <= needs_bytes * 1.0101
    assert found.is_exact


def test_twice_killed_is_said_and_the_upper_end_answers(make_run: Runs) -> None:
    found, _ = search(make_run, make_run(peak_mib=400, upper_mib=800), 600 * MIB)
    assert found.requirement_bytes == 800 * MIB
    assert found.method is Method.PREDICTED
    assert "was killed at" in found.reason
    assert not found.is_exact


def test_twice_passed_is_no_exact_answer(make_run: Runs) -> None:
    found, _ = search(make_run, make_run(peak_mib=400, upper_mib=800), 100 * MIB)
    assert not found.is_exact
    assert "may need less still" in found.reason


def test_a_trial_that_ends_otherwise_confirms_nothing(make_run: Runs) -> None:
    ceiling = make_run(peak_mib=400, upper_mib=800)
    found = decide(ceiling, [at(make_run, 403 * MIB, Ending.TIMED_OUT)], takes_what_it_gets=False)
    assert isinstance(found, Requirement)
    assert found.method is Method.PREDICTED
    assert "ended otherwise" in found.reason


def test_no_upper_end_is_tried_at_limits_too(make_run: Runs) -> None:
    found, trials = search(make_run, make_run(peak_mib=400, upper_mib=None), 401 * MIB)
    assert len(trials) == 2
    assert found.is_exact


def test_more_than_the_ceiling_is_unknown(make_run: Runs) -> None:
    found = decide(make_run(ending=Ending.OOM_KILLED, peak_mib=511), [], takes_what_it_gets=False)
    assert isinstance(found, Requirement)
    assert found.requirement_bytes is None
    assert "more than 512 MiB" in found.reason


@pytest.mark.parametrize("ending", [Ending.CRASHED, Ending.TIMED_OUT, Ending.REFUSED, None])
def test_a_worker_that_fails_under_the_ceiling_has_none(
    ending: Ending | None, make_run: Runs
) -> None:
    found = decide(make_run(ending=ending), [], takes_what_it_gets=False)
    assert isinstance(found, Requirement)
    assert found.requirement_bytes is None
    assert "did not complete" in found.reason


def test_what_was_seen_to_die_at_a_limit_does_not_need_less(make_run: Runs) -> None:
    found, _ = search(make_run, make_run(peak_mib=400, upper_mib=405), 500 * MIB)
    assert found.requirement_bytes is None
    assert found.killed_at_bytes is not None
    assert found.killed_at_bytes > 405 * MIB
    assert "differs from run to run" in found.reason
    assert not found.is_exact


@pytest.fixture
def pool(make_run: Runs) -> Run:
    return msgspec.structs.replace(make_run(peak_mib=400, upper_mib=402), processes=4)


def test_the_peak_of_several_processes_is_confirmed(make_run: Runs, pool: Run) -> None:
    found, trials = search(make_run, pool, 401 * MIB)
    assert [trial.completed for trial in trials] == [True, False]
    assert (found.requirement_bytes, found.method) == (402 * MIB, Method.CONFIRMED)
    assert found.is_exact


def test_a_moment_of_several_processes_that_no_sample_saw(make_run: Runs) -> None:
    wide = msgspec.structs.replace(make_run(peak_mib=400, upper_mib=406), processes=4)
    found, trials = search(make_run, wide, 405 * MIB)
    assert [trial.completed for trial in trials] == [False, True]
    assert found.requirement_bytes == 406 * MIB
    assert found.is_exact
    cached = msgspec.structs.replace(wide, peak_upper_bytes=4000 * MIB)
    found, _ = search(make_run, cached, 405 * MIB)
    assert found.requirement_bytes is not None
    assert found.requirement_bytes < 510 * MIB, "page cache is no need"


def test_several_processes_that_need_more_another_time(make_run: Runs, pool: Run) -> None:
    found, trials = search(make_run, pool, 480 * MIB)
    assert [trial.completed for trial in trials] == [False, True]
    assert found.requirement_bytes is not None
    assert found.requirement_bytes > 480 * MIB
    assert found.killed_at_bytes == 402 * MIB
    assert not found.is_exact
    assert "4 processes" in found.reason
    found, trials = search(make_run, pool, 800 * MIB)
    assert (len(trials), found.requirement_bytes) == (2, None)
    assert "Run it again" in found.reason


@pytest.mark.parametrize("needs_mib", [300, 330, 350, 385, 399])
def test_a_runtime_that_takes_what_it_gets_is_bracketed(needs_mib: int, make_run: Runs) -> None:
    ceiling = make_run(peak_mib=400, upper_mib=401)
    found, trials = search(make_run, ceiling, needs_mib * MIB, takes=True)
    assert len(trials) == 2
    assert found.requirement_bytes is not None
    assert found.requirement_bytes >= needs_mib * MIB
    assert found.killed_at_bytes is None or found.killed_at_bytes < needs_mib * MIB
    assert not found.is_exact
    assert "takes more memory" in found.reason


def test_v8_giving_up_at_a_limit_is_a_death(make_run: Runs) -> None:
    ceiling = make_run(peak_mib=400, upper_mib=800)
    killed = at(make_run, 403 * MIB, Ending.HEAP_EXHAUSTED)
    assert isinstance(decide(ceiling, [killed], takes_what_it_gets=False), Trial)


def test_three_runs_are_the_most(make_run: Runs) -> None:
    ceiling = make_run(peak_mib=400, upper_mib=800)
    with pytest.raises(ValueError, match="3 trials"):
        decide(ceiling, [ceiling] * 3, takes_what_it_gets=False)
