"""What a profiler itself costs in memory, measured where the worker runs: a program that rests."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from harness.core.errors import InterruptedRunError, NoVerdictError
from harness.core.peaks import Sample
from harness.sandbox.contract import Order, Sandbox

# Long enough for many samples at rest, and for what starts up to have settled.
_PROGRAM: Final = "import time; time.sleep(0.3)"
_TIMEOUT_S: Final = 60.0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a profiler adds to one process that does nothing else.

    Attributes:
        unreclaimable_bytes: to the peak that a limit must leave room for.
        anon_bytes: to the anonymous memory in it; the rest is the kernel's.

    """

    unreclaimable_bytes: int
    anon_bytes: int


class Changer(Protocol):
    """What adds a profiler to an order."""

    def change(self, order: Order) -> Order:
        """Return the order with the profiler."""


def resting_python(python: str) -> tuple[str, ...]:
    """Return a command of an interpreter of Python that does nothing for a while."""
    return (python, "-c", _PROGRAM)


def resting_node(node: str) -> tuple[str, ...]:
    """Return a command of Node.js that does nothing for a while."""
    return (node, "-e", "setTimeout(() => {}, 300)")


def measure_cost(
    sandbox: Sandbox,
    order: Order,
    instrument: Changer,
    *,
    resting: tuple[str, ...],
    stop: Callable[[], bool],
) -> Cost:
    """Run a program that rests with and without a profiler, and return the difference.

    `resting` is its command: see `resting_python` and `resting_node`.

    `order` is one for the worker: its variables, folders and mounts are used, its command and limit
    are not. `instrument` must have a folder of its own, apart from the worker's.

    Raises:
        NoVerdictError: the sandbox failed, or saw nothing.
        InterruptedRunError: `stop` became true.

    """
    probe = msgspec.structs.replace(
        order,
        command=resting,
        snapshots=(),
        memory_limit_bytes=None,
        timeout_s=_TIMEOUT_S,
    )
    plain = _top(sandbox, probe, stop)
    profiled = _top(sandbox, instrument.change(probe), stop)
    return Cost(
        unreclaimable_bytes=max(0, profiled.unreclaimable_bytes - plain.unreclaimable_bytes),
        anon_bytes=max(0, profiled.anon_bytes - plain.anon_bytes),
    )


def _top(sandbox: Sandbox, order: Order, stop: Callable[[], bool]) -> Sample:
    if stop():
        raise InterruptedRunError("stopped before the profiler's cost was measured")
    seen = sandbox.run(order, stop)
    top = seen.timeline.top
    if seen.exit.exit_code or top is None:
        raise NoVerdictError(
            f"the profiler's cost could not be measured: {order.command[0]} ended with exit code "
            f"{seen.exit.exit_code}: {seen.output.stderr_tail[-200:]}"
        )
    return top
