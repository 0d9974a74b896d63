"""What `requirement` and `reproduce` have in common: one command, one snapshot, one sandbox."""

import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from harness.cli.image import check_image
from harness.cli.options import SOURCE, as_options
from harness.cli.progress import AnyProgress, progress_on
from harness.cli.session import cache_folder, stopping, sweep
from harness.core.case import Case, cases_of
from harness.core.conditions import Conditions
from harness.core.errors import InputError, InterruptedRunError
from harness.core.runtime import takes_what_it_gets
from harness.core.scenario import scenario_of
from harness.core.units import format_bytes, parse_size
from harness.execution import Executor
from harness.files import check_writable
from harness.inquiry import Inquiry, default_ceiling_bytes
from harness.orders import OrderMaker
from harness.sandbox.choose import choose
from harness.sandbox.contract import Sandbox
from harness.sandbox.machine import available_memory_bytes, conditions_of
from harness.snapshots import resolve_snapshots
from harness.store import Store, new_store

TIMEOUT: Final = "10m"
AGAINST: Final = "against"
_WORKER: Final = "worker"
_OPTIONS: Final = {
    "limits.memory": "--memory",
    "limits.timeout": "--timeout",
    "sandbox.kind": "--sandbox",
    "sandbox.image": "--image",
    "snapshots.files": "SNAPSHOT",
    "worker[0].command": "COMMAND",
    "worker[1].command": "--against",
}
_LEAST_CEILING_BYTES: Final = 64 * 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked on the command line.

    Attributes:
        name: of the folder below `out`.
        memory: the limit, where one was given.
        against: another command to be tried with the same snapshot and limit.

    """

    name: str
    snapshot: Path
    command: tuple[str, ...]
    sandbox: str | None
    image: str | None
    timeout: str
    ceiling: str | None
    out: Path
    memory: str | None = None
    against: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that can be answered: all that was named is there."""

    command: tuple[str, ...]
    inquiry: Inquiry
    case: Case
    against: Case | None
    conditions: Conditions
    orders: OrderMaker
    sandbox: Sandbox
    python: str
    node: str | None
    store: Store
    progress: AnyProgress
    stop: Callable[[], bool]


def command_of(option: str | None, words: list[str] | None, *, example: str) -> tuple[str, ...]:
    """Return the command, given as one text or as words after ``--``.

    Raises:
        InputError: there is none, there are two, or its quotes do not match.

    """
    if option is not None and words:
        raise InputError("give the command once: with --command, or after `--`")
    if option is None and not words:
        raise InputError(f"give the command, such as: {example}")
    return tuple(words or ()) if option is None else words_of(option, name="--command")


def words_of(text: str, *, name: str) -> tuple[str, ...]:
    """Return the words of a command that the option `name` gave as one text.

    Raises:
        InputError: its quotes do not match, or it has none.

    """
    try:
        split = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"{name}: {error}: {text}") from None
    if not split:
        raise InputError(f"{name}: it is empty")
    return split


@contextlib.contextmanager
def asked(question: Question) -> Iterator[Asked]:
    """Check a question, choose its sandbox, and prepare to answer it.

    Raises:
        InputError: what was named is not there, or does not fit together.
        SandboxError: no sandbox works here.

    """
    with progress_on(sys.stderr) as progress, stopping() as stop, as_options(_OPTIONS):
        yield _prepare(question, progress, stop)


def _prepare(question: Question, progress: AnyProgress, stop: Callable[[], bool]) -> Asked:
    scenario = scenario_of(_document(question), source=SOURCE)
    check_writable(question.out / question.name / "new", option="--out")
    sandbox = choose(scenario.sandbox)
    orders = OrderMaker(scenario, folder=Path.cwd(), kind=sandbox.kind)
    orders.check(source=SOURCE)
    check_image(scenario, folder=Path.cwd(), source=SOURCE)
    sweep(sandbox, progress)
    ceiling_bytes = _ceiling(question, scenario.limits.memory[0].bytes or 0)

    def told(what: str, done: int, total: int) -> None:
        if stop():
            raise InterruptedRunError("stopped before any run")
        progress.bytes(what, done, total)

    snapshots = resolve_snapshots(
        scenario.snapshots, folder=Path.cwd(), cache=cache_folder(), progress=told
    )
    cases = {case.worker: case for case in cases_of(scenario, snapshots)}
    store = new_store(question.out.absolute(), question.name)
    executor = Executor(sandbox=sandbox, orders=orders, store=store)
    return Asked(
        command=question.command,
        inquiry=Inquiry(
            executor,
            ceiling_bytes=ceiling_bytes,
            progress=progress,
            stop=stop,
            takes_what_it_gets=takes_what_it_gets(question.command),
        ),
        case=cases[_WORKER],
        against=cases.get(AGAINST),
        conditions=conditions_of(sandbox, orders.environment),
        orders=orders,
        sandbox=sandbox,
        python=orders.python_of(question.command),
        node=orders.node_of(question.command),
        store=store,
        progress=progress,
        stop=stop,
    )


def _document(question: Question) -> dict[str, Any]:
    """Return the scenario's document that a question amounts to."""
    workers = [{"name": _WORKER, "command": list(question.command)}]
    if question.against:
        workers.append({"name": AGAINST, "command": list(question.against)})
    settings = {"kind": question.sandbox, "image": question.image}
    return {
        "schema": 1,
        "name": question.name,
        "snapshots": {"files": [str(question.snapshot.absolute())]},
        "sandbox": {key: value for key, value in settings.items() if value is not None},
        "limits": {"memory": [question.memory or "unlimited"], "timeout": question.timeout},
        "worker": workers,
    }


def _ceiling(question: Question, limit_bytes: int) -> int:
    """Return the largest limit to be given to a run, in bytes: above the one that is asked for."""
    spare_bytes = default_ceiling_bytes(available_memory_bytes())
    if question.ceiling is None:
        if limit_bytes >= spare_bytes:
            raise InputError(
                f"--memory: {question.memory} is all that this machine has to spare now, "
                f"{format_bytes(spare_bytes)}; a worker must be given more to be looked at there"
            )
        return max(spare_bytes, _LEAST_CEILING_BYTES)
    try:
        ceiling_bytes = parse_size(question.ceiling)
    except ValueError as error:
        raise InputError(f"--ceiling: {error}") from None
    if ceiling_bytes > spare_bytes:
        raise InputError(
            f"--ceiling: {question.ceiling} is more than this machine has to spare now, "
            f"{format_bytes(spare_bytes)}; lower it, or leave it out"
        )
    if ceiling_bytes <= limit_bytes:
        raise InputError(f"--ceiling: {question.ceiling} is not above {question.memory}; raise it")
    return ceiling_bytes
