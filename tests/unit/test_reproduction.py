"""One answer from several runs, with the sandbox that says what it is told to."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.core.answer import Answer
from harness.core.autopsy import Autopsy, Evidence, Fate, Process, Standstill, Thread
from harness.core.case import Snapshot, cases_of
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.peaks import Sample
from harness.core.profile import Frame
from harness.core.run import Observation
from harness.core.scenario import SandboxKind, Scenario
from harness.execution import Executor
from harness.inquiry import Inquiry
from harness.orders import OrderMaker
from harness.profiled_pass import ProfiledPass
from harness.reporters.answer import render_answer
from harness.reproduce import Reproduction
from harness.sandbox.contract import Order
from harness.sandbox.fake import FakeSandbox, observation
from harness.store import new_store

MIB = 2**20
LIMIT = 512 * MIB
CEILING = 4096 * MIB
STACK = (Frame(function="load", file="/app/w.py", line=3),)


class Silent:
    def task(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def bytes(self, what: str, done: int, total: int) -> None: ...


def stood(at_bytes: int, size: int) -> Autopsy:
    thread = Thread(name="MainThread", thread_id=1, stack=STACK, active=True)
    process = Process(
        pid=7, parent=1, command=("w",), rollup={}, areas=(), open_files=(), threads=(thread,)
    )
    standstill = Standstill(
        limit_bytes=at_bytes,
        crossed_bytes=size,
        crossed_at_s=1.0,
        stood=Sample(at_s=1.0, anon_bytes=size),
        freezing_s=0.001,
    )
    return Autopsy(standstill=standstill, evidence=Evidence(processes=(process,)))


class Case:
    """A worker that is killed at its limit, frozen, run to its end, and profiled."""

    def __init__(self, *, frozen_exit: int, plain_exit: int, overshoot: float = 0.001) -> None:
        self._frozen_exit = frozen_exit
        self._plain_exit = plain_exit
        self._overshoot = overshoot
        self.passes: list[str] = []

    def __call__(self, order: Order) -> Observation:
        if order.memory_limit_bytes is None:
            return observation(peak_bytes=3 * MIB)
        if order.trap is not None:
            name = "frozen" if order.trap.fate is Fate.GO_ON else "profiled"
            size = int(order.trap.at_bytes * (1 + self._overshoot))
            autopsy = stood(order.trap.at_bytes, size)
            code = self._frozen_exit if name == "frozen" else 137
            seen = observation(peak_bytes=900 * MIB, exit_code=code)
        else:
            is_verdict = order.memory_limit_bytes == LIMIT
            name = "verdict" if is_verdict else "plain"
            seen = observation(
                peak_bytes=LIMIT if is_verdict else 900 * MIB,
                exit_code=137 if is_verdict else self._plain_exit,
                signal=9 if is_verdict else None,
                oom_kills=int(is_verdict),
            )
            autopsy = None
        self.passes.append(name)
        return msgspec.structs.replace(seen, autopsy=autopsy)


@pytest.fixture
def answer_to(
    tmp_path: Path, make_scenario: Callable[..., Scenario], make_snapshot: Callable[..., Snapshot]
) -> Callable[[Case], Answer]:
    path = tmp_path / "s.json"
    path.write_bytes(b"[1]")
    snapshot = make_snapshot(5, path=str(path), bytes=3, sha256=hashlib.sha256(b"[1]").hexdigest())

    def answer(case: Case) -> Answer:
        scenario = make_scenario(snapshots={"files": [str(path)]})
        sandbox = FakeSandbox(case)
        store = new_store(tmp_path / "out", "reproduce")
        orders = OrderMaker(scenario, folder=tmp_path, kind=SandboxKind.PROCESS)
        inquiry = Inquiry(
            Executor(sandbox=sandbox, orders=orders, store=store),
            ceiling_bytes=CEILING,
            progress=Silent(),
            stop=lambda: False,
        )
        return Reproduction(
            inquiry,
            case=cases_of(scenario, (snapshot,))[0],
            against=None,
            commands=(("w.py",), ()),
            conditions=Conditions(sandbox="cgroup"),
            store=store,
            progress=Silent(),
            profiled=ProfiledPass(
                inquiry,
                sandbox,
                folder=store.folder,
                python="python3",
                node=None,
                stop=lambda: False,
            ),
            with_locals=False,
        ).answer()

    return answer


def test_an_autopsy_at_the_limit_counts(answer_to: Callable[[Case], Answer]) -> None:
    answer = answer_to(Case(frozen_exit=0, plain_exit=0))
    assert answer.ending is Ending.OOM_KILLED
    assert answer.autopsy_counts is True
    assert answer.at == "/app/w.py:3"
    assert answer.requirement_bytes == 900 * MIB


def test_an_autopsy_further_away_is_shown_with_its_distance(
    answer_to: Callable[[Case], Answer],
) -> None:
    answer = answer_to(Case(frozen_exit=0, plain_exit=0, overshoot=0.05))
    assert answer.autopsy_counts is False
    assert answer.stack
    page = " ".join(render_answer(answer).split())
    assert "(+5.0 %). That is more than 1 % from the limit" in page


def test_a_worker_that_ends_badly_either_way_is_the_same_worker(
    answer_to: Callable[[Case], Answer],
) -> None:
    case = Case(frozen_exit=3, plain_exit=3)
    answer = answer_to(case)
    assert answer.autopsy_counts is True
    assert answer.stack
    assert case.passes == ["verdict", "frozen", "plain", "profiled"]


def test_a_worker_that_ends_otherwise_when_frozen_was_disturbed(
    answer_to: Callable[[Case], Answer],
) -> None:
    answer = answer_to(Case(frozen_exit=3, plain_exit=0))
    assert answer.autopsy_counts is False
    assert answer.autopsy is not None, "the evidence is kept"
    assert (answer.stack, answer.at, answer.stopped_at) == ((), "", None)
    assert answer.requirement_bytes == 900 * MIB, "of the plain run"
    assert any("may have disturbed it" in problem for problem in answer.problems)
    page = " ".join(render_answer(answer).split())
    assert "so it does not count" in page
    assert "/app/w.py:3" not in page
