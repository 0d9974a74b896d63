"""The bar of a peak against its limit, and the signs that a terminal can show."""

from typing import Final

import msgspec
from rich.text import Text

from harness.core.ending import Ending
from harness.core.finding import Severity
from harness.core.run import Run
from harness.reporters.plain import in_ascii
from harness.reporters.words import Standing, limit_bytes_of

_EIGHTHS: Final = "▏▎▍▌▋▊▉"
# A peak within a tenth of its limit leaves no room for a larger snapshot.
_NEAR: Final = 0.9


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A peak and the upper end of its interval as fractions of the limit; None if unknown."""

    peak: float | None = None
    upper: float | None = None
    killed: bool = False

    @classmethod
    def of(cls, run: Run) -> "Bar":
        """Return the bar of a run; a run without a limit or a peak has an empty one."""
        limit_bytes = limit_bytes_of(run)
        if not limit_bytes or run.peak_bytes is None:
            return cls()
        upper = run.peak_upper_bytes
        return cls(
            peak=run.peak_bytes / limit_bytes,
            upper=None if upper is None else upper / limit_bytes,
            killed=run.ending is Ending.OOM_KILLED,
        )

    @property
    def has_interval(self) -> bool:
        """Whether the upper end is so far from the peak that it can be seen in a bar."""
        return self.peak is not None and self.upper is not None and self.upper - self.peak > 0.02


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """The signs of one kind of terminal."""

    full: str
    interval: str
    empty: str
    eighths: str
    over: str
    killed: str
    arrow: str
    bound: str
    ellipsis: str
    margin: str
    marks: dict[Standing, str]
    bullets: dict[Severity, str]
    ascii_only: bool

    @property
    def hang(self) -> int:
        """How far the lines below an arrow stand to the right of it."""
        return len(self.arrow) + 1

    def show(self, text: str) -> str:
        """Return `text` with only such characters as this terminal can show."""
        return in_ascii(text) if self.ascii_only else text

    def draw(self, bar: Bar, width: int) -> Text:
        """Return a bar of `width` cells: the peak, the rest of its interval, and the room left."""
        if bar.peak is None:
            return Text(" " * width)
        solid = self._solid(bar.peak, width)
        end = round(min(1.0, bar.upper or 0.0) * width) if bar.has_interval else 0
        interval = self.interval * max(0, end - len(solid))
        empty = self.empty * (width - len(solid) - len(interval))
        if bar.killed:
            solid = solid[:-1] + self.killed
        return Text.assemble((solid, _style(bar)), (interval, "dim"), (empty, "dim"))

    def _solid(self, fraction: float, width: int) -> str:
        """Return the filled cells, at least one, of which the last may be filled in part."""
        if fraction > 1:
            return self.full * (width - 1) + self.over
        whole, eighths = divmod(max(1, int(fraction * width * 8)), 8)
        if not self.eighths:
            return self.full * max(1, whole)
        return self.full * whole + (self.eighths[eighths - 1] if eighths else "")


def _style(bar: Bar) -> str:
    if bar.killed or bar.peak is None or bar.peak >= 1:
        return "red"
    return "yellow" if bar.peak >= _NEAR else "green"


BLOCKS: Final = Glyphs(
    full="█",
    interval="▒",
    empty="·",
    eighths=_EIGHTHS,
    over="▶",
    killed="✕",
    arrow="→",
    bound="≥",
    ellipsis="…",
    margin="│",
    marks={Standing.AS_ASKED: "✔", Standing.FAILED: "✘", Standing.UNDECIDED: "?"},
    bullets={Severity.FAILURE: "✘", Severity.NO_VERDICT: "?", Severity.NOTE: "·"},
    ascii_only=False,
)
ASCII: Final = Glyphs(
    full="#",
    interval="=",
    empty=".",
    eighths="",
    over=">",
    killed="X",
    arrow="->",
    bound=">=",
    ellipsis="..",
    margin="|",
    marks={Standing.AS_ASKED: "ok", Standing.FAILED: "FAIL", Standing.UNDECIDED: "?"},
    bullets={Severity.FAILURE: "x", Severity.NO_VERDICT: "?", Severity.NOTE: "-"},
    ascii_only=True,
)
