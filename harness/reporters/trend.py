"""The trend of a history for people on a terminal and in Markdown, and as a document."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness import __version__
from harness.core.comparison import CaseComparison, Outcome
from harness.core.encoding import indent_json
from harness.core.history import SCHEMA, Trend, TrendDocument, TrendPoint
from harness.core.units import format_bytes
from harness.reporters.columns import lines_of
from harness.reporters.comparison import OUTCOMES, describe_difference
from harness.reporters.markdown import escape
from harness.reporters.plain import in_ascii, one_line

_HEADINGS: Final = ("Commit", "When (UTC)", "Peak", "Change", "")
_COMMIT_CHARACTERS: Final = 10
_MINUTES: Final = 16  # of a date in ISO 8601
_NOTHING: Final = "-"
# What is no news is not said of every line.
_SILENT: Final = {Outcome.SAME, Outcome.NEW}


def render_trend_json(trends: Sequence[Trend]) -> bytes:
    """Return the trends as an indented JSON document in UTF-8."""
    document = TrendDocument(schema=SCHEMA, oomproof=__version__, trends=tuple(trends))
    return indent_json(document)


def render_trend(trends: Sequence[Trend], *, unicode: bool = True) -> str:
    """Return the trends for a terminal: a line a commit, oldest first."""
    text = "\n".join(line for trend in trends for line in _terminal(trend)) + "\n"
    return text if unicode else in_ascii(text)


def _terminal(trend: Trend) -> Iterator[str]:
    yield one_line(f"{trend.scenario}  {trend.case}")
    yield from lines_of([_HEADINGS, *map(_cells, trend.points)], right={2, 3})
    yield f"  {one_line(summary_of(trend))}"
    yield ""


def render_trend_markdown(trends: Sequence[Trend]) -> str:
    """Return the trends in GitHub's Markdown."""
    return "\n".join(line for trend in trends for line in _markdown(trend)) + "\n"


def _markdown(trend: Trend) -> Iterator[str]:
    yield f"### {escape(trend.scenario)}: {escape(trend.case)}"
    yield ""
    yield f"| {' | '.join(_HEADINGS)} |"
    yield "|:--|:--|--:|--:|:--|"
    for point in trend.points:
        yield f"| {' | '.join(map(escape, _cells(point)))} |"
    yield ""
    yield escape(summary_of(trend))
    yield ""


def summary_of(trend: Trend) -> str:
    """Return what became of a case from the first few commits to the last few."""
    count = len(trend.points)
    commits = f"{count} commit{'' if count == 1 else 's'}"
    if trend.overall is None or trend.overall.lower is None:
        return f"{commits}; there are no two that can be compared."
    lower = trend.overall.lower
    return (
        f"{commits}; from the first few to the last few that can be compared: "
        f"{format_bytes(lower.old_bytes)} to {format_bytes(lower.new_bytes)}, "
        f"{describe_difference(trend.overall)}: {OUTCOMES[trend.overall.outcome]}."
    )


def commit_of(point: TrendPoint) -> str:
    """Return a commit as a reader knows it, with a plus where there were changes on top of it."""
    commit = point.line.commit
    return f"{commit.id[:_COMMIT_CHARACTERS] or 'unknown'}{'+' if commit.is_dirty else ''}"


def _cells(point: TrendPoint) -> tuple[str, ...]:
    line, change = point.line, point.change
    return (
        commit_of(point),
        line.at[:_MINUTES].replace("T", " "),
        _NOTHING if line.entry is None else format_bytes(line.entry.peaks.least_bytes),
        describe_difference(change),
        "" if change.outcome in _SILENT and not change.reason else _told(change),
    )


def _told(change: CaseComparison) -> str:
    outcome = "" if change.outcome in _SILENT else OUTCOMES[change.outcome]
    return ": ".join(filter(None, (outcome, change.reason)))
