from collections.abc import Callable
from types import SimpleNamespace

import pytest

from harness.core.ending import Ending
from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.quantity import Size
from harness.core.run import Run
from harness.pytest_plugin import explain
from harness.pytest_plugin.explain import Explanation, numbers_of, with_profile
from harness.pytest_plugin.summary import table_of
from harness.pytest_plugin.workshop import name_of

MIB = 2**20
Runs = Callable[..., Run]


def _site(size_mib: int, *files: str) -> Site:
    stack = tuple(Frame(function="f", file=file, line=7) for file in files)
    return Site(stack=stack, bytes=size_mib * MIB, count=1)


def _explanation(run: Run) -> Explanation:
    return Explanation(
        run=run,
        report="reports/out/x",
        base_bytes=30 * MIB,
        top_bytes=38 * MIB,
        budget=Size(text="16MiB", bytes_=16 * MIB),
        of_test=True,
    )


def test_what_a_test_added_is_above_what_pytest_held(make_run: Runs) -> None:
    explanation = _explanation(make_run(peak_mib=40, upper_mib=45))
    numbers = dict(numbers_of(explanation))
    assert numbers["oomproof.peak_bytes"] == 40 * MIB
    assert numbers["oomproof.base_bytes"] == 30 * MIB
    # The peak was of pytest's own start; since the test began, 38 MiB were seen.
    assert numbers["oomproof.added_bytes"] == 8 * MIB
    assert numbers["oomproof.added_upper_bytes"] == 15 * MIB
    assert numbers["oomproof.budget_bytes"] == 16 * MIB
    assert numbers["oomproof.ending"] == "completed"


def test_what_is_not_known_has_no_number(make_run: Runs) -> None:
    numbers = dict(numbers_of(Explanation(run=make_run(peak_mib=None), report="x")))
    assert not {"oomproof.peak_bytes", "oomproof.base_bytes", "oomproof.added_bytes"} & set(numbers)


def test_the_summary_shows_both_ends_of_a_wide_peak(make_run: Runs) -> None:
    wide = numbers_of(_explanation(make_run(peak_mib=40, upper_mib=45)))
    killed = numbers_of(
        Explanation(run=make_run(ending=Ending.OOM_KILLED, peak_mib=64, upper_mib=64), report="x"),
        prefix="oomproof.replay2.",
    )
    reports = [
        SimpleNamespace(nodeid="test_a.py::test_wide", user_properties=[("mine", 1), *wide]),
        SimpleNamespace(nodeid="test_a.py::test_replays", user_properties=list(killed)),
    ]
    heading, first, second = table_of(reports)
    assert heading.split("  ")[0] == "ending"
    assert "40 MiB to 45 MiB" in first
    assert "8 MiB to 15 MiB" in first
    assert first.endswith("test_a.py::test_wide")
    assert ">= 64 MiB" in second
    assert second.endswith("test_a.py::test_replays, replay 2")


def test_the_lines_that_hold_most_are_the_tests_own(make_run: Runs) -> None:
    plugin = explain.__file__
    profile = Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.HIGH_WATER,
        total_bytes=60 * MIB,
        sites=(
            _site(40, "/usr/lib/python3.11/json/decoder.py", "/repo/test_a.py", plugin),
            _site(15, "/venv/lib/python3.11/site-packages/_pytest/config.py", plugin),
            _site(5, "<frozen importlib._bootstrap>"),
        ),
    )
    lines = list(with_profile(_explanation(make_run()), profile, "").lines())
    (held,) = [line for line in lines if "test_a.py:7" in line]
    assert held.split()[:2] == ["40", "MiB"]
    (rest,) = [line for line in lines if "all others" in line]
    assert rest.split()[:2] == ["20", "MiB"]
    assert not any("decoder.py" in line or "config.py" in line for line in lines)
    assert lines[-1] == "report: reports/out/x"


def test_without_a_profile_it_says_why(make_run: Runs) -> None:
    lines = list(with_profile(_explanation(make_run()), None, "memray is not there.").lines())
    assert "memray is not there." in lines


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("test_a.py::test_b[x y]", "test_a.py::test_b[x/y]"),
        ("test_a.py::test_" + "b" * 120, "test_a.py::test_" + "b" * 121),
        ("test_a.py::test_b", "test_a.py::test_c"),
    ],
)
def test_each_test_has_a_folder_of_its_own(one: str, other: str) -> None:
    assert name_of(one) == name_of(one)
    assert name_of(one) != name_of(other)
    assert len(name_of(one)) < 120
    assert "/" not in name_of("tests/unit/test_a.py::test_b")
