"""`report.md`: the report for a CI summary or a comment, in GitHub's Markdown."""

import re
from collections.abc import Iterator
from typing import Final

from harness.core.finding import Finding, Severity
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.units import format_seconds
from harness.core.verdict import Verdict
from harness.reporters.holders import HOLDERS, holder_lines
from harness.reporters.laws import GROWTH, SCALING, growth_lines, scaling_lines
from harness.reporters.plain import last_lines, one_line
from harness.reporters.words import (
    GROUPS,
    PROFILED,
    VERDICTS,
    Standing,
    describe_conditions,
    describe_ending,
    describe_limit,
    describe_pass,
    describe_peak,
    describe_share,
    list_runs,
    notes_of,
    sentence_of,
    standing_of,
)

_VERDICT_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.NONE: "❔"}
_STANDING_SIGNS: Final = {
    Standing.AS_ASKED: "✅",
    Standing.FAILED: "❌",
    Standing.UNDECIDED: "❔",
}
_HEADINGS: Final = (
    "| | Run | Worker | Snapshot | Peak, MiB | Limit, MiB | Of limit | Time | Ending |\n"
    "|:-:|--:|:--|:--|--:|--:|--:|--:|:--|"
)
_STDERR_LINES: Final = 20
# What Markdown, GitHub's tables and its formulas give a meaning to. HTML's own go as entities,
# because a backslash does not keep every renderer from reading a tag.
_MARKUP: Final = re.compile(r"[\\`*_\[\]~|#!{}]")
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
# A comment keeps GitHub from telling a person or a team of this name.
_MENTION: Final = "@<!-- -->"


def render_markdown(report: Report) -> str:
    """Return the report in Markdown; it can be appended to ``GITHUB_STEP_SUMMARY`` as it is."""
    return "\n".join(_lines(report)) + "\n"


def escape(text: str) -> str:
    """Return text from outside on one line, with nothing that Markdown or HTML would obey."""
    marked = _MARKUP.sub(r"\\\g<0>", one_line(text)).translate(_ENTITIES)
    return marked.replace("@", _MENTION)


def prose(text: str) -> str:
    """Return a sentence with its words in backticks as code, and all of it escaped."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a name from outside has a backtick of its own
        return escape(text)
    return "".join(
        f"<code>{escape(piece)}</code>" if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )


def _lines(report: Report) -> Iterator[str]:
    sign, verdict = _VERDICT_SIGNS[report.verdict], VERDICTS[report.verdict]
    yield f"## {sign} {verdict}: {escape(report.scenario)}"
    yield ""
    yield escape(sentence_of(report))
    yield ""
    if report.runs:
        yield _HEADINGS
        for run in report.runs:
            yield _row(run, report)
        yield ""
    if any(run.purpose is Purpose.PROFILE for run in report.runs):
        yield f"<sub>profiled: {PROFILED}</sub>"
        yield ""
    yield from _laws(report)
    yield from _holders(report)
    yield from _findings(report)
    yield from _streams(report)
    yield from _conditions(report)


def _row(run: Run, report: Report) -> str:
    cells = (
        _STANDING_SIGNS[standing_of(run, report.findings)],
        str(run.number),
        escape(f"{run.case.variant}{describe_pass(run)}"),
        escape(run.case.snapshot_label),
        escape(describe_peak(run)),
        describe_limit(run),
        describe_share(run),
        format_seconds(run.wall_seconds),
        describe_ending(run, report.findings),
    )
    return f"| {' | '.join(cells)} |"


def _laws(report: Report) -> Iterator[str]:
    scaling, growth = scaling_lines(report), growth_lines(report)
    if scaling:
        yield f"### {SCALING}"
        yield ""
        for law, fits in scaling:
            yield f"- {escape(law)}"
            yield from (f"  - {escape(line)}" for line in fits)
        yield ""
    if growth:
        yield f"### {GROWTH}"
        yield ""
        yield from (f"- {escape(line)}" for line in growth)
        yield ""


def _holders(report: Report) -> Iterator[str]:
    lines = holder_lines(report)
    if lines:
        yield f"### {HOLDERS}"
        yield ""
        yield from (f"- {prose(line)}" for line in lines)
        yield ""


def _findings(report: Report) -> Iterator[str]:
    for severity, title in GROUPS.items():
        group = [finding for finding in report.findings if finding.severity is severity]
        notes = notes_of(report.runs) if severity is Severity.NOTE else ()
        if not group and not notes:
            continue
        yield f"### {title}"
        yield ""
        for finding in group:
            yield from _finding(finding)
        for note, numbers in notes:
            yield f"- {list_runs(numbers).capitalize()}: {escape(note)}"
        yield ""


def _finding(finding: Finding) -> Iterator[str]:
    where = "" if finding.run is None else f"**Run {finding.run}** · "
    step = "  " if finding.next_step else ""
    yield f"- {where}{prose(finding.message)}{step}"
    if finding.next_step:
        yield f"  → {prose(finding.next_step)}"


def _streams(report: Report) -> Iterator[str]:
    """Yield the end of the error stream of each run that did not do what was asked."""
    for run in report.runs:
        lines = last_lines(run.output.stderr_tail, lines=_STDERR_LINES)
        if not lines or standing_of(run, report.findings) is Standing.AS_ASKED:
            continue
        text = "\n".join(line.translate(_ENTITIES) for line in lines)
        yield f"<details><summary>Run {run.number}: the end of its error stream</summary>"
        yield ""
        yield f"<pre>{text}</pre>"
        yield ""
        yield "</details>"
        yield ""


def _conditions(report: Report) -> Iterator[str]:
    words = (
        f"oomproof {report.oomproof}",
        report.started_at,
        *describe_conditions(report.conditions),
    )
    yield f"<sub>{escape(' · '.join(words))}</sub>"
