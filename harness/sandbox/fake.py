"""The scripted sandbox: says what it is told to, so that the loop is tested without waiting."""

from collections.abc import Callable, Iterable, Iterator

from harness.core.ending import ExitFacts, LimitReached
from harness.core.errors import InterruptedRunError, OomproofError, SandboxError
from harness.core.peaks import Sample, Timeline
from harness.core.run import Observation, Output
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Availability, Order


class FakeSandbox:
    """Answers each run with the next of its script; an error in the script is raised."""

    kind = SandboxKind.CGROUP

    def __init__(
        self,
        script: Iterable[Observation | OomproofError] | Callable[[Order], Observation],
        *,
        leftovers: tuple[str, ...] = (),
    ) -> None:
        """Take a script in order, or a function that answers an order."""
        self._answer: Callable[[Order], Observation]
        if callable(script):
            self._answer = script
        else:
            self._answer = _in_order(iter(script))
        self._leftovers = leftovers
        self.orders: list[Order] = []

    @property
    def description(self) -> dict[str, str]:
        """Nothing is known of a fake."""
        return {}

    def availability(self) -> Availability:
        """Say that it works."""
        return Availability(works=True, reason="a script")

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Answer with the next of the script."""
        self.orders.append(order)
        if stop():
            raise InterruptedRunError("the run was stopped before its end")
        return self._answer(order)

    def sweep(self) -> tuple[str, ...]:
        """Return the leftovers that it was given."""
        return self._leftovers


def _in_order(script: Iterator[Observation | OomproofError]) -> Callable[[Order], Observation]:
    def answer(order: Order) -> Observation:  # noqa: ARG001  (a script does not look)
        step = next(script, None)
        if step is None:
            raise SandboxError("the script of the fake sandbox has no more runs")
        if isinstance(step, OomproofError):
            raise step
        return step

    return answer


def observation(  # noqa: PLR0913  (each of these is what some test is about)
    *,
    peak_bytes: int = 50_000_000,
    upper_bytes: int | None = None,
    exit_code: int = 0,
    signal: int | None = None,
    oom_kills: int = 0,
    stderr: str = "",
    approximate: bool = False,
) -> Observation:
    """Return a plausible observation: three samples that rise to `peak_bytes` of heap."""
    timeline = Timeline()
    for step in (1, 2, 3):
        timeline.add(Sample(at_s=step / 100, anon_bytes=peak_bytes * step // 3))
    return Observation(
        exit=ExitFacts(
            exit_code=exit_code,
            signal=signal,
            oom_kills=oom_kills,
            limit_reached=LimitReached.OWN,
            stderr_tail=stderr,
        ),
        timeline=timeline,
        high_water_bytes=upper_bytes if upper_bytes is not None else peak_bytes,
        wall_seconds=0.03,
        output=Output(stderr_tail=stderr, stderr_bytes=len(stderr)),
        approximate=approximate,
    )
