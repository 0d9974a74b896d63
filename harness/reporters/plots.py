"""One picture a scenario: memory over time against the limit, all workers and snapshots together.

matplotlib is imported when a picture is drawn, and costs some 60 MB of memory that a process never
gives back. A harness that counts its own memory draws in another process; see
`harness.reporters.drawing`.
"""

import functools
import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from harness.core.ending import Ending
from harness.core.units import format_seconds
from harness.reporters.picture import Line, Panel, Picture
from harness.reporters.words import ENDINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

# Okabe and Ito's palette, which colour-blind people can tell apart, without its yellow (unreadable
# on white). https://jfly.uni-koeln.de/color/
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: Final[tuple[Any, ...]] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
_MARKS: Final[dict[Ending | None, str]] = {
    Ending.COMPLETED: "o",
    Ending.OOM_KILLED: "X",
    Ending.KILLED_FROM_OUTSIDE: "P",
    Ending.HEAP_EXHAUSTED: "v",
    Ending.MEMORY_ERROR: "^",
    Ending.REFUSED: "<",
    Ending.CRASHED: "s",
    Ending.TIMED_OUT: "D",
    None: "d",
}
_GREY: Final = "#555555"
_MOST_NAMES: Final = 28
# A limit far above every line would press them to the ground; it is named instead.
_LIMIT_IN_VIEW: Final = 4.0
_NEEDLE: Final = 20
_TICK_GAP: Final = 0.11
_MOST_KILLS: Final = 3
_LONGEST_NAME: Final = 48


def draw(picture: Picture) -> bytes:
    """Return a PNG of `picture`."""
    columns, rows = _grid(len(picture.panels))
    figure = new_figure(_size(picture, columns, rows), layout="constrained")
    _write(figure.suptitle("", fontsize=11), _wrap(picture.title, figure.get_figwidth()))
    if picture.panels:
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        top = _top(picture)
        for panel, axes in zip(picture.panels, grid.flat, strict=False):
            _draw_panel(axes, panel, top)
        for axes in list(grid.flat)[len(picture.panels) :]:
            axes.set_visible(False)
        _label(grid)
    else:
        figure.text(0.5, 0.5, "no run was measured", ha="center", color=_GREY, fontsize=14)
    _add_legend(figure, picture)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


def new_figure(inches: tuple[float, float], *, layout: Any = None) -> "Figure":
    """Return a figure to draw in, that belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (60 MB)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=inches, dpi=110, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _wrap(lines: Sequence[str], inches: float) -> str:
    return "\n".join(textwrap.fill(line, int(inches * 10)) for line in lines)


def _grid(panels: int) -> tuple[int, int]:
    """Return the columns and rows of the panels: in one row as long as they are readable so."""
    columns = max(1, min(panels, 3 if panels <= 9 else 5))
    return columns, max(1, math.ceil(panels / columns))


def _size(picture: Picture, columns: int, rows: int) -> tuple[float, float]:
    """Return width and height in inches."""
    width = max(9.0, 4.6 * columns if columns <= 3 else 3.4 * columns)
    height = 4.4 if rows == 1 else (3.2 if columns <= 3 else 2.6) * rows
    names = min(len(picture.variants), _MOST_NAMES) + 4
    return width, 1.4 + height + 0.24 * math.ceil(names / _legend_columns(picture))


def _legend_columns(picture: Picture) -> int:
    longest = max((len(name) for name in picture.variants), default=0)
    return 2 if longest > 40 else 4


def _top(picture: Picture) -> float:
    """Return the top of the axis in MiB: above all lines, and limits that are near to them."""
    highest = max((max(line.mib) for panel in picture.panels for line in panel.lines), default=1.0)
    limits = [limit for panel in picture.panels for limit in panel.limits.values()]
    near = [limit for limit in limits if limit <= highest * _LIMIT_IN_VIEW]
    return 1.14 * max(highest, *near, 1.0)


def _draw_panel(axes: "Axes", panel: Panel, top: float) -> None:
    axes.set_ylim(0, top)
    _write(axes.set_title(""), f"snapshot {panel.title}").set_fontsize(10)
    axes.set_xlim(0, 1.02 * max(line.at_s[-1] for line in panel.lines) or 1.0)
    if _differ_in_length(panel):
        axes.set_xscale("function", functions=(_root, _square))
        axes.set_xticks(_ticks(axes.get_xlim()[1]))
        axes.xaxis.set_major_formatter("{x:g}")
    for line in panel.lines:
        _draw_line(axes, line)
    kills = [line for line in panel.lines if line.ending is Ending.OOM_KILLED]
    for line in kills if len(kills) <= _MOST_KILLS else ():
        _name_kill(axes, line)
    for name, limit in sorted(panel.limits.items(), key=lambda item: item[1]):
        _draw_limit(axes, name, limit, top)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _differ_in_length(panel: Panel) -> bool:
    """Whether the shortest run would be a mere needle beside the longest."""
    ends = [line.at_s[-1] for line in panel.lines]
    return max(ends) > _NEEDLE * max(min(ends), 0.001)


def _ticks(longest_s: float) -> list[float]:
    """Return round times up to the longest, as far apart on a scale of roots as words need."""
    decades = range(-3, math.ceil(math.log10(longest_s)) + 1)
    rounds = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    ticks: list[float] = []
    place = 1.0 + _TICK_GAP
    for time_s in reversed([time_s for time_s in rounds if time_s <= longest_s]):
        there = math.sqrt(time_s / longest_s)
        if _TICK_GAP <= there <= place - _TICK_GAP:
            ticks.append(time_s)
            place = there
    return [0.0, *reversed(ticks)]


def _root(seconds: Any) -> Any:
    return seconds**0.5


def _square(root: Any) -> Any:
    return root**2


def _draw_line(axes: "Axes", line: Line) -> None:
    colour = _COLOURS[line.variant % len(_COLOURS)]
    dashes = _DASHES[line.variant // len(_COLOURS) % len(_DASHES)]
    width = 1.0 if line.confirming else 1.8
    axes.plot(line.at_s, line.mib, color=colour, linestyle=dashes, linewidth=width)
    axes.plot(
        line.at_s[-1:],
        line.mib[-1:],
        marker=_MARKS[line.ending],
        markersize=10 if line.ending is Ending.OOM_KILLED else 7,
        markerfacecolor=colour if len(line.at_s) > 1 else "white",
        markeredgecolor="white" if len(line.at_s) > 1 else colour,
        linestyle="none",
        clip_on=False,
        zorder=4,
    )


def _name_kill(axes: "Axes", line: Line) -> None:
    """Say at the mark of a kill what it is, on the side where there is room."""
    on_the_right = line.at_s[-1] > axes.get_xlim()[1] / 2
    text = axes.annotate(
        "",
        (line.at_s[-1], line.mib[-1]),
        xytext=(-9 if on_the_right else 9, -14),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        color=_COLOURS[line.variant % len(_COLOURS)],
        fontsize=9,
        fontweight="bold",
    )
    _write(text, f"OOM-killed after {format_seconds(line.at_s[-1])}")


def _draw_limit(axes: "Axes", name: str, limit: float, top: float) -> None:
    far = limit > top
    if not far:
        axes.axhline(limit, color=_GREY, linestyle="--", linewidth=1.2, zorder=1)
    text = axes.annotate(
        "",
        (0.99, min(limit, top)),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, -4 if far else 5),
        textcoords="offset points",
        ha="right",
        va="top" if far else "bottom",
        color=_GREY,
        fontsize=9,
    )
    _write(text, f"limit {name}, far above" if far else f"limit {name}")


def _label(grid: Any) -> None:
    for axes in grid[:, 0]:
        axes.set_ylabel("unreclaimable memory, MiB")
    for axes in grid.flat:
        scale = ", short runs stretched" if axes.get_xscale() == "function" else ""
        axes.set_xlabel(f"seconds since the start{scale}", fontsize=9)
        axes.tick_params(labelleft=True)


def _add_legend(figure: "Figure", picture: Picture) -> None:
    entries = [*_variant_entries(picture), *_mark_entries(picture)]
    # Names are set afterwards: matplotlib leaves out what starts with "_", and reads formulas.
    legend = figure.legend(
        [handle for handle, _ in entries],
        ["name"] * len(entries),
        loc="outside lower center",
        ncols=_legend_columns(picture),
        frameon=False,
        fontsize=9,
    )
    for text, (_, name) in zip(legend.get_texts(), entries, strict=True):
        _write(text, name)


def _variant_entries(picture: Picture) -> "list[tuple[Line2D, str]]":
    from matplotlib.lines import Line2D  # noqa: PLC0415

    entries = [
        (
            Line2D(
                [],
                [],
                color=_COLOURS[index % len(_COLOURS)],
                linestyle=_DASHES[index // len(_COLOURS) % len(_DASHES)],
                linewidth=2.2,
            ),
            textwrap.shorten(name, _LONGEST_NAME, placeholder="…"),
        )
        for index, name in enumerate(picture.variants[:_MOST_NAMES])
    ]
    more = len(picture.variants) - len(entries)
    return [*entries, (Line2D([], [], linestyle="none"), f"and {more} more")] if more else entries


def _mark_entries(picture: Picture) -> "list[tuple[Line2D, str]]":
    from matplotlib.lines import Line2D  # noqa: PLC0415

    lines = [line for panel in picture.panels for line in panel.lines]
    shown = {line.ending for line in lines}
    entries = [
        (Line2D([], [], color=_GREY, marker=mark, markersize=8, linestyle="none"), ENDINGS[ending])
        for ending, mark in _MARKS.items()
        if ending in shown
    ]
    if any(len(line.at_s) == 1 for line in lines):
        hollow = Line2D([], [], color=_GREY, marker="o", markerfacecolor="white", linestyle="none")
        entries.append((hollow, "hollow: its peak only"))
    if any(line.confirming for line in lines):
        entries.append((Line2D([], [], color=_GREY, linewidth=1.0), "thin: confirms"))
    if picture.missing:
        entries.append((Line2D([], [], linestyle="none"), picture.missing))
    return entries


def _write(text: Any, words: str) -> Any:
    """Set the words of a matplotlib text, as they are: no formulas, no glyph that is missing."""
    font = _font()
    text.set_parse_math(False)
    text.set_text("".join(c if c == "\n" or font.get_char_index(ord(c)) else "?" for c in words))
    return text


@functools.cache
def _font() -> Any:
    from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: PLC0415

    return get_font(findfont(FontProperties()))
