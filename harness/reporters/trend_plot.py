"""A picture of a history: the peak of each case from commit to commit, against its limit."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from harness.core.comparison import Outcome
from harness.core.history import Trend, TrendPoint
from harness.reporters.plain import one_line
from harness.reporters.trend import commit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS: Final = 12
_COLUMNS: Final = 2
_MOST_COMMITS: Final = 12
_LONGEST_TITLE: Final = 64
_MIB: Final = 2**20
# Okabe and Ito's palette, which colour-blind people can tell apart.
_LINE, _GROWN, _SHRUNK, _GREY = "#0072B2", "#D55E00", "#009E73", "#555555"
_MARKS: Final = {Outcome.GROWN: (_GROWN, "^", "grown"), Outcome.SHRUNK: (_SHRUNK, "v", "shrunk")}
# A limit far above every peak would press them to the ground; it is named instead.
_LIMIT_IN_VIEW: Final = 1.6


def draw_trends(trends: Sequence[Trend]) -> bytes:
    """Return a PNG with a panel for each case, the first MOST_PANELS of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (60 MB)
    from matplotlib.figure import Figure  # noqa: PLC0415

    shown = [trend for trend in trends if _measured(trend)][:MOST_PANELS]
    rows = max(1, -(-len(shown) // _COLUMNS))
    columns = min(_COLUMNS, max(1, len(shown)))
    figure = Figure(figsize=(7 * columns, 3.6 * rows + 0.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    title = "Peaks from commit to commit"
    hidden = len(trends) - len(shown)
    figure.suptitle(f"{title}; {hidden} more cases are in the table" if hidden else title)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for trend, axes in zip(shown, grid, strict=False):
        _draw(axes, trend)
    for axes in list(grid)[len(shown) :]:
        axes.set_visible(False)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


def _measured(trend: Trend) -> list[tuple[int, TrendPoint]]:
    return [(at, point) for at, point in enumerate(trend.points) if point.line.entry is not None]


def _draw(axes: "Axes", trend: Trend) -> None:
    measured = _measured(trend)
    places = [at for at, _ in measured]
    entries = [point.line.entry for _, point in measured if point.line.entry is not None]
    peaks = [entry.peaks.least_bytes / _MIB for entry in entries]
    uppers = [(entry.peak_upper_bytes or entry.peaks.least_bytes) / _MIB for entry in entries]
    axes.fill_between(places, peaks, uppers, color=_LINE, alpha=0.2, linewidth=0)
    axes.plot(places, peaks, color=_LINE, marker="o", markersize=3.5, linewidth=1.3)
    for outcome, (colour, mark, name) in _MARKS.items():
        spots = [
            (at, entry.peaks.least_bytes / _MIB)
            for (at, point), entry in zip(measured, entries, strict=True)
            if point.change.outcome is outcome
        ]
        if spots:
            across, up = zip(*spots, strict=True)
            axes.scatter(across, up, color=colour, marker=mark, s=60, zorder=3, label=name)
    _frame(axes, trend, max(uppers))


def _frame(axes: "Axes", trend: Trend, top_mib: float) -> None:
    limit_mib = next(
        (
            point.line.entry.memory_limit_bytes / _MIB
            for point in reversed(trend.points)
            if point.line.entry is not None and point.line.entry.memory_limit_bytes is not None
        ),
        None,
    )
    if limit_mib is not None and limit_mib <= top_mib * _LIMIT_IN_VIEW:
        axes.axhline(limit_mib, color=_GREY, linestyle="--", linewidth=1, label="limit")
        top_mib = max(top_mib, limit_mib)
    axes.set_ylim(0, top_mib * 1.12 or 1)
    axes.set_ylabel("MiB")
    name = one_line(f"{trend.scenario}: {trend.case}")
    shown = name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 1]}…"
    axes.set_title(shown, fontsize=9, parse_math=False)
    step = -(-len(trend.points) // _MOST_COMMITS)
    places = range(0, len(trend.points), step)
    names = [one_line(commit_of(trend.points[at])) for at in places]
    axes.set_xticks(list(places), names, rotation=40, ha="right", fontsize=7, parse_math=False)
    axes.margins(x=0.04)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, loc="lower right")
