"""What values cost a full parse, by path: what the x-ray predicts for each byte of their text."""

from collections.abc import Iterable
from typing import Final

from synthetic.scan.scanner import Scanner
from synthetic.shrinking.costs import Pattern
from synthetic.shrinking.matters import TextSums
from synthetic.xray.branches import Branch, branches_of
from synthetic.xray.census import Census
from synthetic.xray.model import CostModel
from synthetic.xray.path_text import step_of

_ELEMENT: Final = "[*]"
_ANY_KEY: Final = ".*"


class RetainedCosts:
    """What a parser retains, as the x-ray predicts it."""

    def __init__(self, root: Branch, texts: dict[Pattern, int]) -> None:
        """Take the x-ray's tree of paths, and the bytes of text by path."""
        self._root = root
        self._texts = texts

    def per_byte(self, path: Pattern) -> float:
        """Return the retained bytes for a byte of text, of the innermost path that is known."""
        branch, pattern = self._root, Pattern()
        for step in path:
            inner = _child(branch, step)
            if inner is None:
                if branch is self._root and step is None:
                    continue  # the number of a line
                break
            branch, pattern = inner[0], (*pattern, inner[1])
        text_bytes = self._texts.get(pattern, 0)
        return branch.total_bytes / text_bytes if text_bytes else 1.0


def _child(branch: Branch, step: str | None) -> tuple[Branch, str | None] | None:
    """Return the branch that a step leads to, and the step of the pattern that it is."""
    labels = [_ELEMENT] if step is None else [step_of(step), _ANY_KEY]
    for label in labels:
        if label in branch.children:
            is_any = label in {_ELEMENT, _ANY_KEY}
            return branch.children[label], None if is_any else step
    return None


def retained_costs(pieces: Iterable[bytes], model: CostModel, parser: str) -> RetainedCosts:
    """Return what a parser would retain for a text that comes in pieces.

    Raises InvalidJsonError.
    """
    census, texts = Census(model, follows_heap=False), TextSums()
    for block in Scanner().blocks(pieces):
        census.take(block)
        texts.take(block)
    census.finish()
    sums = {path: text_bytes for path, (_, text_bytes) in texts.by_path().items()}
    return RetainedCosts(branches_of(census, parser, depth=None), sums)
