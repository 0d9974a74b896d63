"""The report on a terminal: one line a run, then the reasons with their next steps, the verdict."""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from harness.core.finding import Finding, Severity, Subject
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.verdict import Verdict
from harness.reporters.bar import ASCII, BLOCKS, Bar, Glyphs
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
    describe_peak,
    describe_share,
    describe_workers,
    list_runs,
    notes_of,
    sentence_of,
    standing_of,
)

# Below this a line has no room for the runs' numbers, so it is longer than asked rather than wrong.
_NARROWEST: Final = 80
_ROOMY: Final = 96
_WIDE: Final = 112
_STDERR_LINES: Final = 4
_COUNTER: Final = "up to the kernel's high-water counter, which counts page cache too"
_MARK: Final = "up to what can have been held unseen, by the kernel's marks of resident memory"
# A number and its unit stay on one line.
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=(?:[KMGTkmgt]i?B|B|ms|s|min|h)\b)")
_GLUE: Final = "\N{NO-BREAK SPACE}"

_STANDING_STYLES: Final = {
    Standing.AS_ASKED: "green",
    Standing.FAILED: "bold red",
    Standing.UNDECIDED: "yellow",
}
_SEVERITY_STYLES: Final = {
    Severity.FAILURE: "bold red",
    Severity.NO_VERDICT: "yellow",
    Severity.NOTE: "dim",
}
_VERDICT_STYLES: Final = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.NONE: "bold yellow",
}


def render_terminal(
    report: Report, *, width: int = 100, color: bool = False, unicode: bool = True
) -> str:
    """Return the report for a terminal of `width` columns.

    Without `color` there is not one escape sequence in it; without `unicode` only ASCII.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, _NARROWEST),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for line in _Page(report, max(width, _NARROWEST), BLOCKS if unicode else ASCII).lines():
        line.rstrip()
        console.print(line, soft_wrap=True)
    return stream.getvalue()


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run's line; the texts are as they are shown."""

    standing: Standing
    bar: Bar
    mark: str
    number: str
    worker: str
    snapshot: str
    peak: str
    share: str
    limit: str
    time: str
    ending: str


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    """How many cells wide each column is; a column of no cells is left out."""

    mark: int
    number: int
    worker: int
    snapshot: int
    bar: int
    share: int
    peak: int
    limit: int
    time: int
    gap: int


class _Page:
    """The lines of one report at one width."""

    def __init__(self, report: Report, width: int, glyphs: Glyphs) -> None:
        self._report = report
        self._width = width
        self._glyphs = glyphs
        self._roomy = width >= _ROOMY

    def lines(self) -> Iterator[Text]:
        """Yield the whole report, line by line."""
        yield from self._header()
        yield from self._table()
        yield from self._laws()
        yield from self._holders()
        yield from self._findings()
        yield Text()
        yield from self._verdict()

    def _show(self, text: str) -> str:
        """Return text of any origin as this terminal can show it."""
        return self._glyphs.show(one_line(text))

    def _header(self) -> Iterator[Text]:
        report = self._report
        title = Text(self._show(report.scenario), style="bold")
        title.append(
            self._show(f"  oomproof {report.oomproof}  {report.started_at}"), style="dim not bold"
        )
        yield title
        yield from self._wrap(", ".join(describe_conditions(report.conditions)), style="dim")
        yield Text()

    def _table(self) -> Iterator[Text]:
        rows = self._rows()
        if not rows:
            yield Text("No run was made.")
            return
        columns = self._columns(rows)
        yield self._line(_headings(self._roomy), columns, heading=True)
        for row in rows:
            yield self._line(row, columns)
        yield from self._legend()

    def _rows(self) -> tuple[_Row, ...]:
        runs, findings = self._report.runs, self._report.findings
        workers = describe_workers(runs)
        return tuple(
            self._row(run, worker, findings) for run, worker in zip(runs, workers, strict=True)
        )

    def _row(self, run: Run, worker: str, findings: Sequence[Finding]) -> _Row:
        standing = standing_of(run, findings)
        return _Row(
            standing=standing,
            bar=Bar.of(run),
            mark=self._glyphs.marks[standing],
            number=str(run.number),
            worker=self._show(worker),
            snapshot=self._show(run.case.snapshot_label),
            peak=self._show(describe_peak(run)),
            share=describe_share(run),
            limit=describe_limit(run),
            time=_seconds(run.wall_seconds),
            ending=describe_ending(run, findings, short=not self._roomy),
        )

    def _columns(self, rows: Sequence[_Row]) -> _Columns:
        """Return the widths: numbers get what they need, names and the bar share the rest."""
        gap = 2 if self._width >= _WIDE else 1
        shown = (_headings(self._roomy), *rows)

        def natural(name: str) -> int:
            return max(cell_len(getattr(row, name)) for row in shown)

        share = natural("share") if self._roomy else 0
        exact = {name: natural(name) for name in ("mark", "number", "peak", "limit", "time")}
        gaps = gap * (9 if share else 8)
        room = self._width - sum(exact.values()) - share - natural("ending") - gaps
        worker, snapshot = natural("worker"), natural("snapshot")
        # A name that is longer than a quarter of the line is cut before the bar is.
        bar = max(8, min(24, room - min(worker, self._width // 4) - snapshot))
        snapshot = max(8, min(snapshot, room - bar - min(worker, 16)))
        worker = max(8, min(worker, room - bar - snapshot))
        return _Columns(**exact, share=share, worker=worker, snapshot=snapshot, bar=bar, gap=gap)

    def _line(self, row: _Row, columns: _Columns, *, heading: bool = False) -> Text:
        glyphs = self._glyphs
        style = "dim" if heading else _STANDING_STYLES[row.standing]
        plain = "dim" if heading else ""
        if heading:
            bar = Text(_fit("of limit", columns.bar, glyphs), style="dim")
        else:
            bar = glyphs.draw(row.bar, columns.bar)
        cells = [
            Text(_fit(row.mark, columns.mark, glyphs), style=style),
            Text(row.number.rjust(columns.number), style="dim"),
            Text(_fit(row.worker, columns.worker, glyphs), style=plain),
            Text(_fit(row.snapshot, columns.snapshot, glyphs), style=plain),
            bar,
            *([Text(row.share.rjust(columns.share), style=plain)] if columns.share else []),
            Text(row.peak.rjust(columns.peak), style=plain),
            Text(row.limit.rjust(columns.limit), style=plain),
            Text(row.time.rjust(columns.time), style=plain),
            Text(row.ending, style=style),
        ]
        return Text(" " * columns.gap).join(cells)

    def _legend(self) -> Iterator[Text]:
        """Explain the signs that stand in the table, and no others."""
        runs, glyphs = self._report.runs, self._glyphs
        known = [run for run in runs if run.peak_bytes is not None]
        bars = [Bar.of(run) for run in known]
        signs = [
            (glyphs.bound, "at least: it did not complete", [r.peak_is_lower_bound for r in known]),
            ("~", "approximate", [run.approximate for run in known]),
            (
                glyphs.interval,
                _MARK if all(run.is_polled for run in known) else _COUNTER,
                [bar.has_interval for bar in bars],
            ),
            ("profiled:", PROFILED, [run.purpose is Purpose.PROFILE for run in known]),
        ]
        parts = [f"{sign} {meaning}" for sign, meaning, used in signs if any(used)]
        if parts:
            yield from self._wrap("   ".join(parts), style="dim", indent=2)

    def _laws(self) -> Iterator[Text]:
        scaling, growth = scaling_lines(self._report), growth_lines(self._report)
        if scaling:
            yield Text()
            yield Text(SCALING, style="bold")
        for law, fits in scaling:
            yield from self._wrap(law, style="", indent=2, hang=2)
            for line in fits:
                yield from self._wrap(line, style="cyan", indent=4, hang=2)
        if growth:
            yield Text()
            yield Text(GROWTH, style="bold")
        for line in growth:
            yield from self._wrap(line, style="", indent=2, hang=2)

    def _holders(self) -> Iterator[Text]:
        lines = holder_lines(self._report)
        if lines:
            yield Text()
            yield Text(HOLDERS, style="bold")
        for line in lines:
            yield from self._wrap(line, style="", indent=2, hang=2)

    def _findings(self) -> Iterator[Text]:
        shown: set[int] = set()
        for severity, title in GROUPS.items():
            group = [found for found in self._report.findings if found.severity is severity]
            notes = notes_of(self._report.runs) if severity is Severity.NOTE else ()
            if not group and not notes:
                continue
            yield Text()
            yield Text(title, style=_SEVERITY_STYLES[severity])
            for finding in group:
                yield from self._finding(finding)
                yield from self._stderr(finding, shown)
            for note, numbers in notes:
                yield from self._item(severity, f"{list_runs(numbers)}: {note}")

    def _finding(self, finding: Finding) -> Iterator[Text]:
        where = "" if finding.run is None else f"run {finding.run}: "
        yield from self._item(finding.severity, f"{where}{finding.message}")
        if finding.next_step:
            step = f"{self._glyphs.arrow} {one_line(finding.next_step)}"
            yield from self._wrap(step, style="cyan", indent=4, hang=self._glyphs.hang)

    def _item(self, severity: Severity, text: str) -> Iterator[Text]:
        mark = self._glyphs.bullets[severity]
        lines = self._wrap(text, style="", indent=2 + cell_len(mark) + 1)
        for index, line in enumerate(lines):
            if index == 0:
                first = Text.assemble("  ", (mark, _SEVERITY_STYLES[severity]), " ")
                first.append(line.plain.lstrip())
                yield first
            else:
                yield line

    def _stderr(self, finding: Finding, shown: set[int]) -> Iterator[Text]:
        """Yield the end of the error stream below a run's unexpected ending, once."""
        if finding.budget is not Subject.EXPECT or finding.run is None or finding.run in shown:
            return
        shown.add(finding.run)
        for run in self._report.runs:
            if run.number == finding.run and not run.completed:
                for line in last_lines(run.output.stderr_tail, lines=_STDERR_LINES):
                    text = self._glyphs.show(f"stderr {self._glyphs.margin} {line}")
                    yield Text("    " + _cut(text, self._width - 4, self._glyphs), style="dim")

    def _verdict(self) -> Iterator[Text]:
        verdict = VERDICTS[self._report.verdict]
        lines = self._wrap(f"{verdict}: {sentence_of(self._report)}", style="", indent=0)
        for index, line in enumerate(lines):
            if index == 0:
                line.stylize(_VERDICT_STYLES[self._report.verdict], 0, len(verdict))
            yield line

    def _wrap(self, text: str, *, style: str, indent: int = 0, hang: int = 0) -> Iterator[Text]:
        """Yield `text` in lines that break at spaces only, and never inside a quantity.

        A word that is longer than the line stays whole, so that a path can be copied.
        """
        line = ""
        margin = indent
        for word in _BEFORE_UNIT.sub(_GLUE, self._show(text)).split(" "):
            longer = f"{line} {word}" if line else word
            if line and margin + cell_len(longer) > self._width:
                yield Text(" " * margin + line.replace(_GLUE, " "), style=style)
                line, margin = word, indent + hang
            else:
                line = longer
        yield Text(" " * margin + line.replace(_GLUE, " "), style=style)


def _headings(roomy: bool) -> _Row:
    return _Row(
        standing=Standing.AS_ASKED,
        bar=Bar(),
        mark="",
        number="#",
        worker="worker",
        snapshot="snapshot",
        peak="peak MiB",
        share="",
        limit="limit MiB" if roomy else "limit",
        time="time",
        ending="ending",
    )


def _seconds(seconds: float) -> str:
    """Return a duration that is short enough for a column: ``0.45 s``, ``12.3 s``, ``2m05s``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)}m{int(seconds % 60):02}s"


def _fit(text: str, width: int, glyphs: Glyphs) -> str:
    """Return `text` in exactly `width` cells; what does not fit is taken from its middle."""
    return set_cell_size(_cut_middle(text, width, glyphs), width)


def _cut_middle(text: str, width: int, glyphs: Glyphs) -> str:
    if cell_len(text) <= width:
        return text
    kept = width - cell_len(glyphs.ellipsis)
    head = set_cell_size(text, kept - kept // 2)
    tail = text
    while cell_len(tail) > kept // 2:
        tail = tail[1:]
    return f"{head}{glyphs.ellipsis}{tail}"


def _cut(text: str, width: int, glyphs: Glyphs) -> str:
    """Return `text` in at most `width` cells; what does not fit is taken from its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - cell_len(glyphs.ellipsis)) + glyphs.ellipsis
