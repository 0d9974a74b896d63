"""Shrinking with a check that is a function of the snapshot's bytes: no process is started."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from synthetic.shrinking.shrinker import Shrinker, Shrunk
from synthetic.shrinking.source import Source
from synthetic.shrinking.trials import Answer

Predicate = Callable[[bytes], bool]
_COUNTER = itertools.count()


class PredicateCheck:
    """A check that says what a function says, and remembers what it was asked."""

    def __init__(self, predicate: Predicate) -> None:
        self._predicate = predicate
        self.asked: list[bytes] = []

    def shows(self, snapshot: Path) -> Answer:
        self.asked.append(snapshot.read_bytes())
        shows = self._predicate(self.asked[-1])
        return Answer(shows=shows, detail="it was looked at")

    confirms = shows


class Quiet:
    """Hears all and says nothing."""

    def reading(self, done_bytes: int, total_bytes: int) -> None:
        assert 0 <= done_bytes <= total_bytes

    def trying(self, checks: int, best_bytes: int) -> None:
        assert checks >= 0
        assert best_bytes > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What was left, what was said of it, and all that was tried."""

    text: bytes
    shrunk: Shrunk
    asked: list[bytes]


Shrink = Callable[..., Result]


@pytest.fixture(scope="session")
def shrink(tmp_path_factory: pytest.TempPathFactory) -> Shrink:
    """Return what shrinks a text while a predicate holds."""
    root = tmp_path_factory.mktemp("shrink")

    def run(text: bytes, predicate: Predicate, *, most_checks: int | None = None) -> Result:
        folder = root / str(next(_COUNTER))
        (folder / "tried").mkdir(parents=True)
        path, output = folder / "export.json", folder / "min.json"
        path.write_bytes(text)
        source, check = Source(path), PredicateCheck(predicate)
        try:
            shrinker = Shrinker(
                source,
                check,
                output=output,
                folder=folder / "tried",
                observer=Quiet(),
                most_checks=most_checks,
            )
            shrinker.run()
            return Result(text=output.read_bytes(), shrunk=shrinker.result(), asked=check.asked)
        finally:
            source.close()

    return run
