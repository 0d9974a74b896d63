import json
from collections.abc import Callable

import msgspec
import pytest

from harness.core.history import Commit, HistoryLine, Trend, lines_of, trends_of
from harness.core.report import Report
from harness.core.run import Run
from harness.reporters.trend import render_trend, render_trend_json, render_trend_markdown
from harness.reporters.trend_plot import MOST_PANELS, draw_trends

Runs = Callable[..., Run]
PEAKS = (200, 200, 212, 203)


@pytest.fixture
def history(make_run: Runs, make_report: Callable[..., Report]) -> list[HistoryLine]:
    """Return the lines of a case over four commits."""
    found: list[HistoryLine] = []
    for number, mib in enumerate(PEAKS):
        runs = (make_run(n, peak_mib=mib, upper_mib=mib) for n in (1, 2, 3))
        report = make_report(*runs, started_at=f"2025-01-0{number + 1}T03:04:05Z")
        found += lines_of(report, Commit(id=f"{number}" * 40, is_dirty=number == 3))
    return found


@pytest.fixture
def trends(history: list[HistoryLine]) -> tuple[Trend, ...]:
    return trends_of(history)


def test_a_terminal(trends: tuple[Trend, ...]) -> None:
    lines = render_trend(trends).splitlines()
    assert lines[0] == "demo  streaming · 5MB · 512MiB"
    assert lines[1].split() == ["Commit", "When", "(UTC)", "Peak", "Change"]
    assert lines[2].split() == ["0000000000", "2025-01-01", "03:04", "200", "MiB", "-"]
    assert lines[4].split()[:8] == [
        "2222222222",
        "2025-01-03",
        "03:04",
        "212",
        "MiB",
        "+12",
        "MiB",
        "±",
    ]
    assert lines[4].endswith("(+6.0%)  grown")
    assert lines[5].split()[:8] == [
        "3333333333+",
        "2025-01-04",
        "03:04",
        "203",
        "MiB",
        "-9",
        "MiB",
        "±",
    ]
    assert lines[5].endswith("shrunk")
    assert (
        "4 commits; from the first few to the last few that can be compared: 200 MiB to 207"
        in lines[6]
    )
    assert render_trend(trends, unicode=False).isascii()


def test_markdown(trends: tuple[Trend, ...]) -> None:
    text = render_trend_markdown(trends)
    assert text.startswith("### demo: streaming · 5MB · 512MiB\n")
    assert "| 2222222222 | 2025-01-03 03:04 | 212 MiB | +12 MiB ± " in text


def test_a_document(trends: tuple[Trend, ...]) -> None:
    document = json.loads(render_trend_json(trends))
    assert document["schema"] == 1
    changes = [point["change"]["outcome"] for point in document["trends"][0]["points"]]
    assert changes == ["new", "same", "grown", "shrunk"]


def test_text_from_outside_rules_nothing(history: list[HistoryLine]) -> None:
    odd = "\x1b[31m<script>|$x^2$"
    line = msgspec.structs.replace(
        history[0], scenario=odd, case=odd, commit=Commit(id=odd), at=odd
    )
    found = trends_of([line])
    assert "\x1b" not in render_trend(found)
    assert "<script>" not in render_trend_markdown(found)
    assert draw_trends(found).startswith(b"\x89PNG")


def test_pictures(history: list[HistoryLine]) -> None:
    many = [
        msgspec.structs.replace(line, case=f"case {number}")
        for number in range(MOST_PANELS + 2)
        for line in history
    ]
    nothing = [
        msgspec.structs.replace(line, entry=None, endings={"crashed": 3}) for line in history
    ]
    sizes = [len(draw_trends(trends_of(lines))) for lines in (history, many, nothing)]
    assert sizes[1] > sizes[0] > sizes[2] > 1000
