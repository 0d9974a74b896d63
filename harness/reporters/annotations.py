"""GitHub's annotations: each failure at the line that grew, as a workflow command of its runner.

The form is that of https://docs.github.com/actions/reference/workflow-commands-for-github-actions,
and its escapes are those of the runner's own toolkit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, assert_never

import msgspec

from harness.core.finding import Finding, Severity
from harness.core.report import Report
from harness.reporters.plain import one_line

# GitHub shows no more of each kind for one step.
MOST: Final = 10
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the repository something is: a path from its root, and a line; 0 for the whole."""

    file: str
    line: int = 0


def render_annotations(report: Report, place_of: Callable[[Finding], Place | None]) -> str:
    """Return a workflow command for each failure and each thing undecided, a line each.

    `place_of` says where in the repository a finding belongs; None for nowhere.
    """
    lines: list[str] = []
    for severity in Severity:
        command = _command_of(severity)
        found = [one for one in report.findings if one.severity is severity]
        if command is not None:
            lines.extend(_lines(command, report.scenario, found, place_of))
    return "".join(f"{line}\n" for line in lines)


def _command_of(severity: Severity) -> str | None:
    match severity:
        case Severity.FAILURE:
            return "error"
        case Severity.NO_VERDICT:
            return "warning"
        case Severity.NOTE:
            return None  # the summary has it
        case _ as never:
            assert_never(never)


def _lines(
    command: str,
    scenario: str,
    findings: Sequence[Finding],
    place_of: Callable[[Finding], Place | None],
) -> Iterator[str]:
    shown = findings if len(findings) <= MOST else findings[: MOST - 1]
    for finding in shown:
        title = f"{scenario}: {finding.budget}"
        texts = (finding.message, finding.next_step)
        yield workflow_command(command, title, texts, place_of(finding))
    if len(shown) < len(findings):
        more = f"{len(findings) - len(shown)} more are in the summary of this step."
        yield workflow_command(command, scenario, (more,), None)


def workflow_command(command: str, title: str, texts: Iterable[str], place: Place | None) -> str:
    """Return one command; the texts become lines of its message."""
    properties: dict[str, str] = {}
    if place is not None:
        properties["file"] = place.file
        if place.line:
            properties["line"] = str(place.line)
    properties["title"] = one_line(title)
    pairs = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    message = "\n".join(one_line(text) for text in texts if text)
    return f"::{command} {pairs}::{message.translate(_DATA)}"
