"""One marked test: run in its sandbox, held against its terms, explained where it fails."""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from harness.core.budget import confirmations, judge_budgets
from harness.core.case import Case, Snapshot
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.peaks import Sample
from harness.core.quantity import Size
from harness.core.report import judge_endings
from harness.core.run import Purpose, Run
from harness.core.scenario import Budget
from harness.core.units import format_bytes
from harness.files import shown
from harness.pytest_plugin import inside, recorded
from harness.pytest_plugin.explain import Explanation, numbers_of, with_profile
from harness.pytest_plugin.options import inner_options
from harness.pytest_plugin.terms import Terms
from harness.pytest_plugin.workshop import Bench, Workshop, name_of
from harness.sandbox.contract import MountRequest, Order
from harness.snapshots import resolve_snapshots

_INSIDE: Final = inside.__file__
_ORDER: Final = "order.json"
_BEGIN: Final = "begin.json"
_NOTHING: Final = "no snapshot"
# A short test must not pass between two samples; it costs a percent of one processor.
_INTERVAL_S: Final = 0.002
_ATTEMPTS: Final = 2
_NEVER_BEGAN: Final = (
    "The test had not begun: pytest itself, with its plugins and what the test modules import, did "
    "not come so far."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examined:
    """What came of a test.

    Attributes:
        reports: those of its phases, as pytest in the sandbox made them; some may be missing.
        failure: why it fails by its terms, for people; empty if it does not.
        section: what people should know beside, if it fails in whatever way.
        numbers: what was measured, by names for machines.
        run: the one that decides.

    """

    reports: tuple[pytest.TestReport, ...]
    failure: str
    section: str
    numbers: tuple[tuple[str, str | int | float], ...]
    run: Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A run of the test, with what pytest wrote in it.

    `base_bytes` were held before the test began, and `top_bytes` at most since; None if not seen.
    """

    run: Run
    base_bytes: int | None
    top_bytes: int | None
    reports: tuple[pytest.TestReport, ...]
    problems: tuple[str, ...]

    @property
    def never_began(self) -> bool:
        """Whether pytest itself came to its end before the test."""
        return not self.reports and self.base_bytes is None and not self.run.completed


class Examination:
    """Examines one test."""

    def __init__(self, item: pytest.Item, terms: Terms, workshop: Workshop) -> None:
        """Prepare what the sandbox is given.

        Raises:
            InputError: the terms ask for what is not there.
            SandboxError: the sandbox does not work here.

        """
        self._item = item
        self._terms = terms
        self._root = workshop.root
        self._bench: Bench = workshop.bench(self._document(), source=f"{item.nodeid}: oomproof")
        self._case = self._make_case()
        self._runs: list[Run] = []
        self._written: bytes = b""

    def _document(self) -> dict[str, Any]:
        terms = self._terms
        expected = [] if terms.ending is Ending.COMPLETED else [{"ending": str(terms.ending)}]
        return {
            "schema": 1,
            "name": name_of(self._item.nodeid),
            "snapshots": {"files": [str(terms.snapshot or _NOTHING)]},
            "sandbox": {"kind": terms.sandbox},
            "limits": {"memory": [terms.memory], "timeout": terms.timeout},
            "worker": [
                {
                    "name": self._item.nodeid,
                    "command": ["{python}", "-P", _braced(_INSIDE), "{snapshots}"],
                    "expect": expected,
                }
            ],
        }

    def _make_case(self) -> Case:
        """Return the case; its files are the order, the one that marks the begin, the snapshot."""
        limit = self._bench.scenario.limits.memory[0]
        order = self._write(_ORDER, json.dumps(self._order()).encode())
        begin = self._write(_BEGIN, b"{}\n")
        return Case(
            worker=self._item.nodeid,
            snapshot=order,
            more_snapshots=(begin, *self._snapshots()),
            memory_limit_bytes=limit.bytes,
            memory_limit_label=limit.text,
        )

    def _order(self) -> dict[str, Any]:
        _, colons, rest = self._item.nodeid.partition("::")
        return {
            "path": sys.path,
            "options": inner_options(self._item.config),
            "arguments": [f"{self._item.path}{colons}{rest}"],
        }

    def _write(self, name: str, data: bytes) -> Snapshot:
        path = self._bench.folder / name
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return Snapshot(label=_NOTHING, path=str(path), bytes=len(data), sha256=digest)

    def _snapshots(self) -> tuple[Snapshot, ...]:
        if self._terms.snapshot is None:
            return ()
        return resolve_snapshots(
            self._bench.scenario.snapshots,
            folder=self._root,
            cache=self._root,
            progress=lambda *_: None,
        )

    def examine(self) -> Examined:
        """Run the test, and judge it."""
        attempt = self._attempt()
        for _ in range(1, _ATTEMPTS):
            if not self._is_base_missing(attempt):
                break
            attempt = self._attempt()
        self._runs = [attempt.run]
        findings = [*judge_endings(self._bench.scenario, self._runs), *self._judge_peak(attempt)]
        decided = [one for one in findings if one.severity is not Severity.NOTE]
        messages = [*attempt.problems, *_messages(decided)]
        if attempt.never_began and decided:
            messages.append(_NEVER_BEGAN)
        has_failed = bool(messages) or any(report.failed for report in attempt.reports)
        explanation = Explanation(
            run=attempt.run,
            base_bytes=attempt.base_bytes,
            top_bytes=attempt.top_bytes,
            budget=self._terms.peak,
            report=shown(self._bench.folder),
            of_test=True,
        )
        if has_failed and not attempt.never_began and _is_about_memory(attempt.run, decided):
            explanation = with_profile(explanation, *self._bench.profile(self._case, self._runs))
        self._bench.keep(self._runs, findings)
        return Examined(
            reports=attempt.reports,
            failure="\n".join((*messages, *explanation.lines())) if messages else "",
            section="\n".join(explanation.lines()),
            numbers=numbers_of(explanation),
            run=attempt.run,
        )

    def _attempt(self) -> _Attempt:
        run = self._execute(self._case, number=1, purpose=Purpose.VERDICT)
        reports, problems = _read(self._written, self._item.config)
        return _Attempt(
            run=_told(run),
            base_bytes=run.after_snapshots[0] if run.after_snapshots else None,
            top_bytes=_top_bytes(self._bench.samples(run)),
            reports=reports,
            problems=problems,
        )

    def _execute(self, case: Case, *, number: int, purpose: Purpose) -> Run:
        self._written = b""

        def collect(output: Path) -> None:
            path = output / inside.REPORTS
            self._written = path.read_bytes() if path.exists() else b""

        return self._bench.execute(
            case, number=number, purpose=purpose, change=self._change, collect=collect
        )

    def _change(self, order: Order) -> Order:
        """Show the tests, which may lie beside the folder that pytest was started in.

        Only the first two files are followed: of the snapshot nobody knows when it is opened.
        """
        order_file, begin, *read = order.snapshots
        places = dict.fromkeys((self._root, self._item.path.parent, *(Path(s.path) for s in read)))
        return msgspec.structs.replace(
            order,
            snapshots=(order_file, begin),
            mounts=(*order.mounts, *(MountRequest(path=place) for place in places)),
            interval_s=_INTERVAL_S,
        )

    def _is_base_missing(self, attempt: _Attempt) -> bool:
        """Whether a test that ended went by before anybody looked, as on a very busy machine."""
        return self._terms.peak is not None and attempt.run.completed and attempt.base_bytes is None

    def _judge_peak(self, attempt: _Attempt) -> Iterable[Finding]:
        """Hold the peak against pytest's own memory and the budget together."""
        peak = self._terms.peak
        if peak is None:
            return ()
        if attempt.base_bytes is None or attempt.top_bytes is None:
            return () if not attempt.run.completed else (_unseen(attempt.run),)
        size = Size(
            text=f"{peak.text} and pytest's own {format_bytes(attempt.base_bytes)}",
            bytes_=peak.bytes + attempt.base_bytes,
        )
        budget = Budget(worker=self._item.nodeid, peak=size)
        scenario = msgspec.structs.replace(self._bench.scenario, budget=(budget,))
        since = msgspec.structs.replace(attempt.run, peak_bytes=attempt.top_bytes)
        for wanted in confirmations(scenario, [since]):
            number = len(self._runs) + 1
            case = msgspec.structs.replace(
                self._case,
                memory_limit_bytes=wanted.case.memory_limit_bytes,
                memory_limit_label=wanted.case.memory_limit_label,
            )
            run = self._execute(case, number=number, purpose=Purpose.CONFIRMATION)
            self._runs.append(_told(run))
        runs = [since, *self._runs[1:]]
        return judge_budgets(scenario, runs, self._bench.conditions, None)


def _top_bytes(samples: Iterable[Sample]) -> int | None:
    """Return the largest sample since the file that marks the begin was opened, in bytes."""
    since = (sample for sample in samples if (sample.snapshot_index or 0) >= 1)
    return max((sample.unreclaimable_bytes for sample in since), default=None)


def _told(run: Run) -> Run:
    """Return a run as it is reported: its first files are how it was made, not what it read."""
    order, _, *read = run.case.snapshots
    nothing = msgspec.structs.replace(order, bytes=0)
    case = msgspec.structs.replace(
        run.case, snapshot=read[0] if read else nothing, more_snapshots=tuple(read[1:])
    )
    return msgspec.structs.replace(run, case=case, after_snapshots=())


def _read(
    written: bytes, config: pytest.Config
) -> tuple[tuple[pytest.TestReport, ...], tuple[str, ...]]:
    """Return the reports and the problems that pytest wrote; its last line may be cut."""
    reports: list[pytest.TestReport] = []
    problems: list[str] = []
    for line in written.splitlines():
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError:
            break
        if "report" in record:
            reports.append(_report_of(record["report"], config))
        elif "warning" in record:
            recorded.record(record["warning"], config)
        else:
            problems.append(str(record["problem"]))
    return tuple(reports), tuple(problems)


def _report_of(data: dict[str, Any], config: pytest.Config) -> pytest.TestReport:
    """Return a report with the tuples that JSON made lists of: a reason to skip must be one."""
    reason = data.get("longrepr")
    report: pytest.TestReport = config.hook.pytest_report_from_serializable(
        config=config, data=data
    )
    if isinstance(reason, list):
        report.longrepr = tuple(reason)
    report.user_properties = [(name, value) for name, value in report.user_properties]
    report.sections = [(name, text) for name, text in report.sections]
    return report


def _braced(path: str) -> str:
    """Return a path as a word of a command in which braces are placeholders."""
    return path.replace("{", "{{").replace("}", "}}")


def _unseen(run: Run) -> Finding:
    return Finding(
        budget=Subject.PEAK,
        worker=run.case.worker,
        severity=Severity.NO_VERDICT,
        message="Whether the budget `peak` is kept is not known: what pytest itself held before "
        "the test was not seen.",
        next_step="Run it again, on a machine that is less busy.",
        case=run.case.name,
        run=run.number,
    )


def _messages(findings: Sequence[Finding]) -> Iterable[str]:
    for finding in findings:
        yield finding.message
        if finding.severity is Severity.NO_VERDICT and finding.next_step:
            yield finding.next_step


def _is_about_memory(run: Run, findings: Sequence[Finding]) -> bool:
    """Whether it helps to know who holds the memory."""
    over = any(one.severity is Severity.FAILURE and one.budget is Subject.PEAK for one in findings)
    return over or run.ending in {Ending.OOM_KILLED, Ending.MEMORY_ERROR}
