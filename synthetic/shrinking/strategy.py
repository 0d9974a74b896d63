"""The order in which parts of a snapshot are tried without, and when it is enough.

First the lists: which matter at all, then which stretch and which elements of each, the costliest
first. What expects certain keys in objects goes on working meanwhile. Then the members of objects,
from the outermost inwards, which makes other lists the costliest. At last, of what is small, the
texts of single values.
"""

from collections.abc import Iterable
from typing import Final

from synthetic.shrinking.chain import LONG, chain_of, cut_chain
from synthetic.shrinking.costs import Costs, cost_of
from synthetic.shrinking.edits import Remaining, edits_of
from synthetic.shrinking.outline import Form
from synthetic.shrinking.parts import Part, Tree, Value
from synthetic.shrinking.search import Search
from synthetic.shrinking.strings import shorten
from synthetic.shrinking.targets import Targets, leaves_of, needed_in
from synthetic.shrinking.trials import Trials
from synthetic.shrinking.units import BlankUnit, InsideUnit, PartUnit, may_be_blank, need

CHECKS: Final = 40
"""A rest that is small gets what is left of so many checks, but for two at the end."""

MORE_CHECKS: Final = 8
"""It gets so many at least."""

_SHARES: Final = (64, 512)
"""What is less than one byte of so many is left alone; first of few, and then of more."""

_SMALL_BYTES: Final = 4096
_PATIENCE: Final = 16
_PATIENCE_SHARE: Final = 0.02
"""It is enough when so many checks in a row saved less than this share."""

_MOST_LISTS: Final = 64
_MOST_LEAVES: Final = 4096
_SHORT_STRING_BYTES: Final = 8


class Strategy:
    """Shrinks a tree. Every snapshot that passes on the way is kept by the trials."""

    def __init__(self, tree: Tree, trials: Trials, costs: Costs) -> None:
        """Shrink `tree`, all of which passes."""
        self._tree = tree
        self._trials = trials
        self._costs = costs
        self._is_dense = False

    def run(self) -> bool:
        """Shrink; return whether what holds nothing passes, too, so that nothing matters.

        Raises:
            OutOfChecksError: no more may be made.

        """
        if self._passes_with_nothing():
            return True
        for share in _SHARES:
            while not self._is_enough() and self._step(share):
                pass
            if self._is_dense:  # what is left matters by its size, so less would save nothing
                break
        if self._trials.best_bytes <= _SMALL_BYTES:
            self._count_checks()
            self._blank()
        return False

    def _test(self) -> bool:
        return self._trials.test(edits_of(self._tree))

    def _passes_with_nothing(self) -> bool:
        parts = self._tree.parts(self._tree.root)
        if len(parts) > 1 or parts[0].count > 1:
            return False
        value = self._tree.look(parts[0])
        if value is None or value.form is Form.SCALAR or value.content_start == value.content_end:
            return False
        value.is_emptied = True
        if self._test():
            return True
        value.is_emptied = False
        return False

    def _is_enough(self) -> bool:
        recent = self._trials.sizes[-_PATIENCE - 1 :]
        return len(recent) > _PATIENCE and recent[-1] > recent[0] * (1 - _PATIENCE_SHARE)

    def _count_checks(self) -> None:
        """Let a small rest take no more checks than it is worth."""
        trials = self._trials
        if trials.limit is None and trials.best_bytes <= _SMALL_BYTES:
            trials.limit = max(CHECKS - 2, trials.checks + self._worth())

    def _worth(self) -> int:
        """Return how many checks a small rest is worth at least: more where several matter."""
        return MORE_CHECKS * max(1, 2 * len(needed_in(self._tree, CHECKS)) - 1)

    def _step(self, share: int) -> bool:
        """Search what costs most of what was not searched yet; return whether there was any."""
        self._count_checks()
        remaining = self._remaining()
        left = remaining.of(0, self._tree.source.size_bytes)
        targets = Targets(self._tree, remaining, max(2, left // share))
        if targets.lists:
            self._search_lists(targets.lists, remaining)
        elif targets.records:
            self._search_container(targets.records[0])
        return bool(targets.lists or targets.records)

    def _remaining(self) -> Remaining:
        return Remaining(edits_of(self._tree))

    def _search_lists(self, lists: list[Value], remaining: Remaining) -> None:
        """Search which lists are needed at all, and then what of each."""
        if lists[0].form is not Form.ROOT:
            lists = self._needed_lists(lists, remaining)
        for value in lists:
            if self._is_enough():
                return
            self._count_checks()
            self._search_list(value)

    def _needed_lists(self, lists: list[Value], remaining: Remaining) -> list[Value]:
        units = [InsideUnit(value, cost=self._cost(value, remaining)) for value in lists]
        units.sort(key=lambda unit: unit.cost, reverse=True)
        units = units[:_MOST_LISTS]
        needed = Search(units, self._test).run()
        for unit in units:
            if unit in needed:
                need(unit.value)
        return [unit.value for unit in units if not unit.value.is_emptied]

    def _cost(self, value: Value, remaining: Remaining) -> float:
        left = remaining.of(value.start, value.end)
        return cost_of(value, self._tree, self._costs) * left / value.bytes

    def _cost_of_part(self, part: Part, remaining: Remaining) -> float:
        """Return what a part costs: elements their text, for they cost alike; members their own."""
        value = self._tree.look(part) if part.owner.form is Form.OBJECT else None
        if value is not None:
            return self._cost(value, remaining)
        return remaining.of(part.start, part.end)

    def _search_list(self, value: Value) -> None:
        if value.form is Form.STRING:
            self._shorten(value)
        else:
            self._search_container(value)

    def _search_container(self, value: Value) -> None:
        chain = chain_of(self._tree, value) if value.form is not Form.ROOT else []
        if len(chain) < LONG:
            self._search_parts(value)
        while len(chain) >= LONG:
            value.is_searched = True
            cut_chain(chain, self._test)
            if value.hoisted is None:
                return
            value = value.hoisted
            chain = chain_of(self._tree, value)

    def _shorten(self, value: Value) -> None:
        value.is_searched = True
        shorten(value, self._tree.source, self._test)

    def _search_parts(self, value: Value) -> None:
        """Search which parts of a container are needed."""
        value.is_searched = True
        remaining = self._remaining()
        units = [
            PartUnit(part, self._tree, cost=self._cost_of_part(part, remaining))
            for part in self._tree.parts(value)
            if part.kept
        ]
        if value.form is Form.OBJECT:
            units.sort(key=lambda unit: unit.cost, reverse=True)
        search = Search(units, self._test, may_be_empty=value.form is not Form.ROOT)
        needed = search.run()
        for unit in needed:
            unit.part.is_needed = True
        self._is_dense |= search.is_dense and self._trials.best_bytes > _SMALL_BYTES
        if needed:
            need(value)
        value.parts = [part for part in self._tree.parts(value) if part.kept]

    def _blank(self) -> None:
        """Put the shortest of their kinds for values, and shorten the strings that must stay."""
        leaves = leaves_of(self._tree, _MOST_LEAVES)
        remaining = self._remaining()
        units = [
            BlankUnit(value, cost=remaining.of(value.start, value.end))
            for value in leaves
            if may_be_blank(value, self._tree.source)
        ]
        units.sort(key=lambda unit: unit.cost, reverse=True)
        if units:
            Search(units, self._test).run()
        for value in self._strings(unit.value for unit in units):
            self._shorten(value)

    def _strings(self, values: Iterable[Value]) -> list[Value]:
        return [
            value
            for value in values
            if value.form is Form.STRING
            and value.literal is None
            and not value.is_searched
            and value.bytes >= _SHORT_STRING_BYTES
        ]
