"""Heap profiles in the page: lines of code, flame graphs, and heap beside resident."""

from collections.abc import Callable
from typing import Final

from harness.core.answer import Answer, ProfileSummary, SiteShare
from harness.core.profile import Moment, Profile
from harness.core.reconcile import Reconciliation
from harness.core.sites import CaseProfile, SiteRow, SiteTable
from harness.core.units import format_bytes
from harness.reporters.answer import heap_lines, heap_parts, profile_lines
from harness.reporters.html.flames import Flames, flame_of
from harness.reporters.html.model import Part, ProfileView, SiteView
from harness.reporters.html.texts import clip, percent

# A smaller share of the whole would be shown as nothing.
_LEAST_SHARE: Final = 0.0005
_BRIEF_SITES: Final = 3
_MOMENTS: Final = {
    Moment.HIGH_WATER: "at the heap's high-water mark",
    Moment.DEATH: "at its death",
}


def view_of_answer(answer: Answer, profile: Profile | None, flames: Flames) -> ProfileView | None:
    """Return the profile of an answer; None where there is none."""
    if answer.profile is None:
        return None
    flame, reason = flames.add(lambda: None if profile is None else flame_of(profile))
    heap, summary = answer.heap, answer.profile
    return ProfileView(
        title=_title(summary.moment),
        words=tuple(clip(line) for line in profile_lines(summary)),
        sites=tuple(_site_of_share(site) for site in answer.sites if site.share >= _LEAST_SHARE),
        flame=flame,
        flame_reason=reason,
        heap=() if heap is None else heap_bars(heap, summary),
        heap_words=tuple(clip(line) for line in heap_lines(heap, summary)),
    )


def view_of_case(
    told: CaseProfile,
    profile_of: Callable[[CaseProfile], Profile | None],
    flames: Flames,
    *,
    is_brief: bool = False,
) -> ProfileView | None:
    """Return what the profiled pass of a case told; None where it told nothing of its memory.

    Where `is_brief`, only the first few lines are there, without who called them.
    """
    problems = tuple(clip(problem) for problem in told.problems)
    if told.sites is None:
        return None if not problems else ProfileView(title="Profile", words=problems, sites=())
    table = told.sites

    def graph() -> dict[str, object] | None:
        profile = profile_of(told)
        return None if profile is None else flame_of(profile)

    flame, reason = flames.add(graph)
    return ProfileView(
        title=_title(table.moment),
        words=(*_words(table), *problems),
        sites=tuple(
            _site_of_row(row, is_brief=is_brief)
            for row in table.rows[: _BRIEF_SITES if is_brief else None]
        ),
        flame=flame,
        flame_reason=reason,
    )


def _title(moment: Moment) -> str:
    return f"What held the memory {_MOMENTS[moment]}"


def _words(table: SiteTable) -> tuple[str, ...]:
    cut = " Its capture ended before the worker did." if table.is_cut else ""
    return (
        clip(
            f"{format_bytes(table.total_bytes)} requested and alive {_MOMENTS[table.moment]}, as "
            f"{table.profiler} {table.version} saw it in a run of its own.{cut}"
        ),
    )


def _site_of_share(site: SiteShare) -> SiteView:
    return SiteView(
        at=clip(site.at, 300),
        source=clip(site.source.strip(), 200),
        size=format_bytes(site.bytes),
        bytes=site.bytes,
        percent=percent(site.share, 1),
        count=f"{site.count:,}",
        stack=tuple(clip(frame, 300) for frame in site.stack),
    )


def _site_of_row(row: SiteRow, *, is_brief: bool) -> SiteView:
    place = f"{row.file}:{row.line}" if row.line else row.file
    callers = (row.function or place, *reversed(row.callers))
    return SiteView(
        at=clip(place, 300),
        source=clip(row.source, 200),
        size=format_bytes(row.bytes),
        bytes=row.bytes,
        percent=percent(row.share, 1),
        count=f"{row.count:,}",
        stack=() if is_brief else tuple(clip(one, 300) for one in callers),
    )


def heap_bars(heap: Reconciliation, summary: ProfileSummary) -> tuple[Part, ...]:
    """Return the parts of a sum that leads from what was requested to what was resident.

    Each begins where the one before ends; what was requested and never touched goes back.
    """
    parts = heap_parts(heap, summary)
    resident_bytes = heap.resident_bytes
    if resident_bytes is None or heap.remainder_bytes is None:
        return ()
    whole = max(resident_bytes, sum(size for _, size in parts if size > 0), 1)
    bars: list[Part] = []
    at_bytes = 0
    for name, size_bytes in parts:
        begin = at_bytes if size_bytes >= 0 else at_bytes + size_bytes
        bars.append(
            Part(
                name=name,
                size=format_bytes(size_bytes),
                from_percent=percent(begin, whole),
                percent=percent(abs(size_bytes), whole),
                kind="part" if size_bytes >= 0 else "less",
            )
        )
        at_bytes += size_bytes
    total = Part(
        name="resident",
        size=format_bytes(resident_bytes),
        from_percent=0.0,
        percent=percent(resident_bytes, whole),
        kind="whole",
    )
    return (*bars, total)
