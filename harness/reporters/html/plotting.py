"""The plots of a page: which are drawn before it is set, and which the page sketches itself."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from harness.reporters.drawing import WantedPlot
from harness.reporters.html.cases import CaseRuns
from harness.reporters.html.model import Plot
from harness.reporters.html.shapes import Mark, Timeline
from harness.reporters.html.timelines import POINTS, SKETCH_POINTS, Samples, sketch_of, timeline_of

# Drawing one takes some 50 ms of a slow core; the others are sketched by the page itself.
MOST_DRAWN: Final = 20
_TITLE: Final = "Memory over time"


class Plots:
    """The plots of a page: `wanted` are to be drawn first, in this order."""

    def __init__(self, groups: Sequence[CaseRuns], samples_of: Samples) -> None:
        """Prepare the timelines of `groups`; each run's samples are read once, and let go."""
        self.timelines: dict[str, Timeline] = {}
        worst_first = sorted(groups, key=lambda group: group.weight)
        drawn = {group.key for group in worst_first[:MOST_DRAWN]}
        for group in groups:
            points = POINTS if group.key in drawn else SKETCH_POINTS
            timeline = timeline_of(group.worst, group.runs, samples_of, points=points)
            if timeline is not None:
                self.timelines[group.key] = timeline
        self._keys = [
            group.key for group in worst_first[:MOST_DRAWN] if group.key in self.timelines
        ]
        self._wanted = [
            WantedPlot(label=_TITLE, timeline=self.timelines[key]) for key in self._keys
        ]

    @property
    def wanted(self) -> tuple[WantedPlot, ...]:
        """The plots that are to be drawn."""
        return tuple(self._wanted)

    def want(self, key: str, plot: WantedPlot) -> None:
        """Ask for one more plot."""
        self._keys.append(key)
        self._wanted.append(plot)

    def mark(self, key: str, mark: Mark) -> None:
        """Put one more mark on a timeline, where there is that timeline."""
        timeline = self.timelines.get(key)
        if timeline is None:
            return
        marked = replace(timeline, marks=(mark, *timeline.marks))
        self.timelines[key] = marked
        self._wanted = [
            replace(plot, timeline=marked) if known == key else plot
            for known, plot in zip(self._keys, self._wanted, strict=True)
        ]

    def drawn(self, svgs: Sequence[str]) -> Mapping[str, Plot]:
        """Return the plots by their keys: as drawn, and sketches of those that were not."""
        plots = {
            key: Plot(title=plot.label, svg=svg)
            for key, plot, svg in zip(self._keys, self._wanted, svgs, strict=False)
            if svg
        }
        for key, timeline in self.timelines.items():
            if key not in plots:
                plots[key] = Plot(title=_TITLE, sketch=sketch_of(timeline))
        return plots
