"""What the preloaded profiler wrote of one Node.js process, as sites and as words."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from harness.core.profile import Frame, Site
from harness.core.units import format_bytes

# Less is noise: resident memory goes up and down by itself.
_MUCH_BYTES: Final = 2**20
_PRELOADED: Final = "/v8_profile.cjs"


class CallFrame(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A function as the inspector names it; `line_number` counts from 0, -1 where unknown."""

    function_name: str
    url: str
    line_number: int


class Node(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node of the sampled tree: what is alive of the allocations made right there."""

    call_frame: CallFrame
    self_size: float
    children: tuple["Node", ...] = ()
    count: int = 0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One process at one time: `at` in milliseconds of the clock, `since` of its start."""

    pid: int
    at: int
    node: str
    since: int
    rss: int
    total: float
    head: Node


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A long call during which V8 answers nothing."""

    name: str
    characters: int
    stack: tuple[CallFrame, ...]


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """The call that had begun `at` that time, when the process held `rss`; None: it returned."""

    pid: int
    at: int
    rss: int
    call: Call | None


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """How much memory a process held when it was last seen alive."""

    pid: int
    at: int
    rss: int


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """What was left of one process that died; `heap_bytes` from its report, 0 without one."""

    state: State
    begun: CallState | None = None
    beat: Beat | None = None
    heap_bytes: int = 0

    @property
    def call(self) -> Call | None:
        """The call that had not returned."""
        return self.begun.call if self.begun else None

    @property
    def unseen_bytes(self) -> int:
        """How much came after the last answer of V8: of its heap, or else resident memory."""
        seen_bytes = int(self.state.total)
        if self.heap_bytes > seen_bytes:
            return self.heap_bytes - seen_bytes
        before = self.begun.rss if self.begun and self.is_of_call else self.state.rss
        return max(0, self.beat.rss - before) if self.beat else 0

    @property
    def is_of_call(self) -> bool:
        """Whether all that was not seen is the call's: V8's last answer came as it began."""
        begun = self.begun
        return begun is not None and begun.call is not None and self.state.at >= begun.at


def latest(states: Iterable[State]) -> dict[int, State]:
    """Return each process's latest state."""
    return {state.pid: state for state in sorted(states, key=lambda state: state.at)}


def largest(states: Iterable[State]) -> dict[int, State]:
    """Return each process's largest state."""
    return {state.pid: state for state in sorted(states, key=lambda state: state.total)}


def sites_of(state: State) -> Iterable[Site]:
    """Yield the sites of a state, innermost frame first."""
    waiting: list[tuple[Node, tuple[Frame, ...]]] = [(state.head, ())]
    while waiting:
        node, above = waiting.pop()
        frame = _frame(node.call_frame)
        stack = above if node.call_frame.function_name == "(root)" else (frame, *above)
        if node.self_size > 0:
            yield Site(stack=stack or (frame,), bytes=int(node.self_size), count=node.count)
        waiting.extend((child, stack) for child in node.children)


def unseen_site(death: Death) -> Iterable[Site]:
    """Yield the site of what V8 did not tell any more, where that is much."""
    if death.unseen_bytes < _MUCH_BYTES:
        return
    stack: tuple[Frame, ...] = (_native("(since V8's last answer)"),)
    if death.call is not None and death.is_of_call:
        stack = (_native(death.call.name), *map(_frame, death.call.stack))
    yield Site(stack=stack, bytes=death.unseen_bytes, count=1)


def process_note(state: State) -> str:
    """Return a sentence on when a state was seen, and of what size."""
    return (
        f"Process {state.pid}: V8's last answer that counts here came {state.since / 1000:.1f} s "
        f"after its start: {format_bytes(int(state.total))} in its heap, "
        f"{format_bytes(state.rss)} resident."
    )


def told_call(call: Call) -> str:
    """Return a call in words, with where it was made."""
    caller = f", called from {_frame(call.stack[0])}," if call.stack else ""
    return f"{call.name} of a text of {call.characters:,} characters{caller}"


def death_note(death: Death) -> Iterable[str]:
    """Yield what is known of the time between V8's last answer and the death."""
    pid, unseen = death.state.pid, format_bytes(death.unseen_bytes)
    if death.call is not None:
        yield (
            f"Process {pid}: {told_call(death.call)} had begun and not returned; V8 tells nothing "
            "during it."
        )
    if death.unseen_bytes < _MUCH_BYTES:
        return
    source = (
        "V8's heap, by the report of its fatal error" if death.heap_bytes else "resident memory"
    )
    yield (
        f"Process {pid}: the {unseen} that came after V8's last answer are known as a sum only, of "
        f"{source}; they were not sampled."
    )


def _native(name: str) -> Frame:
    return Frame(function=name, file="<native>", line=0)


def _frame(call_frame: CallFrame) -> Frame:
    if call_frame.url.endswith(_PRELOADED):
        return _native("JSON.parse")
    return Frame(
        function=call_frame.function_name or "(anonymous)",
        file=_path(call_frame.url),
        line=max(0, call_frame.line_number + 1),
    )


def _path(url: str) -> str:
    if not url:
        return "<native>"
    return unquote(urlsplit(url).path) if url.startswith("file://") else url
