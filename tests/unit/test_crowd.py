"""How many processes hold much at once."""

from harness.sandbox.crowd import Crowd


def crowd_of(*looks: dict[int, tuple[int, int]]) -> Crowd:
    """Return a crowd that finds, look after look, pages resident and shared of each process."""
    seconds = iter(range(len(looks)))
    now = {"look": 0}

    def clock() -> float:
        now["look"] = next(seconds)
        return float(now["look"])

    def statm(pid: int) -> str | None:
        pages = looks[now["look"]].get(pid)
        return pages and f"9999 {pages[0]} {pages[1]} 7 0 50 0"

    return Crowd(lambda: tuple(looks[now["look"]]), statm, clock)


def test_a_worker_below_a_shell_is_alone() -> None:
    assert crowd_of({1: (100, 80), 2: (5000, 900)}).count() == 1


def test_a_pool_is_counted_while_it_is_there() -> None:
    pool = crowd_of(
        {1: (2000, 500)},
        {1: (2000, 500), 2: (9000, 500), 3: (9000, 500)},
        {1: (2000, 500)},
    )
    assert [pool.count() for _ in range(3)] == [1, 3, 1]


def test_files_that_are_mapped_are_no_company() -> None:
    assert crowd_of({1: (9000, 100), 2: (9000, 8990)}).count() == 1


def test_processes_that_are_gone_count_nothing() -> None:
    crowd = Crowd(lambda: (4_000_000_000,), clock=lambda: 1.0)
    assert crowd.count() == 0
    assert Crowd(tuple, clock=lambda: 1.0).count() == 0


def test_it_looks_now_and_then_only() -> None:
    asked: list[int] = []

    def statm(pid: int) -> str:
        asked.append(pid)
        return "9999 500 100 7 0 50 0"

    crowd = Crowd(lambda: (7,), statm, clock=lambda: 1.0)
    assert [crowd.count() for _ in range(5)] == [1] * 5
    assert asked == [7]
