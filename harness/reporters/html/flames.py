"""A heap profile as the tree that a flame graph draws, small enough for a page."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from harness.core.attribution import StackChange
from harness.core.encoding import encode_json
from harness.core.profile import Frame, Profile, Site
from harness.reporters.html.texts import clip

_DEEPEST: Final = 120
# Narrower than half a point of a wide screen.
_LEAST_SHARE: Final = 0.0004
_ROOT: Final = "all"
_LONGEST: Final = 200


# Of all flame graphs of a page together, encoded; what is beyond stays in the report's folder.
MOST_BYTES: Final = 2_000_000
_TOO_MANY: Final = (
    "Its flame graph is left out, for the page is full; it is in the report's folder."
)
_NOT_KEPT: Final = "Its flame graph is not here, for its stacks were not kept in this folder."


class Flames:
    """The flame graphs of a page, as many as it has room for."""

    def __init__(self) -> None:
        """Begin with none."""
        self.trees: list[dict[str, object]] = []
        self._bytes = 0

    def add(self, make: Callable[[], dict[str, object] | None]) -> tuple[int | None, str]:
        """Take in the graph that `make` returns; return its number, or why there is none."""
        if self._bytes >= MOST_BYTES:
            return None, _TOO_MANY
        tree = make()
        if tree is None:
            return None, _NOT_KEPT
        self._bytes += len(encode_json(tree))
        self.trees.append(tree)
        return len(self.trees) - 1, ""


class _Node:
    """A frame below its callers, with what was allocated in it and in all that it called."""

    __slots__ = ("below", "frame", "size_bytes")

    def __init__(self, frame: Frame | None) -> None:
        self.frame = frame
        self.size_bytes = 0
        self.below: dict[Frame, _Node] = {}


def flame_of(profile: Profile) -> dict[str, object]:
    """Return a profile as nested ``{n: name, f: file, v: bytes, c: [callees]}``, outermost first.

    What a profile keeps no site of stands beside them, so that the whole is the whole.
    """
    root = _Node(None)
    for site in profile.sites:
        _add(root, site)
    rest_bytes = profile.total_bytes - root.size_bytes
    if rest_bytes > 0:
        # No frame is like this one: it is no line of code.
        rest = Frame(function=f"{profile.left_out:,} smaller sites", file="", line=0)
        root.below[rest] = _Node(rest)
        root.below[rest].size_bytes = rest_bytes
        root.size_bytes = profile.total_bytes
    return _tree(root)


def _add(root: _Node, site: Site) -> None:
    root.size_bytes += site.bytes
    node = root
    for frame in _from_outside(site.stack):
        node = node.below.setdefault(frame, _Node(frame))
        node.size_bytes += site.bytes


def _from_outside(stack: Sequence[Frame]) -> Iterable[Frame]:
    """Return the frames outermost first; of a very deep stack the innermost."""
    return reversed(stack[:_DEEPEST])


def _tree(root: _Node) -> dict[str, object]:
    """Return the node and all below it; without recursion, for stacks may be deep.

    What is too narrow to be seen is left out; its bytes are in those that called it.
    """
    least_bytes = root.size_bytes * _LEAST_SHARE
    whole: dict[str, object] = {"n": _ROOT, "v": root.size_bytes}
    waiting = [(root, whole)]
    while waiting:
        node, told = waiting.pop()
        below = [child for child in node.below.values() if child.size_bytes >= least_bytes]
        below.sort(key=lambda child: -child.size_bytes)
        if below:
            children = [{**_told(child.frame), "v": child.size_bytes} for child in below]
            told["c"] = children
            waiting.extend(zip(below, children, strict=True))
    return whole


@functools.lru_cache(maxsize=4096)
def _told(frame: Frame | None) -> dict[str, object]:
    if frame is None:
        return {"n": _ROOT}
    file = frame.file.rpartition("/")[2] or frame.file
    where = f"{file}:{frame.line}" if frame.line else file
    name = f"{frame.function} ({where})" if frame.function and where else frame.function or where
    told: dict[str, object] = {"n": clip(name, _LONGEST)}
    if frame.file:
        told["f"] = clip(f"{frame.file}:{frame.line}", _LONGEST)
    if frame.is_own:
        told["o"] = 1
    return told


def growth_flame_of(stacks: Iterable[StackChange]) -> dict[str, object]:
    """Return stacks as nested ``{n: name, v: width, b: bytes now, d: growth, c: [callees]}``.

    A stack is as wide as the larger of before and now, so that what is gone is still seen.
    """
    root: dict[str, Any] = {"n": _ROOT, "v": 0, "b": 0, "d": 0}
    for stack in stacks:
        node = root
        _grow(node, stack)
        for name in stack.stack[-_DEEPEST:]:
            below = node.setdefault("c", [])
            shown = clip(name, _LONGEST)
            found = next((child for child in below if child["n"] == shown), None)
            if found is None:
                found = {"n": shown, "v": 0, "b": 0, "d": 0}
                below.append(found)
            node = found
            _grow(node, stack)
    return root


def _grow(node: dict[str, Any], stack: StackChange) -> None:
    node["v"] += max(stack.old_bytes, stack.new_bytes)
    node["b"] += stack.new_bytes
    node["d"] += stack.new_bytes - stack.old_bytes
