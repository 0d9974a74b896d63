"""The page's plots, drawn by matplotlib as SVG: memory over time, and peaks over sizes.

matplotlib is imported when something is drawn; see `harness.reporters.drawing`.
"""

import io
from typing import TYPE_CHECKING, Any, Final

from harness.reporters.html.shapes import Fit, MarkKind, Scaling, Timeline
from harness.reporters.html.svg import inline
from harness.reporters.plots import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that stand for those of the page, which knows whether it is light or dark.
INK: Final = "#010101"
FAINT: Final = "#020202"
GRID: Final = "#030303"
MEMORY: Final = "#040404"
READ: Final = "#050505"
LIMIT: Final = "#060606"
BAD: Final = "#070707"
PAPER: Final = "#080808"
COLOURS: Final = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    MEMORY: "var(--memory)",
    READ: "var(--read)",
    LIMIT: "var(--limit)",
    BAD: "var(--bad)",
    PAPER: "var(--paper)",
}
_WIDTH_INCHES: Final = 6.8
_TIMELINE_INCHES: Final = 2.5
_SCALING_INCHES: Final = 3.0
_FONT: Final = 9.5
_IN_VIEW: Final = 4.0
_MARKS: Final = {
    MarkKind.PEAK: ("o", MEMORY, 6),
    MarkKind.LIMIT: ("|", LIMIT, 13),
    MarkKind.KILLED: ("X", BAD, 10),
    MarkKind.ENDED: ("s", BAD, 7),
    MarkKind.PROFILE: ("D", READ, 7),
}


def draw_timeline(timeline: Timeline, *, prefix: str, label: str) -> str:
    """Return a timeline as SVG."""

    def draw(axes: "Axes") -> None:
        highest = max(max(curve.mib) for curve in timeline.curves)
        end_s = timeline.end_s
        limit = timeline.limit_mib
        in_view = limit is not None and limit <= _IN_VIEW * highest
        top = 1.16 * max(highest, limit if limit is not None and in_view else 0.0, 0.001)
        axes.set_ylim(0, top)
        axes.set_xlim(0, 1.02 * end_s)
        for at_s in timeline.openings_s:
            axes.axvline(at_s, color=GRID, linewidth=1.0)
        for curve in timeline.curves[1:]:
            axes.plot(curve.at_s, curve.mib, color=FAINT, linewidth=0.9)
        _draw_main(axes, timeline)
        _draw_limit(axes, timeline, in_view=in_view)
        _draw_marks(axes, timeline, end_s=end_s)
        axes.set_xlabel("seconds since the start")
        axes.set_ylabel("memory, MiB", color=MEMORY)

    return _drawn(draw, _TIMELINE_INCHES, prefix, label)


def _draw_main(axes: "Axes", timeline: Timeline) -> None:
    main = timeline.curves[0]
    axes.fill_between(main.at_s, main.mib, color=MEMORY, alpha=0.12, linewidth=0)
    axes.plot(main.at_s, main.mib, color=MEMORY, linewidth=1.8)
    if main.read:
        beside: Any = axes.twinx()
        known = [(at, r * 100) for at, r in zip(main.at_s, main.read, strict=True) if r is not None]
        beside.plot(*zip(*known, strict=True), color=READ, linewidth=1.2, linestyle=(0, (4, 2)))
        # Not at the height where a limit is, so that neither hides the other.
        beside.set_ylim(0, 130)
        beside.set_yticks([0, 50, 100], ["0", "50", "100 %"])
        beside.set_ylabel("of the snapshot read", color=READ)
        _soften(beside)
        # Below what is written about the memory, whose halo would hide nothing otherwise.
        axes.set_zorder(beside.get_zorder() + 1)
        axes.patch.set_visible(False)


def _draw_limit(axes: "Axes", timeline: Timeline, *, in_view: bool) -> None:
    if timeline.limit_mib is None:
        return
    if in_view:
        axes.axhline(timeline.limit_mib, color=LIMIT, linestyle=(0, (6, 3)), linewidth=1.3)
    words = f"limit {timeline.limit}" + ("" if in_view else ", far above")
    # At the left, because marks are where a timeline ends.
    _words(axes, words, x=0.0, y=timeline.limit_mib if in_view else None, colour=LIMIT)


def _words(axes: "Axes", words: str, *, x: float, y: float | None, colour: str) -> None:
    """Write at the left of a line, or at the top of the plot where `y` is None."""
    text = axes.annotate(
        "",
        (x, y if y is not None else axes.get_ylim()[1]),
        xytext=(5, 4 if y is not None else -11),
        textcoords="offset points",
        color=colour,
        fontsize=_FONT - 0.5,
    )
    text.set_parse_math(False)
    text.set_text(words)


def _draw_marks(axes: "Axes", timeline: Timeline, *, end_s: float) -> None:
    # Names that would stand on each other go below each other.
    below = -4
    for mark in timeline.marks:
        shape, colour, size = _MARKS[mark.kind]
        edge = colour if shape == "|" else PAPER
        axes.plot(
            [mark.at_s], [mark.mib], marker=shape, markersize=size, markerfacecolor=colour,
            markeredgecolor=edge, markeredgewidth=1.6 if shape == "|" else 0.8, linestyle="none",
            clip_on=False, zorder=5,
        )  # fmt: skip
        on_the_right = mark.at_s > 0.45 * end_s
        below -= 13
        text = axes.annotate(
            "",
            (mark.at_s, mark.mib),
            xytext=(-9 if on_the_right else 9, below + 4),
            textcoords="offset points",
            ha="right" if on_the_right else "left",
            color=colour,
            fontsize=_FONT - 0.5,
            fontweight="bold" if mark.kind in {MarkKind.KILLED, MarkKind.ENDED} else "normal",
        )
        text.set_parse_math(False)
        text.set_text(mark.text)


def draw_scaling(scaling: Scaling, *, prefix: str, label: str) -> str:
    """Return the peaks over the sizes as SVG, with the largest snapshot that fits each limit."""

    def draw(axes: "Axes") -> None:
        sizes = [size for size, _ in (*scaling.points, *scaling.killed)]
        sizes += [fit.largest_mb for fit in scaling.fits if fit.largest_mb is not None]
        peaks = [mib for _, mib in (*scaling.points, *scaling.killed)]
        right = 1.12 * max(sizes, default=1.0)
        near = [f.limit_mib for f in scaling.fits if f.limit_mib <= _IN_VIEW * max(peaks)]
        axes.set_xlim(0, right)
        axes.set_ylim(0, 1.2 * max(*peaks, *near, 0.001))
        if scaling.base_mib is not None and scaling.mib_per_mb is not None:
            ends = [scaling.base_mib, scaling.base_mib + scaling.mib_per_mb * right]
            axes.plot([0, right], ends, color=MEMORY, linewidth=1.2, alpha=0.7)
        for fit in scaling.fits:
            _draw_fit(axes, fit, in_view=fit.limit_mib in near)
        if scaling.killed:
            axes.plot(*zip(*scaling.killed, strict=True), "X", color=BAD, markersize=9,
                      markeredgecolor=PAPER)  # fmt: skip
        if scaling.points:
            axes.plot(*zip(*scaling.points, strict=True), "o", color=MEMORY, markersize=7,
                      markeredgecolor=PAPER)  # fmt: skip
        axes.set_xlabel("size of the snapshot, MB")
        axes.set_ylabel("peak, MiB", color=FAINT)

    return _drawn(draw, _SCALING_INCHES, prefix, label)


def _draw_fit(axes: "Axes", fit: Fit, *, in_view: bool) -> None:
    if in_view:
        axes.axhline(fit.limit_mib, color=LIMIT, linestyle=(0, (6, 3)), linewidth=1.2)
        _words(axes, f"limit {fit.limit}", x=0.0, y=fit.limit_mib, colour=LIMIT)
    if fit.largest_mb is None:
        return
    top = fit.limit_mib if in_view else axes.get_ylim()[1]
    axes.plot([fit.largest_mb, fit.largest_mb], [0, top], color=READ, linewidth=1.1,
              linestyle=(0, (2, 2)))  # fmt: skip
    on_the_right = fit.largest_mb > 0.6 * axes.get_xlim()[1]
    text = axes.annotate(
        "",
        (fit.largest_mb, 0),
        xytext=(-5 if on_the_right else 5, 6),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        color=READ,
        fontsize=_FONT - 0.5,
    )
    text.set_parse_math(False)
    text.set_text(fit.text)


def _drawn(draw: Any, height: float, prefix: str, label: str) -> str:
    from matplotlib import rc_context  # noqa: PLC0415  (60 MB; see the module)

    # Words stay words, so that they can be searched and copied, and names do not depend on chance.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix, "font.size": _FONT}):
        figure = new_figure((_WIDTH_INCHES, height))
        # Set by hand, because fitting takes longer than all the rest.
        axes: Any = figure.add_axes((0.09, 0.5 / height, 0.81, 1 - 0.56 / height))
        axes.patch.set_visible(False)
        draw(axes)
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        _soften(axes)
        image = io.StringIO()
        figure.savefig(image, format="svg", transparent=True)
    return inline(image.getvalue(), prefix=prefix, label=label, colours=COLOURS)


def _soften(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=FAINT, length=0)
    axes.xaxis.label.set_color(FAINT)
