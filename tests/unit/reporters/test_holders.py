"""What held the memory, as it is told to people, whatever stands in a worker's code."""

import msgspec

from harness.core.profile import Moment, Profiler
from harness.core.report import Report
from harness.core.sites import CaseProfile, SiteRow, SiteTable
from harness.reporters.holders import HOLDERS, holder_lines
from harness.reporters.markdown import render_markdown
from harness.reporters.terminal import render_terminal

MIB = 2**20
EVIL = "\x1b[31m<script>alert(1)</script>`x` | @team"


def table(*rows: SiteRow, moment: Moment = Moment.HIGH_WATER) -> SiteTable:
    return SiteTable(
        profiler=Profiler.MEMRAY,
        moment=moment,
        total_bytes=100 * MIB,
        unlisted_bytes=0,
        rows=rows,
    )


def row(
    mib: int,
    line: int = 41,
    *,
    source: str = "rows.append(row)",
    file: str = "app/full.py",
    function: str = "load",
) -> SiteRow:
    return SiteRow(
        function=function,
        file=file,
        line=line,
        source=source,
        bytes=mib * MIB,
        share=mib / 100,
    )


def told(good: Report, *profiles: CaseProfile) -> Report:
    return msgspec.structs.replace(good, profiles=profiles)


def test_the_lines_that_hold_most_are_named(night: Report) -> None:
    rows = [row(4, 1), row(60), row(20, 12, source="json.load(file)"), row(1, 3)]
    (line,) = holder_lines(told(night, CaseProfile(case="w · 5MB", sites=table(*rows))))
    assert line == (
        "w · 5MB: 100 MiB of heap at its high water (memray), 60 MiB (60%) at "
        "`full.py:41 rows.append(row)`, 20 MiB (20%) at `full.py:12 json.load(file)`"
    )


def test_cases_of_the_same_lines_are_told_together(night: Report) -> None:
    def of(name: str, *rows: SiteRow, total_mib: int) -> CaseProfile:
        sites = msgspec.structs.replace(table(*rows), total_bytes=total_mib * MIB)
        return CaseProfile(case=name, sites=sites)

    lines = holder_lines(
        told(
            night,
            of("w · 5MB", row(9), row(5, 12), total_mib=10),
            of("w · 50MB", row(60, 12), row(90), total_mib=100),
            of("v · 5MB", row(50, 7), total_mib=50),
            *(of(f"w · {size}kB", row(9), row(5, 12), total_mib=1) for size in (1, 2, 3)),
        )
    )
    assert len(lines) == 2
    assert lines[0].startswith("w · 50MB: 100 MiB of heap at its high water (memray), 90 MiB")
    same = "; the same with w · 5MB (10 MiB), w · 1kB (1 MiB), w · 2kB (1 MiB) and 1 more"
    assert lines[0].endswith(same)
    assert lines[1].startswith("v · 5MB: 50 MiB")


def test_a_line_that_is_not_known_has_no_number(night: Report) -> None:
    unknown = row(60, 0, source="", function="", file="unknown")
    (line,) = holder_lines(told(night, CaseProfile(case="w", sites=table(unknown))))
    assert line.endswith("60 MiB (60%) at `unknown`")


def test_a_profile_of_a_death_and_one_that_is_not_there(night: Report) -> None:
    dead = CaseProfile(case="w", sites=table(row(90), moment=Moment.DEATH))
    none = CaseProfile(case="v", problems=("With memray in it it crashed.",))
    first, second = holder_lines(told(night, dead, none))
    assert "of heap at its death" in first
    assert second == "v: With memray in it it crashed."


def test_a_report_without_profiles_has_no_such_part(night: Report) -> None:
    assert HOLDERS not in render_markdown(night)
    assert HOLDERS not in render_terminal(night, width=100, color=False, unicode=True)


def test_nothing_from_a_worker_is_obeyed(night: Report) -> None:
    evil = row(60, source=EVIL, file=f"{EVIL}.py", function=EVIL)
    report = told(night, CaseProfile(case=EVIL, sites=table(evil), problems=(EVIL,)))
    page = render_markdown(report)
    assert HOLDERS in page
    assert "<script" not in page
    assert "\x1b" not in page
    shown = render_terminal(report, width=100, color=False, unicode=True)
    assert HOLDERS in shown
    assert "\x1b" not in shown
