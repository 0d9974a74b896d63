"""How long a worker may go on after the kernel killed a part of it."""

from harness.sandbox.watch import Grace, Stopped


class Time:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_it_ends_some_time_after_the_first_kill() -> None:
    time, kills = Time(), [0]
    grace = Grace(3.0, lambda: kills[0], time)
    time.now_s = 10.0
    assert grace.tick() is None
    kills[0] = 1
    time.now_s = 10.1
    assert grace.tick() is None
    time.now_s = 13.0
    assert grace.tick() is None
    time.now_s = 13.2
    assert grace.tick() is Stopped.AFTER_KILL


def test_without_a_bound_nobody_asks() -> None:
    def never() -> int:
        raise AssertionError

    assert Grace(None, never, Time()).tick() is None
