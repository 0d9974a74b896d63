"""The protocol of a marked test: pytest's three phases, made in a sandbox and reported here."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import pytest
from _pytest.skipping import evaluate_xfail_marks, xfailed_key

from harness.core.errors import InputError
from harness.core.run import Run
from harness.pytest_plugin import MARK
from harness.pytest_plugin.examination import Examination, Examined
from harness.pytest_plugin.terms import terms_of
from harness.pytest_plugin.workshop import Workshop, readable_errors

_INTERRUPTS: Final = (KeyboardInterrupt, pytest.exit.Exception)

# How a failure begins that the terms of the mark made.
_OWN: Final = "oomproof: "


def run_protocol(item: pytest.Item, nextitem: pytest.Item | None, workshop: Workshop) -> None:
    """Run a marked test in its sandbox, and report its phases as pytest does."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, nextitem, workshop):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _reports(
    item: pytest.Item, nextitem: pytest.Item | None, workshop: Workshop
) -> list[pytest.TestReport]:
    found: list[Examined] = []
    made = pytest.CallInfo.from_call(
        lambda: found.append(_examine(item, workshop)), when="call", reraise=_INTERRUPTS
    )
    setup, call, teardown = _phases(item, found[0] if found else None, made)
    ended = pytest.CallInfo.from_call(
        # What tests before this one have set up must not outlive their modules.
        lambda: item.session._setupstate.teardown_exact(nextitem),  # noqa: SLF001  (no other way)
        when="teardown",
        reraise=_INTERRUPTS,
    )
    if ended.excinfo is not None or teardown is None:
        teardown = pytest.TestReport.from_item_and_call(item, ended)
        # As pytest has it: each phase tells what was printed up to it.
        teardown.sections.extend(call.sections if call else ())
    reports = [report for report in (setup, call, teardown) if report is not None]
    for examined in found:
        _add(reports, examined)
    return reports


def _examine(item: pytest.Item, workshop: Workshop) -> Examined:
    mark = item.get_closest_marker(MARK)
    if mark is None:  # pragma: no cover  (it is why this is called)
        raise InputError("the test has no mark")
    folder, kind = item.path.parent, workshop.kind
    with readable_errors("the mark cannot be used"):
        terms = terms_of(mark.args, mark.kwargs, folder=folder, sandbox=kind)
        examined = Examination(item, terms, workshop).examine()
    if item.config.option.capture == "no":
        sys.stdout.write(examined.run.output.stdout_tail)
        sys.stderr.write(examined.run.output.stderr_tail)
    return examined


def _phases(
    item: pytest.Item, examined: Examined | None, made: pytest.CallInfo[None]
) -> tuple[pytest.TestReport, pytest.TestReport | None, pytest.TestReport | None]:
    """Return the report of each phase; the call's is what the terms say where they are broken."""
    phases = {report.when: report for report in examined.reports} if examined else {}
    setup = phases.get("setup") or _passed(item, "setup")
    call, teardown = phases.get("call"), phases.get("teardown")
    if examined is None:
        return setup, _judged(item, made), teardown
    if not setup.passed:
        return setup, call, teardown
    if examined.failure and (call is None or not call.failed):
        text = f"{_OWN}{examined.failure}"
        failed = pytest.CallInfo.from_call(lambda: pytest.fail(text, pytrace=False), when="call")
        failed.start, failed.stop, failed.duration = made.start, made.stop, made.duration
        judged = _judged(item, failed)
        judged.sections.extend(call.sections if call else _streams(examined.run))
        return setup, judged, teardown
    return setup, call or _passed(item, "call"), teardown


def _judged(item: pytest.Item, made: pytest.CallInfo[None]) -> pytest.TestReport:
    """Return the report of a call that was made here; `xfail` is heeded as in any test."""
    with contextlib.suppress(Exception):  # its condition is checked in the sandbox too
        item.stash[xfailed_key] = evaluate_xfail_marks(item)
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=made)
    return report


def _passed(item: pytest.Item, when: str) -> pytest.TestReport:
    nothing = pytest.CallInfo.from_call(lambda: None, when=when)  # type: ignore[arg-type]
    return pytest.TestReport.from_item_and_call(item, nothing)


def _streams(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what a test had printed by the time it was killed."""
    for name, text in (("stdout", run.output.stdout_tail), ("stderr", run.output.stderr_tail)):
        if text:
            yield f"Captured {name}", text


def _add(reports: list[pytest.TestReport], examined: Examined) -> None:
    """Add the numbers to each report, and what they mean to those that failed otherwise."""
    for report in reports:
        report.user_properties.extend(examined.numbers)
        if report.failed and not report.longreprtext.startswith(_OWN):
            report.sections.append(("oomproof", examined.section))
