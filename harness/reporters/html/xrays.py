"""What a snapshot's JSON costs, from its costliest paths to a tree of them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from harness.core.answer import JsonCosts
from harness.core.sites import PathTable
from harness.core.units import format_bytes
from harness.reporters.html.model import Branch, XRayView
from harness.reporters.html.texts import clip, percent

# The steps of a path: `.name`, `[*]`, `["any name"]`; what is none of these stays in one piece.
_STEP: Final = re.compile(r'\$|\.[^.\[\]"]+|\[(?:"(?:[^"\\]|\\.)*"|[^"\]]*)\]|.+', re.DOTALL)
_ROOT: Final = "$"
_OPEN_SHARE: Final = 0.08
_OPEN_DEPTH: Final = 4
_DEEPEST: Final = 60


class PathCost(msgspec.Struct, frozen=True, kw_only=True):
    """The values at one path: without what is below each where `is_own`, else with it."""

    path: str
    bytes: int
    count: int
    why: str = ""
    is_own: bool = True


class _Node:
    __slots__ = ("below", "cost", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.cost: PathCost | None = None
        self.below: dict[str, _Node] = {}

    @property
    def total_bytes(self) -> int:
        """All that is known to be held at this path and below it."""
        below = sum(child.total_bytes for child in self.below.values())
        if self.cost is None:
            return below
        return self.cost.bytes + below if self.cost.is_own else max(self.cost.bytes, below)


def view_of_costs(costs: JsonCosts, title: str) -> XRayView:
    """Return the tree of an answer's costs."""
    rows = [
        PathCost(path=path.path, bytes=path.bytes, count=path.count, why=path.why)
        for path in costs.paths
    ]
    words = (
        (
            f"{costs.parser}.loads would hold {format_bytes(costs.retained_bytes)} in the end and "
            f"{format_bytes(costs.peak_bytes)} at its peak, as predicted from the text for "
            f"{costs.python}."
        ),
    )
    return _view(title, words, rows, costs.retained_bytes)


def view_of_table(table: PathTable, title: str) -> XRayView:
    """Return the tree of a table of paths, whose rows hold all that is below them."""
    rows = [
        PathCost(path=row.path, bytes=row.bytes, count=row.count, is_own=False)
        for row in table.rows
    ]
    words = (
        (
            f"{format_bytes(table.total_bytes)} as objects of {table.parser} on {table.python}, as "
            "predicted from the text."
        ),
    )
    return _view(title, words, rows, table.total_bytes)


def _view(
    title: str, words: tuple[str, ...], rows: Iterable[PathCost], whole_bytes: int
) -> XRayView:
    root = _Node(_ROOT)
    for row in rows:
        node = root
        for step in _steps(row.path):
            node = node.below.setdefault(step, _Node(step))
        node.cost = row
    rest_bytes = whole_bytes - root.total_bytes
    branch = _branch(root, max(whole_bytes, root.total_bytes, 1), 0)
    if rest_bytes > 0:
        rest = Branch(
            label="smaller paths together",
            size=format_bytes(rest_bytes),
            percent=percent(rest_bytes, whole_bytes),
        )
        branch = msgspec.structs.replace(
            branch,
            size=format_bytes(whole_bytes),
            percent=100.0,
            children=(*branch.children, rest),
        )
    return XRayView(title=clip(title), words=tuple(map(clip, words)), root=branch)


def _steps(path: str) -> Iterator[str]:
    """Yield the steps below the root; of very many the last ones in one piece."""
    steps = _STEP.findall(path)
    steps = steps[1:] if steps[:1] == [_ROOT] else steps
    yield from steps[:_DEEPEST]
    if len(steps) > _DEEPEST:
        yield "".join(steps[_DEEPEST:])


def _branch(node: _Node, whole_bytes: int, depth: int) -> Branch:
    total_bytes, cost = node.total_bytes, node.cost
    share = total_bytes / whole_bytes
    children = sorted(node.below.values(), key=lambda child: -child.total_bytes)
    own = cost is not None and cost.is_own and bool(children)
    return Branch(
        label=clip(node.label, 300),
        size=format_bytes(total_bytes),
        percent=percent(total_bytes, whole_bytes),
        own_size=format_bytes(cost.bytes) if own and cost is not None else "",
        count=f"{cost.count:,}" if cost is not None else "",
        why=clip(cost.why) if cost is not None else "",
        is_open=depth < _OPEN_DEPTH and share >= _OPEN_SHARE,
        children=tuple(_branch(child, whole_bytes, depth + 1) for child in children),
    )
