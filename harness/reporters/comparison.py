"""A comparison for people on a terminal and in Markdown, and as a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from harness import __version__
from harness.core.comparison import (
    SCHEMA,
    CaseComparison,
    Comparison,
    ComparisonDocument,
    Outcome,
)
from harness.core.encoding import indent_json
from harness.core.spread import MOST_REPEATS_ADVISED
from harness.core.units import format_bytes
from harness.reporters.columns import lines_of
from harness.reporters.markdown import escape
from harness.reporters.plain import in_ascii, one_line

OUTCOMES: Final = {
    Outcome.GROWN: "grown",
    Outcome.SHRUNK: "shrunk",
    Outcome.SAME: "the same",
    Outcome.OPEN: "cannot tell",
    Outcome.NOT_COMPARABLE: "not comparable",
    Outcome.NEW: "new",
    Outcome.GONE: "gone",
}
_SIGNS: Final = {Outcome.GROWN: "🔺", Outcome.SHRUNK: "🔽", Outcome.OPEN: "❔"}
_HEADINGS: Final = ("Outcome", "Was", "Is", "Difference", "Confidence", "Case")
_SURE: Final = 0.999
_NOTHING: Final = "-"


def render_comparison_json(comparisons: Sequence[Comparison]) -> bytes:
    """Return the comparisons as an indented JSON document in UTF-8."""
    document = ComparisonDocument(schema=SCHEMA, oomproof=__version__, scenarios=tuple(comparisons))
    return indent_json(document)


def render_comparison(comparisons: Sequence[Comparison], *, unicode: bool = True) -> str:
    """Return the comparisons for a terminal: a line a case, what changed first."""
    text = "\n".join(line for one in comparisons for line in _terminal(one)) + "\n"
    return text if unicode else in_ascii(text)


def _terminal(comparison: Comparison) -> Iterator[str]:
    yield f"{one_line(comparison.scenario)}: {summary_of(comparison)}"
    yield f"  was {one_line(comparison.old) or 'in no report'}"
    yield f"  is  {one_line(comparison.new) or 'in no report'}"
    for line in remarks_on(comparison):
        yield f"  {one_line(line)}"
    cases = in_order(comparison.cases)
    rows = [_HEADINGS, *map(cells_of, cases)]
    lines = lines_of(rows, right=range(1, len(_HEADINGS) - 1))
    for line, case in zip(lines, (None, *cases), strict=True):
        yield line
        if case is not None and (told := told_of(case)):
            yield f"      {one_line(told)}"
    yield ""


def render_comparison_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons in GitHub's Markdown, for a summary or a comment."""
    return "\n".join(line for one in comparisons for line in _markdown(one)) + "\n"


def _markdown(comparison: Comparison) -> Iterator[str]:
    yield f"## {escape(comparison.scenario)}: {escape(summary_of(comparison))}"
    yield ""
    yield f"- Was: {escape(comparison.old) or 'in no report'}"
    yield f"- Is: {escape(comparison.new) or 'in no report'}"
    yield from (f"- {escape(line)}" for line in remarks_on(comparison))
    yield ""
    yield f"| {' | '.join(_HEADINGS)} | |"
    yield "|:--|--:|--:|--:|--:|:--|:--|"
    for case in in_order(comparison.cases):
        outcome, *rest = cells_of(case)
        sign = _SIGNS.get(case.outcome, "")
        cells = (f"{sign} {outcome}".strip(), *map(escape, rest), escape(told_of(case)))
        yield f"| {' | '.join(cells)} |"
    yield ""


def summary_of(comparison: Comparison) -> str:
    """Return how many cases came to which outcome: ``1 grown, 5 the same``."""
    counts = Counter(case.outcome for case in comparison.cases)
    told = [f"{counts[outcome]} {OUTCOMES[outcome]}" for outcome in Outcome if counts[outcome]]
    return ", ".join(told) or "no case in either"


def remarks_on(comparison: Comparison) -> Iterable[str]:
    """Yield why nothing can be compared, and what else a reader must know."""
    for reason in comparison.differences:
        yield f"Not comparable: {reason}"
    for note in comparison.notes:
        yield f"Note: {note}"


def in_order(cases: Iterable[CaseComparison]) -> list[CaseComparison]:
    """Return the cases by their outcome, the largest change first."""
    order = list(Outcome)
    return sorted(cases, key=lambda case: (order.index(case.outcome), -_change(case), case.case))


def _change(case: CaseComparison) -> int:
    return abs(case.lower.by_bytes) if case.lower else 0


def cells_of(case: CaseComparison) -> tuple[str, ...]:
    """Return a case under the headings: outcome, was, is, difference, confidence, case."""
    old_bytes, new_bytes = case.old_bytes, case.new_bytes
    if case.lower is not None:
        old_bytes, new_bytes = case.lower.old_bytes, case.lower.new_bytes
    return (
        OUTCOMES[case.outcome],
        _NOTHING if old_bytes is None else format_bytes(old_bytes),
        _NOTHING if new_bytes is None else format_bytes(new_bytes),
        describe_difference(case),
        _confidence(case),
        case.case,
    )


def describe_difference(case: CaseComparison) -> str:
    """Return ``+1 MiB ± 10 KiB (+2.0%)``, or a dash where nothing could be compared."""
    if case.lower is None:
        return _NOTHING
    by_bytes, before_bytes = case.lower.by_bytes, max(1, case.lower.old_bytes)
    sign = "+" if by_bytes > 0 else ""
    margin = format_bytes(case.lower.margin_bytes)
    return f"{sign}{format_bytes(by_bytes)} ± {margin} ({by_bytes / before_bytes:+.1%})"


def _confidence(case: CaseComparison) -> str:
    """Return how sure a change is; of what is the same, nothing needs to be."""
    if case.confidence is None or case.outcome is Outcome.SAME:
        return _NOTHING
    if case.confidence > _SURE:
        return f"> {_SURE:.1%}"
    return f"{case.confidence:.1%}"


def told_of(case: CaseComparison) -> str:
    """Return what a reader must know of a case, or what to do."""
    if case.outcome is not Outcome.OPEN:
        return case.reason
    if case.repeats is None:
        advice = (
            f"not even {MOST_REPEATS_ADVISED} repeats would decide: the change is too near to the "
            "noise floor for what the case spreads"
        )
    elif case.old_repeats is not None and case.old_repeats > case.old_runs:
        advice = (
            f"about {case.repeats} repeats of both would decide (there are {case.old_runs} and "
            f"{case.new_runs})"
        )
    else:
        advice = f"about {case.repeats} repeats would decide instead of {case.new_runs}"
    return "; ".join(filter(None, (advice, case.reason)))
