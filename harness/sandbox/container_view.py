"""How a container's memory is seen: through this machine's cgroups, or by the engine's figures."""

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from harness.core.ending import LimitReached
from harness.core.errors import SandboxError
from harness.core.peaks import Timeline
from harness.sandbox.container_groups import ContainerGroups
from harness.sandbox.engine import engine_errors
from harness.sandbox.freeze import Freezer
from harness.sandbox.group import Meter
from harness.sandbox.kernel import MemoryParts, parts_v1, parts_v2
from harness.sandbox.kills import Kills
from harness.sandbox.watch import Watch

if TYPE_CHECKING:
    from docker import APIClient

_STATS_EVERY_S: Final = 0.2


class ContainerView(Protocol):
    """What a run asks about its container's memory."""

    approximate: bool
    limits: dict[str, str]

    def follow(self, container: str, pid: int | None) -> bool:
        """Look at `container`, whose first process is `pid` if known; whether it is in sight."""

    def listen(self, watch: Watch) -> None:
        """Let `watch` hear of the container's end, to read what is gone soon after it."""

    def check(self, asked: int | None) -> None:
        """Raise SandboxError where the container's limit is not what was asked."""

    def meter(self) -> Meter:
        """Return what reads its memory."""

    def pids(self) -> tuple[int, ...]:
        """Return its processes, as this machine numbers them."""

    def freezer(self) -> Freezer | None:
        """Return what freezes it without the engine's help, where that can be done."""

    def pressure(self) -> dict[str, str]:
        """Return the text of its pressure files, by name."""

    @property
    def assumed_slab_share(self) -> float:
        """What is taken for `slab_share` before the end."""

    def high_water_bytes(self) -> int | None:
        """Return the kernel's high-water counter."""

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel is known to have killed for memory so far."""

    def kills(self, limit: int | None, *, engine_says_killed: bool) -> Kills:
        """Return the kernel's kills in it, and whose limit they were for."""

    def slab_share(self, timeline: Timeline) -> float:
        """Return which share of its page cache was slab; called last, once it has ended."""

    def kill(self) -> None:
        """Kill its processes without the engine's help, where that can be done."""

    def remove(self) -> None:
        """Remove what was made for looking."""


class GroupsView(ContainerGroups):
    """The view through this machine's cgroups: exact."""

    approximate = False

    def follow(self, container: str, pid: int | None) -> bool:
        """Find the container's group and read the counters that vanish with it."""
        found = self.find(container, pid)
        self.update()
        return found


class StatsView:
    """The view by the engine's own figures, a few times a second: approximate."""

    approximate = True

    def __init__(self, client: "APIClient") -> None:
        """Ask `client`."""
        self._client = client
        self._container: str | None = None
        self._parts: MemoryParts | None = None
        self._next_s = 0.0
        self._high_water_bytes: int | None = None
        self.limits: dict[str, str] = {}

    def follow(self, container: str, pid: int | None) -> bool:  # noqa: ARG002  (see ContainerView)
        """Remember whom to ask for."""
        self._container = container
        return True

    def listen(self, watch: Watch) -> None:
        """Hear nothing: it is another machine's."""

    def check(self, asked: int | None) -> None:
        """Raise SandboxError where the engine configured another limit."""
        if asked is None or self._container is None:
            return
        config: dict[str, Any] = self._client.inspect_container(self._container)["HostConfig"]
        self.limits = {key: str(config.get(key)) for key in ("Memory", "MemorySwap")}
        if config.get("Memory") != asked or config.get("MemorySwap") != asked:
            raise SandboxError(f"the engine configured the limits {self.limits}, not {asked}")

    def meter(self) -> Meter:
        """Return this: it reads the memory itself."""
        return self

    def parts(self) -> MemoryParts:
        """Return the memory as the engine last told it; raises OSError while it tells nothing."""
        if time.monotonic() >= self._next_s:
            self._ask()
            self._next_s = time.monotonic() + _STATS_EVERY_S
        if self._parts is None:
            raise FileNotFoundError
        return self._parts

    def _ask(self) -> None:
        with contextlib.suppress(SandboxError), engine_errors():
            figures = self._client.stats(self._container, stream=False, one_shot=True)
            memory: dict[str, Any] = figures.get("memory_stats") or {}
            if "usage" in memory:
                self._parts = _parts_of(memory)
                self._high_water_bytes = memory.get("max_usage", self._high_water_bytes)

    def stalled_us(self) -> int | None:
        """Return None: the engine does not tell."""
        return None

    def close(self) -> None:
        """Nothing is held open."""

    def pids(self) -> tuple[int, ...]:
        """Return none: they are another machine's."""
        return ()

    def freezer(self) -> Freezer | None:
        """Return None: only the engine can freeze it."""
        return None

    def pressure(self) -> dict[str, str]:
        """Return nothing: the engine does not tell."""
        return {}

    @property
    def assumed_slab_share(self) -> float:
        """Return 0: the engine's figures are approximate anyway."""
        return 0.0

    def high_water_bytes(self) -> int | None:
        """Return the counter as the engine last told it; on v2 it never does."""
        return self._high_water_bytes

    def oom_kills(self) -> int:
        """Return 0: the engine tells of a kill only once the container has ended."""
        return 0

    def kills(self, limit: int | None, *, engine_says_killed: bool) -> Kills:
        """Return one kill where the engine says so; groups above cannot be seen from here."""
        own = LimitReached.OWN if limit is not None else LimitReached.OTHER
        return Kills(count=int(engine_says_killed), limit_reached=own)

    def slab_share(self, timeline: Timeline) -> float:  # noqa: ARG002  (see ContainerView)
        """Return 0: the engine's figures show nothing to tell it from."""
        return 0.0

    def kill(self) -> None:
        """Do nothing: only the engine can."""

    def remove(self) -> None:
        """Nothing was made."""


class FreezerOfEngine:
    """The engine's own pause, where its groups cannot be written to from here."""

    approximate = True

    def __init__(self, client: "APIClient", container: str) -> None:
        """Pause `container`."""
        self._client = client
        self._container = container

    def freeze(self) -> None:
        """Pause the container."""
        with engine_errors():
            self._client.pause(self._container)

    def thaw(self) -> None:
        """Let the container go on."""
        with contextlib.suppress(SandboxError), engine_errors():
            self._client.unpause(self._container)


def _parts_of(memory: dict[str, Any]) -> MemoryParts:
    """Return the parts in the engine's figures, which repeat ``memory.stat``."""
    stat = memory.get("stats") or {}
    text = "".join(f"{key} {value}\n" for key, value in stat.items())
    if "anon" in stat:
        return parts_v2(text)
    kernel = memory["usage"] - stat.get("total_rss", 0) - stat.get("total_cache", 0)
    return parts_v1(text, str(max(0, kernel)))
