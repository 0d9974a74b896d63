"""From the answer of a reproduction to the page that shows it."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.core.answer import Answer
from harness.core.autopsy import Autopsy
from harness.core.ending import Ending
from harness.core.profile import Profile
from harness.core.run import Purpose
from harness.core.units import format_bytes, format_seconds
from harness.reporters.answer import sections_of
from harness.reporters.drawing import WantedPlot
from harness.reporters.html import cases, machine
from harness.reporters.html.cases import group_runs, rows_of
from harness.reporters.html.flames import Flames
from harness.reporters.html.model import Block, Page
from harness.reporters.html.plotting import Plots
from harness.reporters.html.profiles import view_of_answer
from harness.reporters.html.shapes import Mark, MarkKind
from harness.reporters.html.texts import clip
from harness.reporters.html.timelines import Samples
from harness.reporters.html.xrays import view_of_costs
from harness.reporters.words import ENDINGS, describe_conditions

# Sections that the page shows in a better way.
_SHOWN_OTHERWISE: Final = frozenset({"Ended", "Held by", "Profile", "Heap", "JSON costs"})
_MIB: Final = 2**20


class AnswerPage:
    """Makes the page of one answer: first its plots are drawn, then it is set."""

    def __init__(self, answer: Answer, *, samples_of: Samples, profile: Profile | None) -> None:
        """Prepare; `profile` is what the answer's sites are from."""
        self._answer = answer
        self._profile = profile
        self._groups = group_runs(answer.runs, (), is_judged=False)
        self._plots = Plots(self._groups, samples_of)
        for group in self._groups:
            if group.worst.purpose is Purpose.AUTOPSY and answer.autopsy is not None:
                self._plots.mark(group.key, _standstill(answer.autopsy))

    @property
    def wanted(self) -> tuple[WantedPlot, ...]:
        """The plots that are to be drawn for the page."""
        return self._plots.wanted

    def page(self, svgs: Sequence[str]) -> Page:
        """Return the page, with its plots as they were drawn; without, where they were not."""
        answer, plots, flames = self._answer, self._plots.drawn(svgs), Flames()
        rows = rows_of(self._groups)
        held = view_of_answer(answer, self._profile, flames)
        return Page(
            title=clip(answer.snapshot.label, 200),
            verdict=ENDINGS[answer.ending],
            standing=_standing(answer.ending),
            sentence=_sentence(answer),
            meta=(clip(answer.started_at, 100), *map(clip, describe_conditions(answer.conditions))),
            blocks=tuple(self._blocks()),
            rows=rows,
            cases=tuple(
                cases.view_of(group, row, plot=plots.get(group.key), is_heard=True, is_open=True)
                for group, row in zip(self._groups, rows, strict=True)
            ),
            profiles=() if held is None else (held,),
            xrays=()
            if answer.costs is None
            else (view_of_costs(answer.costs, answer.snapshot.label),),
            machine=machine.facts_of(answer.conditions),
            version=clip(answer.oomproof, 100),
            flames=tuple(flames.trees),
        )

    def _blocks(self) -> Iterator[Block]:
        yield Block(title="Command", lines=(clip(" ".join(self._answer.command)),), is_code=True)
        for section in sections_of(self._answer):
            if section.label not in _SHOWN_OTHERWISE:
                lines = tuple(clip(line) for line in section.lines)
                yield Block(title=section.label, lines=lines, is_code=section.is_code)


def _standing(ending: Ending | None) -> str:
    if ending is None or ending is Ending.KILLED_FROM_OUTSIDE:
        return "open"
    return "ok" if ending is Ending.COMPLETED else "failed"


def _sentence(answer: Answer) -> str:
    """Return what happened and with what, in one sentence that follows on the verdict."""
    what = f"{answer.snapshot.label} ({format_bytes(answer.snapshot.bytes)})"
    where = f"with {what} under {format_bytes(answer.limit_bytes)}"
    if answer.ending is None:
        return clip(f"{where}: {answer.reason}.")
    peak = "an unknown peak" if answer.peak_bytes is None else f"a peak of {_peak(answer)}"
    after = format_seconds(answer.ended_after_s)
    return clip(f"after {after} {where}, at {peak}: {answer.reason}.")


def _peak(answer: Answer) -> str:
    bound = "at least " if answer.peak_is_lower_bound else ""
    return f"{bound}{format_bytes(answer.peak_bytes or 0)}"


def _standstill(autopsy: Autopsy) -> Mark:
    stood = autopsy.standstill.stood
    size = format_bytes(stood.unreclaimable_bytes)
    return Mark(
        kind=MarkKind.LIMIT,
        at_s=stood.at_s,
        mib=stood.unreclaimable_bytes / _MIB,
        text=f"frozen and looked at, at {size}",
    )
