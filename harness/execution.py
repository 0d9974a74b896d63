"""One run of one case: warmed, ordered, executed in a sandbox, and saved whatever came of it."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from harness.core.autopsy import Autopsy
from harness.core.case import Case
from harness.core.errors import InterruptedRunError, NoVerdictError
from harness.core.run import Observation, Purpose, Run, failed_run, run_of
from harness.orders import OrderMaker
from harness.sandbox.contract import Order, Sandbox
from harness.snapshots import warm
from harness.store import Store, shortened

_READ_BYTES: Final = 1024 * 1024
_FULL_BYTES: Final = 1024 * 1024
_FULL_WORDS: Final = (
    "No space left on device",
    "ENOSPC",
    "database or disk is full",
    "Disk quota exceeded",
)


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was made.

    Attributes:
        autopsy: what was seen of it at its trap, where it had one and came to it.
        problem: what of it could not be saved, where that is so.

    """

    run: Run
    autopsy: Autopsy | None = None
    problem: str = ""


def as_it_is(order: Order) -> Order:
    """Change nothing of an order."""
    return order


def leave(output: Path) -> None:
    """Take nothing of what a worker wrote."""


class Executor:
    """Executes cases one by one in a sandbox, and saves each run in a store."""

    def __init__(self, *, sandbox: Sandbox, orders: OrderMaker, store: Store) -> None:
        """Prepare; nothing is run yet."""
        self._sandbox = sandbox
        self._orders = orders
        self._store = store

    def execute(  # noqa: PLR0913  (a run is told by what it is of, and by what it is for)
        self,
        case: Case,
        *,
        number: int,
        stop: Callable[[], bool],
        repeat: int = 1,
        purpose: Purpose = Purpose.VERDICT,
        change: Callable[[Order], Order] = as_it_is,
        collect: Callable[[Path], None] = leave,
    ) -> Executed:
        """Run `case` once and return the run, also where the sandbox failed.

        `change` is given the order before it goes to the sandbox: traps and profilers are added
        so. `collect` is given the worker's output folder before that is removed.

        Raises:
            InterruptedRunError: `stop` became true before the run had ended.

        """
        kind = str(self._sandbox.kind)
        try:
            output = self._store.output_folder(number)
            try:
                warm(dict.fromkeys(case.snapshots), stop)
                order = change(self._orders.order(case, output))
                warm_program(order)
                observation = self._sandbox.run(order, stop)
                run = run_of(
                    observation,
                    number=number,
                    case=case,
                    sandbox=kind,
                    repeat=repeat,
                    purpose=purpose,
                    output_folder_full=_is_full(output, observation.output.stderr_tail),
                )
                collect(output)
            finally:
                self._store.drop_output(number)
            return self._keep(run, observation)
        except InterruptedRunError:
            raise
        except (NoVerdictError, OSError) as error:
            run = failed_run(
                number=number,
                case=case,
                sandbox=kind,
                repeat=repeat,
                purpose=purpose,
                reason=str(error),
            )
            with contextlib.suppress(NoVerdictError):  # a full disk may be what failed
                run = self._store.save_run(run, ())
            return Executed(run=run)

    def _keep(self, run: Run, observation: Observation) -> Executed:
        """Save a run; what was measured stays in the report also where it cannot be saved."""
        try:
            saved = self._store.save_run(run, observation.timeline.samples())
        except (NoVerdictError, OSError) as error:
            problem = f"Run {run.number} could not be saved whole: {error}."
            return Executed(run=shortened(run), autopsy=observation.autopsy, problem=problem)
        return Executed(run=saved, autopsy=observation.autopsy)


def warm_program(order: Order) -> None:
    """Read a large program once, so that its pages are charged to nobody, like the snapshot's.

    Otherwise a worker at its limit may not be killed: the kernel takes pages of its code away,
    reads them again, and calls that progress for minutes. Measured with Node.js, whose code is
    100 MB.
    """
    word = order.command[0]
    found = shutil.which(word, path=order.environment.get("PATH")) if "/" not in word else word
    with contextlib.suppress(OSError):  # an image's own program is not here
        if found is not None:
            with (order.working_folder / found).open("rb", buffering=0) as file:
                while file.read(_READ_BYTES):
                    pass


def _is_full(output: Path, stderr_tail: str) -> bool:
    """Whether a worker's output folder has no room left, seen there or in its last words."""
    if any(words in stderr_tail for words in _FULL_WORDS):
        return True
    try:
        space = os.statvfs(output)
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _FULL_BYTES
