"""Containers: which object or array each token of a block is in, found without a loop."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import Flags, Kind, Kinds, Places, is_open

ROOT: Final = 0
OBJECT: Final = 1
ARRAY: Final = 2
_CONTEXTS: Final = np.array([ROOT, OBJECT, OBJECT, ARRAY, ARRAY], np.uint8)
"""The context that a bracket opens, or closes, by its kind."""
_DEEPEST_SHORT: Final = 30_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Containers:
    """The containers that a block's tokens are in, numbered from 0.

    Number 0 is the innermost one that encloses the whole block, or the root; then come those that
    were open already, outermost first, then those that open in the block, in the order of the text.

    Attributes:
        bottom: how many were open already that no token of the block closes, number 0 among them.
        inherited: how many of the numbers were open before the block.
        contexts: of each, ROOT, OBJECT or ARRAY.
        parents: the number of the one around each; of number 0, itself.
        openers: the index of the token that opens each; -1 for those open before.
        closers: the index of the token that closes each; -1 for those still open.
        levels: how deep each is: 0 the root, 1 the outermost object or array.
        of_tokens: the number of the one that is innermost right before each token. So what opens
            a container is in the one around it, and what closes it is in it.

    """

    bottom: int
    inherited: int
    contexts: Kinds
    parents: Places
    openers: Places
    closers: Places
    levels: Places
    of_tokens: Places

    def __len__(self) -> int:
        return len(self.contexts)


def unopened_at(kinds: Kinds, depth: int) -> int:
    """Return the index of the first token that closes more than is open, or -1."""
    brackets = np.flatnonzero(kinds <= Kind.CLOSE_ARRAY)
    steps = is_open(kinds.take(brackets)).view(np.int8) * 2 - 1
    below = np.flatnonzero(np.cumsum(steps, dtype=np.int64) + depth < 0)
    return int(brackets[below[0]]) if len(below) else -1


def containers_of(kinds: Kinds, open_contexts: Kinds) -> Containers:
    """Return the containers of a block's tokens.

    `open_contexts` are those open before it, outermost first, each OBJECT or ARRAY. No token may
    close more than is open, which `unopened_at` finds.
    """
    depth = len(open_contexts)
    brackets = np.flatnonzero(kinds <= Kind.CLOSE_ARRAY)
    bracket_kinds = kinds.take(brackets)
    opens = is_open(bracket_kinds)
    levels = np.cumsum(opens.view(np.int8) * 2 - 1, dtype=np.intp) + depth
    levels -= opens
    bottom = min(depth, int(levels.min())) if len(levels) else depth
    inherited = depth - bottom
    # Those open already are brackets before the block's own.
    opens = np.concatenate((np.ones(inherited, np.bool_), opens))
    levels = np.concatenate((np.arange(bottom, depth), levels)) - bottom
    parents_of_opens, matches = _matched(opens, levels)
    # Of an opening bracket, the number of its container; number 0 is around all.
    numbers: Places = np.cumsum(opens, dtype=np.intp)
    open_places = np.flatnonzero(opens)
    parents = np.zeros(len(open_places) + 1, np.intp)
    parents[1:] = parents_of_opens
    closers = np.full(len(parents), -1, np.intp)
    close_places = np.flatnonzero(~opens)
    closed = numbers.take(matches)
    closers[closed] = brackets.take(close_places - inherited)
    after: Places = numbers.copy()
    after[close_places] = parents.take(closed)
    contexts = np.empty(len(parents), np.uint8)
    contexts[0] = open_contexts[bottom - 1] if bottom else ROOT
    contexts[1 : 1 + inherited] = open_contexts[bottom:]
    contexts[1 + inherited :] = _CONTEXTS.take(
        bracket_kinds.take(open_places[inherited:] - inherited)
    )
    openers = np.full(len(parents), -1, np.intp)
    openers[1 + inherited :] = brackets.take(open_places[inherited:] - inherited)
    container_levels = np.zeros(len(parents), np.intp)
    container_levels[1:] = levels.take(open_places) + 1
    return Containers(
        bottom=bottom,
        inherited=inherited,
        contexts=contexts,
        parents=parents,
        openers=openers,
        closers=closers,
        levels=container_levels + bottom,
        of_tokens=_spread(after, inherited, brackets, len(kinds)),
    )


def _matched(opens: Flags, levels: Places) -> tuple[Places, Places]:
    """Return the parent's number of each opening bracket, and the opener of each closing one.

    Sorted by level, opening and closing brackets alternate, so that each closing one stands behind
    its own. An opening bracket right behind another is in that; one right behind a closing bracket
    has the same parent as the bracket before it on its level.
    """
    narrow = levels.astype(np.int16) if not len(levels) or levels.max() < _DEEPEST_SHORT else levels
    order = np.argsort(narrow, kind="stable")
    sorted_opens = opens.take(order)
    open_spots = np.flatnonzero(sorted_opens)
    open_places = order.take(open_spots)
    numbers = np.cumsum(opens)
    follows_open = np.ones(len(open_places), np.bool_)
    behind = open_places > 0
    follows_open[behind] = opens.take(open_places[behind] - 1)
    direct = np.zeros(len(open_places), np.intp)
    direct[behind] = numbers.take(open_places[behind] - 1)
    sources = np.maximum.accumulate(np.where(follows_open, np.arange(len(open_places)), 0))
    parents = np.empty(len(open_places), np.intp)
    parents[numbers.take(open_places) - 1] = direct.take(sources)
    close_spots = np.flatnonzero(~sorted_opens)
    matches = np.empty(len(close_spots), np.intp)
    close_numbers = np.cumsum(~opens) - 1
    matches[close_numbers.take(order.take(close_spots))] = order.take(close_spots - 1)
    return parents, matches


def _spread(after: Places, inherited: int, brackets: Places, count: int) -> Places:
    """Return the container of each token: that which the last bracket before it left open."""
    first = int(after[inherited - 1]) if inherited else 0
    runs = np.concatenate(([first], after[inherited:]))
    edges = np.concatenate(([-1], brackets, [count - 1]))
    return np.repeat(runs, np.diff(edges))
