"""One run in one container: created, started, watched, asked how it ended, and removed."""

import contextlib
import datetime as dt
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from harness.core.ending import ExitFacts
from harness.core.errors import InterruptedRunError, SandboxError
from harness.core.peaks import Timeline
from harness.core.run import Observation, Output
from harness.sandbox.capture import TAIL_BYTES, Capture, Demultiplexer
from harness.sandbox.container import ContainerSpec, create
from harness.sandbox.container_view import ContainerView, FreezerOfEngine
from harness.sandbox.contract import Order
from harness.sandbox.crowd import Crowd
from harness.sandbox.engine import Engine, engine_errors
from harness.sandbox.freeze import Freezer
from harness.sandbox.init_words import LENGTH_BYTES, InitWords, read_init_words
from harness.sandbox.offset import OffsetReader
from harness.sandbox.trap import Lookout
from harness.sandbox.watch import Grace, Sampler, Stopped, Watch

if TYPE_CHECKING:
    from docker import APIClient

_START_S: Final = 120.0
_WAIT_S: Final = 30
_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")


class _Task:
    """A call that blocks, made in a thread; its end shows at a file descriptor."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self.error: Exception | None = None
        self.fd = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:  # noqa: BLE001  (it is told to the thread that waits)
            self.error = error
        os.eventfd_write(self.fd, 1)

    def close(self) -> None:
        """Close the descriptor; where the thread still runs it is left to it."""
        if not self._thread.is_alive():
            os.close(self.fd)


class ContainerRun:
    """Watches one container from its creation to its removal."""

    def __init__(
        self, client: "APIClient", engine: Engine, view: ContainerView, spec: ContainerSpec
    ) -> None:
        """Prepare; `observe` does the work."""
        self._client = client
        self._engine = engine
        self._view = view
        self._spec = spec
        self._id = ""
        self._pid: int | None = None
        self._started = False
        self._began_s = 0.0
        self._grace: Grace | None = None

    def observe(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run the container to its end; see `contract.Sandbox.run`.

        `remove` must follow, whatever comes of it.
        """
        with engine_errors():
            answer = create(self._client, self._spec, order)
            self._id = str(answer["Id"])
            return self._watch(order, stop)

    def remove(self) -> None:
        """Remove the container; where the engine is gone, its processes at least."""
        if not self._id:
            return
        try:
            with engine_errors():
                self._client.remove_container(self._id, force=True, v=True)
        except SandboxError:
            self._view.kill()

    def _watch(self, order: Order, stop: Callable[[], bool]) -> Observation:
        capture = Capture(more=LENGTH_BYTES)
        offset = OffsetReader([Path(s.path) for s in order.snapshots], self._view.pids)
        with (
            contextlib.closing(self._view.meter()) as meter,
            contextlib.closing(Watch()) as watch,
            self._attached() as attached,
        ):
            sampler = Sampler(meter, offset, crowd=Crowd(self._view.pids))
            sampler.listen(watch)
            self._began_s = time.time()
            # The engine closes the stream when the container has ended: that is how we know.
            watch.add_stream(attached.fileno(), Demultiplexer(capture).feed, is_end=True)
            self._grace = Grace(order.grace_s, self._view.oom_kills)
            lookout = Lookout(order.trap, self, sampler, watch, usual_s=order.interval_s)
            self._start(lookout, stop)
            self._view.listen(watch)
            stopped = watch.until_ended(
                self,
                tick=lambda: self._tick(lookout),
                interval_s=lookout.interval_s,
                timeout_s=order.timeout_s,
                stop=stop,
            )
            self._view.follow(self._id, self._pid)
        if stopped is Stopped.REQUEST:
            raise InterruptedRunError("the run was stopped before its end")
        return self._conclude(order, sampler.timeline, capture.output(), stopped, lookout)

    @contextlib.contextmanager
    def _attached(self) -> Iterator[socket.SocketIO]:
        """Hold the stream in which the engine sends both of the container's."""
        params = {"stdout": 1, "stderr": 1, "stream": 1}
        attached: socket.SocketIO = self._client.attach_socket(self._id, params=params)
        try:
            yield attached
        finally:
            # The SDK gives a view of the connection's socket, and nobody else closes that.
            connection: socket.socket = attached._sock  # type: ignore[attr-defined]  # noqa: SLF001
            attached.close()
            connection.close()

    def _start(self, lookout: Lookout, stop: Callable[[], bool]) -> None:
        """Start the container, watching already: a short worker may end before this returns."""
        task = _Task(lambda: self._client.start(self._id))
        with contextlib.closing(Watch()) as watch, contextlib.closing(task):
            watch.add_end(task.fd)
            self._view.listen(watch)
            watch.until_ended(
                self,
                tick=lambda: self._tick(lookout),
                interval_s=lookout.interval_s,
                timeout_s=_START_S,
                stop=stop,
            )
        if task.error is not None:
            raise SandboxError(f"the container could not be started: {task.error}") from task.error
        self._started = True

    @property
    def freezer(self) -> Freezer:
        """What freezes the container: its group; else the engine."""
        return self._view.freezer() or FreezerOfEngine(self._client, self._id)

    @property
    def slab_share(self) -> float:
        """See `trap.Caught`."""
        return self._view.assumed_slab_share

    @property
    def pids(self) -> Callable[[], tuple[int, ...]]:
        """See `trap.Caught`."""
        return self._view.pids

    @property
    def pressure(self) -> Callable[[], dict[str, str]]:
        """See `trap.Caught`."""
        return self._view.pressure

    def _tick(self, lookout: Lookout) -> Stopped | None:
        if not self._view.follow(self._id, self._pid) and self._started and self._pid is None:
            state = self._client.inspect_container(self._id)["State"]
            self._pid = int(state.get("Pid") or 0) or -1
        return lookout.tick() or (self._grace.tick() if self._grace else None)

    def terminate(self) -> None:
        """Ask the worker to end; the init passes the signal on."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """Kill everything in the container."""
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        from docker.errors import APIError  # noqa: PLC0415  (see engine.connect)

        with contextlib.suppress(APIError):  # it has just ended
            self._client.kill(self._id, name)

    def _conclude(
        self,
        order: Order,
        timeline: Timeline,
        output: Output,
        stopped: Stopped | None,
        lookout: Lookout,
    ) -> Observation:
        code = int(self._client.wait(self._id, timeout=_WAIT_S)["StatusCode"])
        found: dict[str, Any] = self._client.inspect_container(self._id)
        state = found["State"]
        self._view.check(order.memory_limit_bytes)
        _check_unchanged(found["HostConfig"], order.memory_limit_bytes)
        started_s, finished_s = seconds_of(state["StartedAt"]), seconds_of(state["FinishedAt"])
        late_s = started_s - self._began_s
        timeline.shift(late_s)
        words = read_init_words(output.stdout_tail)
        output = msgspec.structs.replace(
            output,
            stdout_tail=words.text[-TAIL_BYTES:],
            stdout_bytes=output.stdout_bytes - words.length_bytes,
        )
        kills = self._view.kills(
            order.memory_limit_bytes, engine_says_killed=bool(state.get("OOMKilled"))
        )
        high_water_bytes = self._view.high_water_bytes()
        share = self._view.slab_share(timeline)
        autopsy = lookout.autopsy
        return Observation(
            exit=ExitFacts(
                exit_code=code,
                signal=_signal_of(code, words),
                signal_is_known=self._engine.init_speaks,
                oom_kills=kills.count,
                limit_reached=kills.limit_reached,
                killed_over_limit=stopped is Stopped.AT_TRAP,
                stopped_after_kill=stopped is Stopped.AFTER_KILL,
                hit_deadline=stopped is Stopped.DEADLINE,
                stderr_tail=output.stderr_tail,
            ),
            timeline=timeline.without_slab(share),
            high_water_bytes=high_water_bytes,
            wall_seconds=max(0.0, finished_s - started_s - lookout.held_s),
            output=output,
            approximate=self._view.approximate,
            limits=self._view.limits,
            notes=lookout.notes,
            autopsy=autopsy.without_slab(share).earlier(late_s) if autopsy else None,
        )


def _check_unchanged(config: dict[str, Any], asked: int | None) -> None:
    """Raise SandboxError where the engine was told another limit while the worker ran."""
    memory_bytes = int(config.get("Memory") or 0)
    if memory_bytes != (asked or 0):
        raise SandboxError(
            f"somebody changed the container's memory limit to {memory_bytes} while it ran, as "
            "`docker update` does, so nothing can be said; run it again"
        )


def _signal_of(code: int, words: InitWords) -> int | None:
    """Return the signal that ended the worker; the init that says nothing was killed itself."""
    if words.spoken:
        return words.signal
    return code - 128 if code > 128 else None


def seconds_of(timestamp: str) -> float:
    """Return an engine's time as seconds since 1970.

    Docker writes UTC, Podman the machine's own zone, and both more digits than Python reads.
    """
    return dt.datetime.fromisoformat(_NANOSECONDS.sub(r"\1", timestamp)).timestamp()
