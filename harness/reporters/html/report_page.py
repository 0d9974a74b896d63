"""From a report to the page that shows it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from harness.core.baseline import Baseline
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity
from harness.core.profile import Profile
from harness.core.report import Report
from harness.core.run import Purpose
from harness.core.sites import CaseProfile
from harness.core.verdict import Verdict
from harness.reporters.drawing import WantedPlot
from harness.reporters.html import cases, machine
from harness.reporters.html.cases import CaseRuns, group_runs, rows_of
from harness.reporters.html.changes import changes_of
from harness.reporters.html.flames import Flames
from harness.reporters.html.laws import scaling_of, shown_laws
from harness.reporters.html.model import (
    CaseRow,
    CaseView,
    LawView,
    Note,
    NoteGroup,
    Page,
    Plot,
    ProfileView,
    XRayView,
)
from harness.reporters.html.plotting import Plots
from harness.reporters.html.profiles import view_of_case
from harness.reporters.html.texts import clip
from harness.reporters.html.timelines import Samples
from harness.reporters.html.xrays import view_of_table
from harness.reporters.laws import describe_largest, describe_law, growth_lines
from harness.reporters.words import (
    GROUPS,
    VERDICTS,
    Standing,
    describe_conditions,
    list_runs,
    notes_of,
    sentence_of,
)

STANDINGS: Final = {Verdict.PASS: "ok", Verdict.FAIL: "failed", Verdict.NONE: "open"}
# Details that a page of few cases shows at once; of more, those that are not as asked.
_MOST_OPEN: Final = 8
# Whose last words are in the page; those of others are in the runs' folders.
_MOST_SAID: Final = 200
# Whose profiles are shown with all their lines, and with who called them.
_MOST_PROFILES: Final = 24
# The sentences of others say all that their plots would.
_MOST_LAWS_DRAWN: Final = 16
# Of findings on single runs, in the list of all; each stands at its case, too.
_MOST_NOTES: Final = 300

Profiles = Callable[[CaseProfile], Profile | None]
"""Returns the whole profile that a case's table is from, where it was kept."""


class ReportPage:
    """Makes the page of one report: first its plots are drawn, then it is set."""

    def __init__(
        self,
        report: Report,
        *,
        samples_of: Samples,
        baseline: Baseline | None = None,
        profile_of: Profiles = lambda _: None,
    ) -> None:
        """Prepare; `profile_of` reads the profiles that the tables in the report were made of."""
        self._report = report
        self._baseline = baseline
        self._told = {one.case: one for one in report.profiles}
        self._profile_of = profile_of
        self._flames = Flames()
        self._groups = group_runs(report.runs, report.findings)
        self._plots = Plots(self._groups, samples_of)
        for number, law in enumerate(shown_laws(report)[:_MOST_LAWS_DRAWN]):
            if (scaling := scaling_of(law, report.runs)) is not None:
                label = "Peak over the size of the snapshot"
                self._plots.want(f"law-{number}", WantedPlot(label=label, scaling=scaling))

    @property
    def wanted(self) -> tuple[WantedPlot, ...]:
        """The plots that are to be drawn for the page."""
        return self._plots.wanted

    def page(self, svgs: Sequence[str]) -> Page:
        """Return the page, with its plots as they were drawn; without, where they were not."""
        report, plots = self._report, self._plots.drawn(svgs)
        rows = rows_of(self._groups)
        return Page(
            title=clip(report.scenario, 200),
            verdict=VERDICTS[report.verdict],
            standing=STANDINGS[report.verdict],
            sentence=clip(sentence_of(report)),
            meta=_meta(report),
            notes=tuple(self._notes()),
            rows=rows,
            cases=self._cases(rows, plots),
            changes=changes_of(report, self._baseline, self._groups, self._flames),
            laws=tuple(self._laws(plots)),
            growth=tuple(clip(line) for line in growth_lines(report)),
            xrays=tuple(self._xrays()),
            machine=machine.facts_of(report.conditions),
            version=clip(report.oomproof, 100),
            flames=tuple(self._flames.trees),
        )

    def _notes(self) -> Iterator[NoteGroup]:
        keys = {run.number: group.key for group in self._groups for run in group.runs}
        for severity, title in GROUPS.items():
            found = [one for one in self._report.findings if one.severity is severity]
            notes = [_note(finding, keys) for finding in found[:_MOST_NOTES]]
            if len(found) > _MOST_NOTES:
                more = f"And {len(found) - _MOST_NOTES} more, each at its case below."
                notes.append(Note(text=more))
            if severity is Severity.NOTE:
                on_runs = notes_of(self._report.runs)[:_MOST_NOTES]
                notes += [
                    Note(text=clip(text), where=clip(list_runs(numbers).capitalize(), 200))
                    for text, numbers in on_runs
                ]
            if notes:
                yield NoteGroup(title=title, kind=severity, notes=tuple(notes))

    def _cases(self, rows: Sequence[CaseRow], plots: Mapping[str, Plot]) -> tuple[CaseView, ...]:
        worst_first = sorted(self._groups, key=lambda group: group.weight)
        heard = {group.key for group in worst_first[:_MOST_SAID]}
        # The worst cases have their flame graphs, if there is no room for all.
        profiles: dict[str, ProfileView] = {}
        for group in worst_first:
            view = self._profile(group, is_brief=len(profiles) >= _MOST_PROFILES)
            if view is not None:
                profiles[group.key] = view
        few = len(self._groups) <= _MOST_OPEN
        # What a profiled run shows stands at the case that it is of.
        judged = [one for one in worst_first if one.worst.purpose is not Purpose.PROFILE]
        opened = {group.key for group in judged[:_MOST_OPEN] if few or _is_bad(group)}
        return tuple(
            cases.view_of(
                group,
                row,
                plot=plots.get(group.key),
                profile=profiles.get(group.key),
                is_heard=group.key in heard,
                is_open=group.key in opened,
            )
            for group, row in zip(self._groups, rows, strict=True)
        )

    def _profile(self, group: CaseRuns, *, is_brief: bool) -> ProfileView | None:
        told = self._told.get(group.worst.case.name)
        if told is None or group.worst.purpose is not Purpose.VERDICT:
            return None
        return view_of_case(told, self._profile_of, self._flames, is_brief=is_brief)

    def _xrays(self) -> Iterator[XRayView]:
        """Yield the tree of each table of paths once: cases of one snapshot have the same."""
        seen = set()
        for group in self._groups:
            told = self._told.get(group.worst.case.name)
            table = told.paths if told is not None else None
            if (
                table is not None
                and (what := (group.worst.case.snapshots, table.parser)) not in seen
            ):
                seen.add(what)
                yield view_of_table(table, f"{group.worst.case.snapshot_label}, {table.parser}")

    def _laws(self, plots: Mapping[str, Plot]) -> Iterator[LawView]:
        for number, law in enumerate(shown_laws(self._report)):
            yield LawView(
                sentence=clip(describe_law(law)),
                fits=tuple(clip(describe_largest(largest)) for largest in law.largest),
                plot=plots.get(f"law-{number}"),
            )


def _is_bad(group: CaseRuns) -> bool:
    return group.standing is not Standing.AS_ASKED or group.worst.ending is Ending.OOM_KILLED


def _note(finding: Finding, keys: Mapping[int, str]) -> Note:
    return Note(
        text=clip(finding.message),
        step=clip(finding.next_step),
        where="" if finding.run is None else f"Run {finding.run}",
        key="" if finding.run is None else keys.get(finding.run, ""),
    )


def _meta(report: Report) -> tuple[str, ...]:
    return tuple(
        clip(words, 300) for words in (report.started_at, *describe_conditions(report.conditions))
    )
