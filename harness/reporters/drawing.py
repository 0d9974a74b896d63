"""What is drawn by matplotlib, all at once, by a process of its own.

matplotlib costs some 60 MB of memory that a process never gives back, and most of a second to
import. ``python -m harness.reporters.drawing < wanted.json > drawn.json``.
"""

import sys

import msgspec

from harness.reporters.html.shapes import Scaling, Timeline
from harness.reporters.picture import Picture


class WantedPlot(msgspec.Struct, frozen=True, kw_only=True):
    """A plot for a page: one of the two shapes; `label` is what it is called there."""

    label: str
    timeline: Timeline | None = None
    scaling: Scaling | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All that is to be drawn: the picture of a report, and the plots of its page."""

    picture: Picture | None = None
    plots: tuple[WantedPlot, ...] = ()


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn: the picture as PNG, and each plot as SVG, in the order asked for."""

    picture: bytes | None = None
    plots: tuple[str, ...] = ()


def encode_wanted(wanted: Wanted) -> bytes:
    """Return what the drawing process reads from its standard input."""
    return msgspec.json.encode(wanted)


def decode_drawn(data: bytes) -> Drawn:
    """Return what the drawing process wrote.

    Raises:
        msgspec.MsgspecError: it is cut short.

    """
    return msgspec.json.decode(data, type=Drawn)


def draw_all(wanted: Wanted) -> Drawn:
    """Draw everything, in this process."""
    from harness.reporters.plots import draw  # noqa: PLC0415  (matplotlib; see the module)

    return Drawn(
        picture=None if wanted.picture is None else draw(wanted.picture),
        plots=tuple(_plot(number, plot) for number, plot in enumerate(wanted.plots)),
    )


def _plot(number: int, plot: WantedPlot) -> str:
    from harness.reporters.html.figures import draw_scaling, draw_timeline  # noqa: PLC0415

    if plot.timeline is not None:
        return draw_timeline(plot.timeline, prefix=f"p{number}", label=plot.label)
    if plot.scaling is not None:
        return draw_scaling(plot.scaling, prefix=f"p{number}", label=plot.label)
    return ""


def main() -> None:
    """Draw what the standard input asks for to the standard output."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)
    sys.stdout.buffer.write(msgspec.json.encode(draw_all(wanted)))


if __name__ == "__main__":
    main()
