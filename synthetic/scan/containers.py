"""Containers: which object or array each token of a block is in, found without a loop."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.kinds import CLOSE_ARRAY, Flags, Kinds, Places, is_open

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
        token_contexts: the context of that.

    """

    bottom: int
    inherited: int
    contexts: Kinds
    parents: Places
    openers: Places
    closers: Places
    levels: Places
    of_tokens: Places
    token_contexts: Kinds

    def __len__(self) -> int:
        return len(self.contexts)


class UnopenedError(Exception):
    """Token `index` closes more than is open."""

    def __init__(self, index: int) -> None:
        super().__init__(f"token {index} closes what was never opened")
        self.index = index


def containers_of(kinds: Kinds, open_contexts: Kinds) -> Containers:
    """Return the containers of a block's tokens.

    `open_contexts` are those open before it, outermost first, each OBJECT or ARRAY.

    Raises UnopenedError where a token closes more than is open.
    """
    depth = len(open_contexts)
    brackets = (kinds <= CLOSE_ARRAY).nonzero()[0]
    bracket_kinds = kinds.take(brackets)
    opens = is_open(bracket_kinds)
    levels = np.cumsum(opens.view(np.int8) * 2 - 1, dtype=np.intp)
    levels += depth
    levels -= opens
    bottom = min(depth, int(levels.min())) if len(levels) else depth
    if bottom < 0:
        raise UnopenedError(int(brackets[np.argmax(levels < 0)]))
    inherited = depth - bottom
    if inherited:  # those open already are brackets before the block's own
        opens = np.concatenate((np.ones(inherited, np.bool_), opens))
        levels = np.concatenate((np.arange(bottom, depth), levels))
    levels -= bottom
    open_places = opens.nonzero()[0]
    close_places = (~opens).nonzero()[0]
    fresh = open_places[inherited:] - inherited
    count = len(open_places) + 1
    parents = np.zeros(count, np.intp)
    parents[1:], matches = _matched(opens, levels, open_places, close_places)
    closers = np.full(count, -1, np.intp)
    # Of an opening bracket, the number of its container; number 0 is around all.
    after: Places = np.cumsum(opens, dtype=np.intp)
    closed = after.take(matches)
    closers[closed] = brackets.take(close_places - inherited)
    after[close_places] = parents.take(closed)
    contexts = np.empty(count, np.uint8)
    contexts[0] = open_contexts[bottom - 1] if bottom else ROOT
    contexts[1 : 1 + inherited] = open_contexts[bottom:]
    contexts[1 + inherited :] = _CONTEXTS.take(bracket_kinds.take(fresh))
    openers = np.full(count, -1, np.intp)
    openers[1 + inherited :] = brackets.take(fresh)
    container_levels = np.zeros(count, np.intp)
    container_levels[1:] = levels.take(open_places)
    container_levels[1:] += bottom + 1
    container_levels[0] = bottom
    runs, lengths = _runs(after, inherited, brackets, len(kinds))
    return Containers(
        bottom=bottom,
        inherited=inherited,
        contexts=contexts,
        parents=parents,
        openers=openers,
        closers=closers,
        levels=container_levels,
        of_tokens=np.repeat(runs, lengths),
        token_contexts=np.repeat(contexts.take(runs), lengths),
    )


def _matched(
    opens: Flags, levels: Places, open_places: Places, close_places: Places
) -> tuple[Places, Places]:
    """Return the parent's number of each opening bracket, and the opener of each closing one.

    Sorted by level, opening and closing brackets alternate, so that each closing one stands behind
    its own. An opening bracket right behind another is in that; one right behind a closing bracket
    has the same parent as the bracket before it on its level.
    """
    narrow = levels.astype(np.int16) if not len(levels) or levels.max() < _DEEPEST_SHORT else levels
    order = np.argsort(narrow, kind="stable")
    numbers: Places = np.cumsum(opens)
    sorted_opens = opens.take(order)
    open_spots = sorted_opens.nonzero()[0]
    by_level = numbers.take(order.take(open_spots))
    by_level -= 1
    before = open_places - 1
    # That of the bracket right before, which is right where that one opens; 0 before the first.
    direct = numbers.take(before)
    follows_open = opens.take(before)
    if len(open_places) and open_places[0] == 0:
        direct[0], follows_open[0] = 0, True
    firsts = np.where(follows_open.take(by_level), np.arange(len(by_level)), 0)
    sources = by_level.take(np.maximum.accumulate(firsts))
    parents = np.empty(len(open_places), np.intp)
    parents[by_level] = direct.take(sources)
    close_spots = (~sorted_opens).nonzero()[0]
    matches = np.empty(len(close_places), np.intp)
    # Of a closing bracket, its number among these is what is left of its place.
    closing: Places = order.take(close_spots)
    close_numbers = closing - numbers.take(closing)
    matches[close_numbers] = order.take(close_spots - 1)
    return parents, matches


def _runs(after: Places, inherited: int, brackets: Places, count: int) -> tuple[Places, Places]:
    """Return the containers of runs of tokens, and how long each is.

    A token is in what the last bracket before it left open.
    """
    first = int(after[inherited - 1]) if inherited else 0
    runs = np.concatenate(([first], after[inherited:]))
    edges = np.concatenate(([-1], brackets, [count - 1]))
    return runs, edges[1:] - edges[:-1]
