import re
from pathlib import Path

import msgspec
import pytest

from harness.core.finding import Finding, Severity
from harness.core.report import Report
from harness.reporters.annotations import MOST, Place, render_annotations, workflow_command

# As the runner reads a command: its name, its properties, its message.
_COMMAND = re.compile(r"::(?P<name>[a-z-]+) (?P<properties>[^:]*)::(?P<message>.*)")


def _read(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command as the runner does: split first, then take the escapes back."""
    found = _COMMAND.fullmatch(line)
    assert found is not None, line
    pairs = (pair.partition("=") for pair in found["properties"].split(","))
    escapes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}
    properties = {key: _unescape(value, escapes) for key, _, value in pairs}
    return found["name"], properties, _unescape(found["message"], escapes)


def _unescape(text: str, escapes: dict[str, str]) -> str:
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text.replace("%25", "%")


def _nowhere(_: Finding) -> None:
    return None


def test_failures_are_errors_and_the_undecided_are_warnings(night: Report) -> None:
    lines = [_read(line) for line in render_annotations(night, _nowhere).splitlines()]
    severities = [one.severity for one in night.findings]
    assert [name for name, _, _ in lines] == ["error"] * 4 + ["warning"] * 3
    assert severities.count(Severity.FAILURE) == 4
    _, properties, message = lines[0]
    assert properties == {"title": "hero-snapshots: expect"}
    first = night.findings[0]
    assert message == f"{first.message}\n{first.next_step}"


def test_the_place_of_a_finding_is_named(night: Report) -> None:
    text = render_annotations(night, lambda _: Place(file="src/a, b: c%.py", line=41))
    _, properties, _ = _read(text.splitlines()[0])
    assert properties["file"] == "src/a, b: c%.py"
    assert properties["line"] == "41"
    whole = workflow_command("error", "t", ("m",), Place(file="a.py"))
    assert whole == "::error file=a.py,title=t::m"


def test_nothing_from_outside_makes_a_command_of_its_own(night: Report, hostile: str) -> None:
    evil = f"100% lost\r\n::add-mask::x\n{hostile}"
    findings = tuple(
        msgspec.structs.replace(one, message=evil, next_step="a\n::error::b")
        for one in night.findings
    )
    text = render_annotations(
        msgspec.structs.replace(night, findings=findings, scenario="a::b,c=d"), _nowhere
    )
    lines = text.splitlines()
    assert len(lines) == 7
    for line in lines:
        _, properties, message = _read(line)
        assert properties["title"].startswith("a::b,c=d: ")
        assert message.startswith("100% lost  ::add-mask::x ")
        assert "\x1b" not in message


@pytest.mark.parametrize(("count", "shown", "said"), [(MOST, MOST, ""), (25, MOST, "16 more")])
def test_no_more_are_told_than_are_shown(count: int, shown: int, said: str, night: Report) -> None:
    many = tuple(night.findings[0] for _ in range(count))
    lines = render_annotations(msgspec.structs.replace(night, findings=many), _nowhere).splitlines()
    assert len(lines) == shown
    assert said in lines[-1]


def test_a_passing_report_has_none(passing: Report, tmp_path: Path) -> None:
    assert render_annotations(passing, lambda _: Place(file=str(tmp_path))) == ""
