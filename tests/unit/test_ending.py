import signal

import pytest

from harness.core.ending import Ending, ExitFacts, Killed, LimitReached, conclude

KILLED = ExitFacts(exit_code=137, signal=signal.SIGKILL)


def traceback_of(last: str) -> str:
    return f'Traceback (most recent call last):\n  File "w.py", line 3, in <module>\n{last}\n'


def ending_of(facts: ExitFacts) -> Ending | None:
    return conclude(facts).ending


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        (ExitFacts(exit_code=0), Ending.COMPLETED),
        (ExitFacts(exit_code=0, stderr_tail=traceback_of("MemoryError")), Ending.COMPLETED),
        (ExitFacts(exit_code=1), Ending.CRASHED),
        (ExitFacts(exit_code=2), Ending.CRASHED),
        (ExitFacts(exit_code=255), Ending.CRASHED),
        (ExitFacts(exit_code=139, signal=signal.SIGSEGV), Ending.CRASHED),
        (ExitFacts(exit_code=143, signal=signal.SIGTERM), Ending.CRASHED),
        (ExitFacts(exit_code=75), Ending.REFUSED),
        (ExitFacts(exit_code=None), None),
        # 137 alone: an exit like any other, a kill by somebody else, or what cannot be told.
        (ExitFacts(exit_code=137), Ending.CRASHED),
        (KILLED, Ending.KILLED_FROM_OUTSIDE),
        (ExitFacts(exit_code=137, signal_is_known=False), None),
        (ExitFacts(exit_code=137, signal=9, signal_is_known=False), None),
        (ExitFacts(exit_code=138, signal_is_known=False), Ending.CRASHED),
        # The harness's own interventions.
        (ExitFacts(exit_code=143, signal=signal.SIGTERM, hit_deadline=True), Ending.TIMED_OUT),
        (ExitFacts(exit_code=137, signal=signal.SIGKILL, hit_deadline=True), Ending.TIMED_OUT),
        (ExitFacts(exit_code=0, hit_deadline=True), Ending.TIMED_OUT),
        (
            ExitFacts(exit_code=137, signal=signal.SIGKILL, killed_over_limit=True),
            Ending.OOM_KILLED,
        ),
        (ExitFacts(exit_code=0, killed_over_limit=True), Ending.OOM_KILLED),
    ],
)
def test_how_an_exit_is_understood(facts: ExitFacts, ending: Ending | None) -> None:
    assert ending_of(facts) is ending


@pytest.mark.parametrize(
    ("limit_reached", "ending"),
    [
        (LimitReached.OWN, Ending.OOM_KILLED),
        (LimitReached.OTHER, Ending.KILLED_FROM_OUTSIDE),
        (LimitReached.UNKNOWN, None),
    ],
)
def test_a_counted_kill_is_judged_by_whose_limit_was_hit(
    limit_reached: LimitReached, ending: Ending | None
) -> None:
    conclusion = conclude(
        ExitFacts(exit_code=137, signal=signal.SIGKILL, oom_kills=1, limit_reached=limit_reached)
    )
    assert conclusion.ending is ending
    assert conclusion.killed is Killed.MAIN
    assert conclusion.reason


@pytest.mark.parametrize(("exit_code", "signal_"), [(0, None), (1, None), (137, None), (134, 6)])
def test_a_killed_child_is_a_kill_whatever_the_parent_says(
    exit_code: int, signal_: int | None
) -> None:
    conclusion = conclude(
        ExitFacts(
            exit_code=exit_code,
            signal=signal_,
            oom_kills=1,
            limit_reached=LimitReached.OWN,
            hit_deadline=True,
            stderr_tail=traceback_of("MemoryError"),
        )
    )
    assert conclusion.ending is Ending.OOM_KILLED
    assert conclusion.killed is Killed.CHILD


def test_the_limit_reached_means_nothing_without_a_kill() -> None:
    facts = ExitFacts(exit_code=137, signal=signal.SIGKILL, limit_reached=LimitReached.OWN)
    assert ending_of(facts) is Ending.KILLED_FROM_OUTSIDE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (ExitFacts(exit_code=3), "exited with 3"),
        (ExitFacts(exit_code=139, signal=signal.SIGSEGV), "SIGSEGV"),
        (ExitFacts(exit_code=128 + 63, signal=63), "signal 63"),
        (ExitFacts(exit_code=137, signal_is_known=False), "cannot be told"),
        (KILLED, "somebody else"),
    ],
)
def test_the_reason_names_what_was_seen(facts: ExitFacts, words: str) -> None:
    assert words in conclude(facts).reason
