"""Who keeps what, from what was alive between jobs."""

from collections.abc import Callable, Sequence

import pytest

from harness.core.case import Case, Snapshot
from harness.core.kept import Kept
from harness.core.profile import Frame, Site
from harness.core.retention import Alive, kept_of

MIB = 2**20
Cases = Callable[..., Case]
Snapshots = Callable[..., Snapshot]


@pytest.fixture
def jobs(make_case: Cases, make_snapshot: Snapshots) -> Callable[..., Case]:
    """Return a case with snapshots of these sizes."""

    def make(*megabytes: int) -> Case:
        first, *more = [make_snapshot(size) for size in megabytes]
        return make_case("jobs", snapshot=first, more_snapshots=tuple(more))

    return make


def site(line: int, mib: float) -> Site:
    frames = (
        Frame(function="", file="/usr/lib/python3.11/json/decoder.py", line=353),
        Frame(function="", file="/app/w.py", line=line),
    )
    return Site(stack=frames, bytes=int(mib * MIB), count=1)


def seen(*tables: Sequence[tuple[int, float]]) -> list[Alive]:
    """Return what was alive after each snapshot: lines with their MiB."""
    return [
        Alive(
            index=index,
            bytes=int(sum(mib for _, mib in table) * MIB),
            sites=tuple(site(line, mib) for line, mib in table),
        )
        for index, table in enumerate(tables)
    ]


def test_what_grows_is_named_and_not_what_is_large(jobs: Callable[..., Case]) -> None:
    # Line 5 is the document that is held until the next one is there, 7 a model loaded once.
    tables = [[(5, 40.0), (7, 90.0 * (n > 0)), (9, 3.0 * n), (11, 0.5 * n)] for n in range(6)]
    found = kept_of(seen(*tables), jobs(*7 * (5,)), 4 * MIB)
    assert found == Kept(
        site="/app/w.py:9",
        bytes_per_snapshot=3 * MIB,
        seen_bytes_per_snapshot=3 * MIB + MIB // 2,
    )


def test_snapshots_of_other_sizes_are_not_compared(jobs: Callable[..., Case]) -> None:
    sizes = (5, 50, 200) * 3
    tables = [[(5, float(size)), (9, 2.0 * n)] for n, size in enumerate(sizes[:-1])]
    found = kept_of(seen(*tables), jobs(*sizes), 2 * MIB)
    assert (found.site, found.bytes_per_snapshot) == ("/app/w.py:9", 2 * MIB)


def test_growth_that_python_does_not_see_is_not_blamed_on_it(jobs: Callable[..., Case]) -> None:
    tables = [[(5, 40.0), (9, 0.2 * n)] for n in range(6)]
    found = kept_of(seen(*tables), jobs(*7 * (5,)), 4 * MIB)
    assert found.site == ""
    assert "native memory" in found.reason
    shrinking = [[(5, 40.0 - n)] for n in range(6)]
    assert "saw 0 B more" in kept_of(seen(*shrinking), jobs(*7 * (5,)), 4 * MIB).reason


def test_growth_that_is_spread_is_blamed_on_no_line(jobs: Callable[..., Case]) -> None:
    tables = [[(line, 0.1 * n) for line in range(40)] for n in range(6)]
    found = kept_of(seen(*tables), jobs(*7 * (5,)), 4 * MIB)
    assert found.site == ""
    assert "no line" in found.reason


@pytest.mark.parametrize("tables", [0, 2])
def test_too_few_tables_tell_nothing(tables: int, jobs: Callable[..., Case]) -> None:
    found = kept_of(seen(*[[(9, 1.0)]] * tables), jobs(*7 * (5,)), 4 * MIB)
    assert f"saw {tables} of the snapshots" in found.reason
