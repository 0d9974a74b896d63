"""What is otherwise than in the baseline: each case beside the accepted one, and what grew."""

from collections.abc import Sequence
from typing import Final

from harness.core.attribution import Attribution, SiteChange
from harness.core.baseline import Baseline
from harness.core.comparison import (
    CaseComparison,
    compare,
    side_of_baseline,
    side_of_report,
)
from harness.core.report import Report
from harness.core.units import format_bytes
from harness.reporters.comparison import cells_of, in_order, remarks_on, summary_of, told_of
from harness.reporters.html.cases import CaseRuns
from harness.reporters.html.flames import Flames, growth_flame_of
from harness.reporters.html.model import Change, ChangesView, GrowthView, SiteGrowth
from harness.reporters.html.texts import clip

_MOST_SITES: Final = 12
# Of all cases, in the table; those that changed most come first.
_MOST_CASES: Final = 2_000
# Whose growth is shown line by line; of the others, the findings tell it.
_MOST_GROWN: Final = 40
_ACCEPTED: Final = "the baseline"
_NOW: Final = "this report"


def changes_of(
    report: Report, baseline: Baseline | None, groups: Sequence[CaseRuns], flames: Flames
) -> ChangesView | None:
    """Return what changed since the baseline; None where there is none, and nothing is told."""
    keys = {group.worst.case.name: group.key for group in reversed(groups)}
    grown = tuple(
        _growth(found, keys, flames)
        for found in report.attributions[:_MOST_GROWN]
        if found.sites or found.unknown
    )
    if baseline is None:
        return ChangesView(sentence="", grown=grown) if grown else None
    before = side_of_baseline(baseline, source=_ACCEPTED)
    (found,) = compare([before], [side_of_report(report, source=_NOW)])
    return ChangesView(
        sentence=clip(f"{summary_of(found)}."),
        remarks=tuple(clip(remark) for remark in remarks_on(found)),
        changes=tuple(_change(case, keys) for case in in_order(found.cases)[:_MOST_CASES]),
        grown=grown,
    )


def _change(case: CaseComparison, keys: dict[str, str]) -> Change:
    word, before, now, difference, confidence, name = cells_of(case)
    return Change(
        case=clip(name, 400),
        kind=case.outcome.value,
        word=word,
        before=before,
        now=now,
        difference=difference,
        confidence=confidence,
        told=clip(told_of(case)),
        key=keys.get(case.case, ""),
    )


def _growth(found: Attribution, keys: dict[str, str], flames: Flames) -> GrowthView:
    heaps = ""
    if found.old_heap_bytes is not None and found.new_heap_bytes is not None:
        heaps = (
            f"By {found.profiler}'s count of the heap: {format_bytes(found.new_heap_bytes)}, "
            f"and {format_bytes(found.old_heap_bytes)} in the baseline."
        )
    flame, reason = flames.add(lambda: growth_flame_of(found.stacks) if found.stacks else None)
    return GrowthView(
        case=clip(found.case, 400),
        key=keys.get(found.case, ""),
        words=tuple(clip(words) for words in (heaps, *found.unknown) if words),
        sites=tuple(_site(site) for site in found.sites[:_MOST_SITES]),
        flame=flame,
        flame_reason=reason if found.stacks else "",
    )


def _site(site: SiteChange) -> SiteGrowth:
    by_bytes = site.least_growth_bytes
    return SiteGrowth(
        at=clip(f"{site.file}:{site.line}" if site.line else site.file, 300),
        source=clip(site.source, 200),
        was_at=clip(site.was_at, 300),
        before=_size(site.old_bytes, site.old_most_bytes),
        now=_size(site.new_bytes, site.new_most_bytes),
        difference=f"{'+' if by_bytes > 0 else ''}{format_bytes(by_bytes)}",
        kind="grown" if by_bytes > 0 else "shrunk" if by_bytes < 0 else "same",
    )


def _size(size_bytes: int | None, most_bytes: int) -> str:
    if size_bytes is not None:
        return format_bytes(size_bytes)
    return f"at most {format_bytes(most_bytes)}" if most_bytes else "nothing"
