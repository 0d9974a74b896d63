"""Trials: each smaller snapshot is written, checked once, and kept if it is the best."""

import collections
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from synthetic.shrinking.copying import write_edited
from synthetic.shrinking.edits import Edit, size_of
from synthetic.shrinking.errors import OutOfChecksError
from synthetic.shrinking.source import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a check said of a snapshot.

    Attributes:
        shows: whether it shows what is looked for.
        detail: what was seen, as a phrase: "it exited with 1".
        problem: why nothing was seen, where that is so: "ran longer than its time".

    """

    shows: bool
    detail: str
    problem: str = ""


class Check(Protocol):
    """Says whether a snapshot shows what is looked for. What it raises ends the shrinking."""

    def shows(self, snapshot: Path) -> Answer:
        """Say it beyond what the measurement may be wrong by."""

    def confirms(self, snapshot: Path) -> Answer:
        """Say whether what was asked for is so, to the letter."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """A snapshot that passed: its edits, or its text where that was written anew."""

    size_bytes: int
    edits: tuple[Edit, ...]
    text: bytes | None = None


class Trials:
    """Checks snapshots made of one source.

    Attributes:
        checks: how many were made.
        limit: how many may be made; None for as many as it takes.
        passed: the snapshots that passed and were smaller than those before.
        problems: how often a check saw nothing, by why.
        sizes: of the best after each check, the source itself aside.

    """

    def __init__(
        self,
        source: Source,
        check: Check,
        *,
        output: Path,
        folder: Path,
        told: Callable[[int, int], None],
    ) -> None:
        """Write what is tried into `folder`, and the best so far to `output`.

        `told` is told of the checks made and of the size of the best before each check.
        """
        self.source = source
        self._check = check
        self._output = output
        self._place = folder / source.path.name
        self._told = told
        self._known: dict[object, bool] = {}
        self.checks = 0
        self.limit: int | None = None
        self.passed: list[Candidate] = []
        self.problems: collections.Counter[str] = collections.Counter()
        self.sizes: list[int] = []

    @property
    def best_bytes(self) -> int:
        """The size of the smallest snapshot that passed; that of the source before any did."""
        return self.best.size_bytes if self.best else self.source.size_bytes

    @property
    def best(self) -> Candidate | None:
        """The smallest snapshot that passed; None before any did."""
        return self.passed[-1] if self.passed else None

    def test(self, edits: tuple[Edit, ...]) -> bool:
        """Whether the source with some edits shows it; what is smaller than the best is kept.

        Raises:
            OutOfChecksError: no more may be made.

        """
        size_bytes = size_of(self.source.size_bytes, edits)
        return self._try(edits, Candidate(size_bytes=size_bytes, edits=edits))

    def test_text(self, text: bytes) -> bool:
        """Whether a text shows it; see `test`."""
        edits = self.best.edits if self.best else ()
        return self._try(text, Candidate(size_bytes=len(text), edits=edits, text=text))

    def _try(self, name: object, candidate: Candidate) -> bool:
        if not candidate.edits and candidate.text is None:
            return True  # the source itself
        if name not in self._known:
            answer, is_whole = self._ask(candidate, self._check.shows)
            self._known[name] = answer.shows
            if answer.shows and candidate.size_bytes < self.best_bytes:
                self._keep(candidate, is_whole=is_whole)
            self.sizes.append(self.best_bytes)
        return self._known[name]

    def confirm(self, candidate: Candidate | None) -> Answer:
        """Return what the check says, to the letter, of a snapshot; None stands for the source."""
        return self._ask(candidate, self._check.confirms)[0]

    def _ask(
        self, candidate: Candidate | None, check: Callable[[Path], Answer]
    ) -> tuple[Answer, bool]:
        """Return what a check says, and whether it left the snapshot as it was."""
        if self.limit is not None and self.checks >= self.limit:
            raise OutOfChecksError(f"{self.checks} checks were made")
        self._told(self.checks, self.best_bytes)
        self._write(candidate)
        before = _state(self._place)
        answer = check(self._place)
        self.checks += 1
        if answer.problem:
            self.problems[answer.problem] += 1
        return answer, before == _state(self._place)

    def _write(self, candidate: Candidate | None) -> None:
        self._place.unlink(missing_ok=True)
        if candidate is not None and candidate.text is not None:
            self._place.write_bytes(candidate.text)
        else:
            write_edited(self.source, candidate.edits if candidate else (), self._place)

    def _keep(self, candidate: Candidate, *, is_whole: bool) -> None:
        if not is_whole:
            self._write(candidate)
        self._place.replace(self._output)
        self.passed.append(candidate)

    def settle(self, candidate: Candidate | None) -> None:
        """Let the output be this one, whatever it is now; None stands for the source."""
        self._write(candidate)
        fd = os.open(self._place, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self._place.replace(self._output)
        if candidate is not None:  # what is smaller did not stand the test
            del self.passed[self.passed.index(candidate) + 1 :]


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what changes when somebody writes to a file; None where it is gone."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns
