"""Shrinking a snapshot: checked as it is, cut while that passes, and confirmed in the end."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from synthetic.shrinking.compact import compacted
from synthetic.shrinking.copying import edited
from synthetic.shrinking.costs import Costs, TextCosts
from synthetic.shrinking.edits import Remaining
from synthetic.shrinking.errors import NotRepeatableError, NotShownError, OutOfChecksError
from synthetic.shrinking.matters import Holding, holdings_of
from synthetic.shrinking.parts import Tree
from synthetic.shrinking.source import Source
from synthetic.shrinking.strategy import Strategy
from synthetic.shrinking.targets import needed_in
from synthetic.shrinking.trials import Answer, Candidate, Check, Trials

_COMPACTED_MOST_BYTES: Final = 1 << 20
_COMPACTED_LEAST_SHARE: Final = 0.02
_MOST_STEPS_BACK: Final = 6
_MOST_NAMED: Final = 8


class Observer(Protocol):
    """Who is told how it goes. What it raises ends the shrinking."""

    def reading(self, done_bytes: int, total_bytes: int) -> None:
        """Hear how much of a file was read."""

    def trying(self, checks: int, best_bytes: int) -> None:
        """Hear how many checks were made, and the size of the best snapshot, before another."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needed:
    """A value that cannot be spared: where it is in the source, and what is left of it."""

    path: tuple[str | int, ...]
    offset: int
    bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrunk:
    """What became of a snapshot.

    Attributes:
        source_bytes, bytes: its size before and after.
        checks: how many were made, those of the snapshot itself and of the result included.
        needed: the innermost values without which it is not shown any more.
        holdings: the paths that hold most of what is left; None where nothing was written.
        is_confirmed: whether the result passed once more at the end.
        is_independent: whether a snapshot that holds nothing passes, too.
        steps_back: how many smaller snapshots passed once, and did not when they were confirmed.
        problems: how often a check saw nothing, by why.

    """

    source_bytes: int
    bytes: int
    checks: int
    needed: tuple[Needed, ...]
    holdings: tuple[Holding, ...] | None
    is_confirmed: bool
    is_independent: bool
    steps_back: int
    problems: dict[str, int]


class Shrinker:
    """Shrinks one snapshot. The best so far is in the output whenever it ends, however it ends."""

    def __init__(  # noqa: PLR0913  (what, how, where to, and who is told)
        self,
        source: Source,
        check: Check,
        *,
        output: Path,
        folder: Path,
        observer: Observer,
        costs: Callable[[], Costs] = TextCosts,
        most_checks: int | None = None,
    ) -> None:
        """Prepare; `folder` holds what is tried, and is on the disk of `output`.

        `costs` is called once the snapshot itself has passed.
        """
        self._source = source
        self._output = output
        self._observer = observer
        self._costs = costs
        self._most_checks = most_checks
        self._trials = Trials(source, check, output=output, folder=folder, told=observer.trying)
        self._tree: Tree | None = None
        self._is_independent = False
        self._is_confirmed = False
        self._steps_back = 0
        self._holdings: tuple[Holding, ...] | None = None

    def run(self) -> None:
        """Shrink.

        Raises:
            InvalidJsonError: the snapshot is no JSON.
            NotShownError: it does not show what is looked for.
            NotRepeatableError: of two checks of it one showed it.

        """
        self._tree = Tree(self._source, self._observer.reading)
        self._check_source()
        if self._most_checks is not None:  # one is left for the end
            self._trials.limit = max(self._trials.checks, self._most_checks - 1)
        try:
            strategy = Strategy(self._tree, self._trials, self._costs())
            self._is_independent = strategy.run()
        except OutOfChecksError:
            pass
        self._trials.limit = None
        if self._most_checks is None or self._trials.checks < self._most_checks - 1:
            self._compact()
        self._confirm()
        self._holdings = holdings_of(self._output, _MOST_NAMED, self._observer.reading)

    @property
    def has_begun(self) -> bool:
        """Whether the snapshot itself passed, so that others were tried."""
        return bool(self._trials.sizes)

    def _check_source(self) -> None:
        answers = [self._trials.confirm(None)]
        if not answers[0].problem:  # what took too long once is not waited for again
            answers.append(self._trials.confirm(None))
        if not any(answer.shows for answer in answers):
            raise NotShownError(answers[0].detail)
        if not all(answer.shows for answer in answers):
            first, second = (_told(answer) for answer in answers)
            raise NotRepeatableError(
                f"two checks of the same snapshot differ: the first {first}, the second {second}"
            )

    def _compact(self) -> None:
        best = self._trials.best
        if best is None or best.size_bytes > _COMPACTED_MOST_BYTES:
            return
        text = compacted(edited(self._source, best.edits))
        if len(text) <= best.size_bytes * (1 - _COMPACTED_LEAST_SHARE):
            self._trials.test_text(text)

    def _confirm(self) -> None:
        """Check the result once more; where it does not pass, a larger one that does is taken."""
        if not self._trials.passed:  # the source was checked twice
            self._trials.settle(None)
            self._is_confirmed = True
            return
        for candidate in _backwards(self._trials.passed):
            if self._trials.confirm(candidate).shows:
                self._is_confirmed = True
                self._trials.settle(candidate)
                return
            self._steps_back += 1
        self._trials.settle(self._trials.best)

    def result(self) -> Shrunk:
        """Return what there is now, also where it was stopped in the middle."""
        return Shrunk(
            source_bytes=self._source.size_bytes,
            bytes=self._trials.best_bytes,
            checks=self._trials.checks,
            needed=self._needed(),
            holdings=self._holdings,
            is_confirmed=self._is_confirmed,
            is_independent=self._is_independent,
            steps_back=self._steps_back,
            problems=dict(self._trials.problems),
        )

    def _needed(self) -> tuple[Needed, ...]:
        if self._tree is None or self._is_independent:
            return ()
        tree, best = self._tree, self._trials.best
        remaining = Remaining(best.edits if best else ())
        return tuple(
            Needed(
                path=tree.path(value),
                offset=value.start,
                bytes=remaining.of(value.start, value.end),
            )
            for value in needed_in(tree, _MOST_NAMED)
        )


def _backwards(passed: list[Candidate]) -> Iterator[Candidate]:
    """Yield what passed, the last first, in steps that grow."""
    step, at = 1, len(passed) - 1
    for _ in range(_MOST_STEPS_BACK):
        yield passed[at]
        if not at:
            return
        at = max(0, at - step)
        step *= 2


def _told(answer: Answer) -> str:
    return f"{'showed it' if answer.shows else 'did not show it'} ({answer.detail})"
