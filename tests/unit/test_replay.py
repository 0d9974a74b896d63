"""The loop, with the sandbox that says what it is told to."""

import hashlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from harness.core.baseline import Baseline, baseline_of
from harness.core.case import Snapshot, cases_of
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.errors import NoVerdictError, OomproofError, SandboxError
from harness.core.finding import Severity, Subject
from harness.core.repeating import Repeating
from harness.core.report import Report
from harness.core.run import Observation, Purpose, Run
from harness.core.scenario import SandboxKind, Scenario, SnapshotSource
from harness.core.verdict import Verdict
from harness.orders import OrderMaker
from harness.replay import Plan, PlannedRun, Replay
from harness.sandbox.contract import Order
from harness.sandbox.fake import FakeSandbox, observation
from harness.snapshots import ProbeMaker, resolve_snapshots
from harness.store import REPORT, Store, load_report, new_store

MIB = 2**20
Script = Iterable[Observation | OomproofError] | Callable[[Order], Observation]


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.started: list[tuple[int, int]] = []
        self.ended: list[Run] = []
        self.read: list[tuple[str, int, int]] = []

    def run_started(self, planned: PlannedRun, total: int) -> None:
        self.started.append((planned.number, total))

    def run_ended(self, run: Run) -> None:
        self.ended.append(run)

    def bytes(self, what: str, done: int, total: int) -> None:
        self.read.append((what, done, total))


class Stage:
    """A store, two snapshots, and what came of a replay."""

    def __init__(self, folder: Path, snapshots: tuple[Snapshot, ...]) -> None:
        self.store = new_store(folder, "demo")
        self.folder = folder
        self.snapshots = snapshots
        self.listener = Listener()
        self.sandbox = FakeSandbox(())

    def replay(
        self,
        scenario: Scenario,
        script: Script,
        *,
        stop: Callable[[], bool] = lambda: False,
        jobs: int = 1,
        memory_bytes: int = 2**40,
        baseline: Baseline | None = None,
        confirm_largest: bool = False,
        repeating: Repeating = Repeating.NONE,
    ) -> Report:
        self.sandbox = FakeSandbox(script)
        plan = Plan(
            scenario=scenario,
            cases=cases_of(scenario, self.snapshots),
            conditions=Conditions(sandbox="process"),
            baseline=baseline,
            memory_bytes=memory_bytes,
            jobs=jobs,
            repeating=repeating,
            confirm_largest=confirm_largest,
            probes=ProbeMaker(
                scenario.snapshots,
                folder=self.folder,
                cache=self.folder / "cache",
                progress=lambda *_: None,
            )
            if scenario.snapshots.shape
            else None,
        )
        orders = OrderMaker(scenario, folder=self.folder, kind=SandboxKind.PROCESS)
        replay = Replay(
            plan, sandbox=self.sandbox, orders=orders, store=self.store, progress=self.listener
        )
        return replay.report(stop)

    def saved(self, number: int) -> Run:
        data = (self.store.folder / "runs" / f"{number:03d}" / "run.json").read_bytes()
        return msgspec.json.decode(data, type=Run)


@pytest.fixture
def stage(tmp_path: Path, make_snapshot: Callable[..., Snapshot]) -> Stage:
    snapshots = []
    for megabytes in (5, 50):
        path = tmp_path / f"{megabytes}.json"
        path.write_text('{"heroes": []}')
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        snapshots.append(
            make_snapshot(megabytes, path=str(path), bytes=path.stat().st_size, sha256=digest)
        )
    return Stage(tmp_path / "out", tuple(snapshots))


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario()


def killed() -> Observation:
    return observation(exit_code=137, signal=9, oom_kills=1)


def test_every_case_is_run_in_order_and_saved(stage: Stage, scenario: Scenario) -> None:
    report = stage.replay(scenario, [observation(peak_bytes=7 * MIB), observation()])
    assert [run.case.snapshot_label for run in report.runs] == ["5MB", "50MB"]
    assert [run.number for run in report.runs] == [1, 2]
    assert report.runs[0].peak_bytes == 7 * MIB
    assert (report.verdict, report.finished, report.planned_runs) == (Verdict.PASS, True, 2)
    assert stage.listener.started == [(1, 2), (2, 2)]
    assert tuple(stage.listener.ended) == report.runs
    assert load_report(stage.store.folder)[0] == report
    for run in report.runs:
        assert stage.saved(run.number) == run
    assert len(stage.store.timelines(report)[1]) == 3


def test_repeats_come_after_all_cases(stage: Stage, make_scenario: Callable[..., Scenario]) -> None:
    report = stage.replay(make_scenario(repeat=2), [observation()] * 4)
    seen = [(run.number, run.repeat, run.case.snapshot_label) for run in report.runs]
    assert seen == [(1, 1, "5MB"), (2, 1, "50MB"), (3, 2, "5MB"), (4, 2, "50MB")]


def test_cases_are_repeated_until_their_growth_is_decided(
    stage: Stage, make_scenario: Callable[..., Scenario]
) -> None:
    scenario = make_scenario(budget=[{"worker": "streaming", "growth": "2%"}])

    def replayed(*peaks_mib: float) -> Report:
        sizes = [int(mib * MIB) for mib in peaks_mib]
        seen = [observation(peak_bytes=size, upper_bytes=size) for size in sizes]
        return stage.replay(scenario, seen, baseline=baseline, repeating=Repeating.AUTO)

    baseline = None
    first = replayed(*[100, 200] * 3)
    assert [run.repeat for run in first.runs] == [1, 1, 2, 2, 3, 3], "for a baseline"
    assert (first.planned_runs, first.verdict) == (6, Verdict.PASS)
    baseline = baseline_of("demo", first.conditions, first.runs)
    # The second case is where one run cannot tell, and where three can.
    second = replayed(100, 205.7, 205.7, 205.7)
    cases = [(run.repeat, run.case.snapshot_label) for run in second.runs]
    assert cases == [(1, "5MB"), (1, "50MB"), (2, "50MB"), (3, "50MB")]
    assert (second.finished, second.planned_runs) == (True, 4)
    assert second.verdict is Verdict.FAIL
    assert stage.listener.started[-1] == (4, 4)


def test_each_run_is_saved_before_the_next_begins(stage: Stage, scenario: Scenario) -> None:
    there: list[list[str]] = []

    def look(order: Order) -> Observation:
        there.append(sorted(path.name for path in stage.store.folder.glob("runs/*/run.json")))
        assert order.output_folder.is_dir()
        assert load_report(stage.store.folder)[0].finished is False
        return observation()

    stage.replay(scenario, look)
    assert there == [[], ["run.json"]]
    assert not list(stage.store.folder.glob("runs/*/output"))


def test_a_sandbox_that_fails_is_no_verdict_and_the_rest_goes_on(
    stage: Stage, scenario: Scenario
) -> None:
    report = stage.replay(scenario, [SandboxError("the limit was discarded"), observation()])
    assert [run.ending for run in report.runs] == [None, Ending.COMPLETED]
    assert report.verdict is Verdict.NONE
    assert report.findings[0].severity is Severity.NO_VERDICT
    assert "the limit was discarded" in report.findings[0].message
    assert stage.saved(1) == report.runs[0]
    assert not list(stage.store.folder.glob("runs/*/output"))


def test_what_the_system_refuses_is_no_verdict_either(stage: Stage, scenario: Scenario) -> None:
    def fail(order: Order) -> Observation:
        if order.snapshots[0].label == "5MB":
            raise OSError(24, "Too many open files")
        return observation()

    report = stage.replay(scenario, fail)
    assert [run.ending for run in report.runs] == [None, Ending.COMPLETED]
    assert "Too many open files" in report.runs[0].reason


def test_a_failure_is_certain_whatever_else_is_unknown(stage: Stage, scenario: Scenario) -> None:
    report = stage.replay(scenario, [SandboxError("gone"), killed()])
    assert report.verdict is Verdict.FAIL


def test_a_snapshot_that_changed_meanwhile_is_no_verdict(stage: Stage, scenario: Scenario) -> None:
    def change(_: Order) -> Observation:
        Path(stage.snapshots[1].path).write_text("[]")
        return observation()

    report = stage.replay(scenario, change)
    assert [run.ending for run in report.runs] == [Ending.COMPLETED, None]
    assert "has changed since the start" in report.runs[1].reason


def test_stopping_reports_what_has_finished(stage: Stage, scenario: Scenario) -> None:
    asked = threading.Event()

    def answer(_: Order) -> Observation:
        asked.set()
        return observation()

    report = stage.replay(scenario, answer, stop=asked.is_set)
    assert [run.number for run in report.runs] == [1]
    assert (report.finished, report.verdict) == (False, Verdict.NONE)
    (finding,) = report.findings
    assert (finding.budget, finding.severity) == (Subject.HARNESS, Severity.NO_VERDICT)
    assert "after 1 of 2 runs" in finding.message
    assert load_report(stage.store.folder)[0] == report
    assert stage.listener.started == [(1, 2)]


def test_a_run_that_was_stopped_in_its_middle_is_not_reported(
    stage: Stage, scenario: Scenario
) -> None:
    calls = iter([False, False, True])  # before the run and while it is warmed, then in it
    report = stage.replay(scenario, [observation()] * 2, stop=lambda: next(calls, True))
    assert len(stage.sandbox.orders) == 1
    assert report.runs == ()
    assert "after 0 of 2 runs" in report.findings[0].message
    assert not list(stage.store.folder.glob("runs/*/output"))


def test_stopping_after_the_last_run_stops_nothing(stage: Stage, scenario: Scenario) -> None:
    asked = threading.Event()

    def answer(order: Order) -> Observation:
        if order.snapshots[0].label == "50MB":
            asked.set()
        return observation()

    report = stage.replay(scenario, answer, stop=asked.is_set)
    assert (report.finished, report.verdict) == (True, Verdict.PASS)


@pytest.fixture
def budgeted(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(budget=[{"worker": "streaming", "peak": "64MiB"}])


def test_a_budget_inside_an_interval_is_tried(stage: Stage, budgeted: Scenario) -> None:
    inside = observation(peak_bytes=60 * MIB, upper_bytes=70 * MIB)
    report = stage.replay(budgeted, [observation(), inside, observation()])
    assert stage.sandbox.orders[2].memory_limit_bytes == 64 * MIB
    assert stage.sandbox.orders[2].snapshots[0].label == "50MB"
    assert report.runs[2].purpose is Purpose.CONFIRMATION
    assert (report.runs[2].number, report.planned_runs) == (3, 2)
    assert report.verdict is Verdict.PASS
    assert stage.listener.started[2] == (3, 3)


def test_a_budget_that_kills_fails(stage: Stage, budgeted: Scenario) -> None:
    inside = observation(peak_bytes=60 * MIB, upper_bytes=70 * MIB)
    report = stage.replay(budgeted, [observation(), inside, killed()])
    assert report.verdict is Verdict.FAIL
    assert [finding.budget for finding in report.findings] == [Subject.PEAK]


def test_a_confirmation_that_fails_is_no_verdict(stage: Stage, budgeted: Scenario) -> None:
    inside = observation(peak_bytes=60 * MIB, upper_bytes=70 * MIB)
    report = stage.replay(budgeted, [observation(), inside, SandboxError("gone")])
    assert report.verdict is Verdict.NONE
    assert "gone" in report.findings[0].message


def test_stopping_before_a_confirmation_leaves_the_budget_open(
    stage: Stage, budgeted: Scenario
) -> None:
    asked = threading.Event()

    def answer(order: Order) -> Observation:
        if order.snapshots[0].label == "50MB":
            asked.set()
        return observation(peak_bytes=60 * MIB, upper_bytes=70 * MIB)

    report = stage.replay(budgeted, answer, stop=asked.is_set)
    assert len(report.runs) == 2
    assert report.verdict is Verdict.NONE


@pytest.mark.parametrize(
    ("limit", "memory_bytes", "together"),
    [
        ("512MiB", 2048 * MIB, 2),
        ("512MiB", 1024 * MIB, 2),
        ("512MiB", 1023 * MIB, 1),
        ("512MiB", 100 * MIB, 1),
        ("unlimited", 2048 * MIB, 1),
    ],
)
def test_runs_go_side_by_side_while_their_limits_fit(
    limit: str,
    memory_bytes: int,
    together: int,
    stage: Stage,
    make_scenario: Callable[..., Scenario],
) -> None:
    lock = threading.Lock()
    both = threading.Barrier(together)
    now = most = 0

    def count(_: Order) -> Observation:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait(timeout=30)
        with lock:
            now -= 1
        return observation()

    scenario = make_scenario(limits={"memory": [limit]})
    report = stage.replay(scenario, count, jobs=2, memory_bytes=memory_bytes)
    assert most == together
    assert [run.number for run in report.runs] == [1, 2]
    assert report.verdict is Verdict.PASS


def test_side_by_side_runs_are_reported_in_order(
    stage: Stage, make_scenario: Callable[..., Scenario]
) -> None:
    second_has_ended = threading.Event()

    def answer(order: Order) -> Observation:
        if order.snapshots[0].label == "5MB":
            assert second_has_ended.wait(timeout=30)
        else:
            second_has_ended.set()
        return observation()

    report = stage.replay(make_scenario(), answer, jobs=2)
    assert [run.case.snapshot_label for run in report.runs] == ["5MB", "50MB"]


def test_an_error_of_ours_is_not_hidden(stage: Stage, scenario: Scenario) -> None:
    def fail(_: Order) -> Observation:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        stage.replay(scenario, fail)
    report, _ = load_report(stage.store.folder)
    assert (report.finished, report.verdict) == (False, Verdict.NONE)
    assert stage.listener.started == [(1, 2)], "nothing more is run"


def test_a_report_that_cannot_be_saved_is_no_verdict(stage: Stage, scenario: Scenario) -> None:
    (stage.store.folder / REPORT).mkdir()
    with pytest.raises(NoVerdictError, match="cannot be written"):
        stage.replay(scenario, [observation()] * 2)
    assert stage.sandbox.orders == []


def test_a_run_that_cannot_be_saved_is_reported_all_the_same(
    stage: Stage, scenario: Scenario
) -> None:
    def spoil(order: Order) -> Observation:
        if order.snapshots[0].label == "5MB":
            (order.output_folder.parent / "run.json").mkdir()
        return observation()

    report = stage.replay(scenario, spoil)
    assert [run.ending for run in report.runs] == [Ending.COMPLETED, Ending.COMPLETED]
    assert report.runs[0].peak_bytes == report.runs[1].peak_bytes
    assert any("Run 1 could not be saved" in finding.message for finding in report.findings)


def test_a_full_output_folder_explains_a_crash(stage: Stage, scenario: Scenario) -> None:
    full = observation(exit_code=1, stderr="sqlite3.OperationalError: database or disk is full")
    report = stage.replay(scenario, [full, observation()])
    notes = [finding for finding in report.findings if finding.budget is Subject.OUTPUT]
    assert [(note.severity, note.run) for note in notes] == [(Severity.NOTE, 1)]
    assert report.verdict is Verdict.FAIL


@pytest.fixture
def broken(stage: Stage) -> Stage:
    """Return a stage whose first snapshot is a user's, and cut short."""
    path = Path(stage.snapshots[0].path)
    path.write_text('{"heroes": [')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    mine = msgspec.structs.replace(stage.snapshots[0], shape=None, bytes=12, sha256=digest)
    stage.snapshots = (mine, stage.snapshots[1])
    return stage


def test_a_snapshot_that_is_no_json_explains_a_failure(broken: Stage, scenario: Scenario) -> None:
    report = broken.replay(scenario, [observation(exit_code=1), observation()])
    (note,) = [finding for finding in report.findings if finding.budget is Subject.SNAPSHOT]
    assert "5MB is not valid JSON: at byte 12" in note.message
    assert [run.ending for run in report.runs] == [Ending.CRASHED, Ending.COMPLETED]
    assert note.severity is Severity.NOTE


def test_checking_a_large_snapshot_is_told_and_can_be_stopped(
    broken: Stage, scenario: Scenario
) -> None:
    Path(broken.snapshots[0].path).write_bytes(b"[" + b" " * 2**20)
    digest = hashlib.sha256(Path(broken.snapshots[0].path).read_bytes()).hexdigest()
    broken.snapshots = (
        msgspec.structs.replace(broken.snapshots[0], sha256=digest, bytes=2**20 + 1),
        broken.snapshots[1],
    )
    report = broken.replay(scenario, [observation(exit_code=1), observation()])
    assert broken.listener.read[0] == ("Checking 5.json", 2**16, 2**20 + 1)
    assert any(finding.budget is Subject.SNAPSHOT for finding in report.findings)
    asked = threading.Event()

    def answer(order: Order) -> Observation:
        if order.snapshots[0].label == "50MB":
            asked.set()
        return observation(exit_code=1)

    stopped = broken.replay(scenario, answer, stop=asked.is_set)
    assert not any(finding.budget is Subject.SNAPSHOT for finding in stopped.findings)
    assert stopped.verdict is Verdict.FAIL


def test_a_worker_that_lives_with_it_is_not_lectured(broken: Stage, scenario: Scenario) -> None:
    report = broken.replay(scenario, [observation(), observation()])
    assert report.findings == ()


def test_the_store_of_a_replay_can_be_read_at_any_time(stage: Stage, scenario: Scenario) -> None:
    def look(_: Order) -> Observation:
        report, store = load_report(stage.store.folder)
        assert isinstance(store, Store)
        assert report.verdict is Verdict.NONE
        assert "ended before its time" in report.findings[0].message
        return observation()

    assert stage.replay(scenario, look).verdict is Verdict.PASS


def needs(bytes_per_byte: int) -> Callable[[Order], Observation]:
    """Answer as a worker does that needs so many times its snapshot, under the order's limit."""

    def answer(order: Order) -> Observation:
        size = int(Path(order.snapshots[0].path).stat().st_size)
        needed = 10 * MIB + bytes_per_byte * size
        if order.memory_limit_bytes is not None and needed > order.memory_limit_bytes:
            return killed()
        return observation(peak_bytes=needed)

    return answer


def generated(stage: Stage, scenario: Scenario) -> Stage:
    stage.snapshots = resolve_snapshots(
        scenario.snapshots,
        folder=stage.folder,
        cache=stage.folder / "cache",
        progress=lambda *_: None,
    )
    return stage


@pytest.fixture
def two_sizes(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario(
        snapshots={"shape": "hero_snapshot", "sizes": ["200kB", "400kB"]},
        limits={"memory": ["20MiB"]},
    )


def test_the_largest_that_fits_is_confirmed_on_request(stage: Stage, two_sizes: Scenario) -> None:
    generated(stage, two_sizes)
    plain = stage.replay(two_sizes, needs(20))
    assert plain.laws[0].largest[0].bytes is not None
    assert plain.laws[0].largest[0].confirmed is None
    report = stage.replay(two_sizes, needs(20), confirm_largest=True)
    assert [(run.purpose, run.ending) for run in report.runs[2:]] == [
        (Purpose.CONFIRMATION, Ending.COMPLETED),
        (Purpose.CONFIRMATION, Ending.OOM_KILLED),
    ]
    (largest,) = report.laws[0].largest
    assert largest.confirmed is True
    sizes = [run.case.input_bytes for run in report.runs[2:]]
    assert sizes == list(largest.probe_bytes)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
    assert list((stage.folder / "cache").glob("probe*")) == [], "each is there for its run only"
    assert load_report(stage.store.folder)[0] == report


def test_a_largest_that_is_wrong_is_noted(stage: Stage, two_sizes: Scenario) -> None:
    answer = needs(20)

    def dies(order: Order) -> Observation:
        return killed() if "probe" in order.snapshots[0].path else answer(order)

    report = generated(stage, two_sizes).replay(two_sizes, dies, confirm_largest=True)
    assert report.laws[0].largest[0].confirmed is False
    (finding,) = report.findings
    assert (finding.budget, finding.severity) == (Subject.LARGEST, Severity.NOTE)
    assert "at 97 % it was OOM-killed" in finding.message


def test_files_cannot_be_made_in_another_size(stage: Stage, two_sizes: Scenario) -> None:
    generated(stage, two_sizes)
    files = msgspec.structs.replace(
        two_sizes, snapshots=SnapshotSource(files=tuple(s.path for s in stage.snapshots))
    )
    report = stage.replay(files, needs(20), confirm_largest=True)
    assert len(report.runs) == 2
    (finding,) = report.findings
    assert finding.severity is Severity.NOTE
    assert "files have the size they have" in finding.message


def test_a_snapshot_that_cannot_be_made_is_noted(stage: Stage, two_sizes: Scenario) -> None:
    generated(stage, two_sizes)
    (stage.folder / "cache").rename(stage.folder / "elsewhere")
    stage.snapshots = tuple(
        msgspec.structs.replace(s, path=s.path.replace("/cache/", "/elsewhere/"))
        for s in stage.snapshots
    )
    (stage.folder / "cache").write_text("in the way")
    report = stage.replay(two_sizes, needs(20), confirm_largest=True)
    messages = [finding.message for finding in report.findings]
    assert sum("could not be made" in message for message in messages) == 2
    assert any("is not confirmed: the runs near it were not made" in m for m in messages)
    assert report.verdict is Verdict.PASS
