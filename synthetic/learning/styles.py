"""The style of a text: its white space, found in a sample of its first tokens."""

import dataclasses
from collections import Counter
from typing import Final

from synthetic.scan.kinds import CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT
from synthetic.scan.scanner import Block
from synthetic.shape import Style

_BLOCKS: Final = 4
_TOKENS: Final = 1024
_OPENS: Final = frozenset({OPEN_OBJECT, OPEN_ARRAY})
_CLOSES: Final = frozenset({CLOSE_OBJECT, CLOSE_ARRAY})


@dataclasses.dataclass(kw_only=True)
class _Level:
    """How the elements of containers of one level are set apart."""

    on_lines: int = 0
    on_one_line: int = 0
    indents: Counter[str] = dataclasses.field(default_factory=Counter)


class StyleSample:
    """Looks at the white space of the first blocks."""

    def __init__(self) -> None:
        self._blocks = 0
        self._levels: dict[int, _Level] = {}
        self._after_comma: Counter[str] = Counter()
        self._after_colon: Counter[str] = Counter()
        self._inside: Counter[str] = Counter()

    def take(self, block: Block) -> None:
        """Look at a block, if it is one of the first."""
        if self._blocks >= _BLOCKS:
            return
        self._blocks += 1
        kinds = block.kinds[:_TOKENS].tolist()
        starts, ends = block.starts[:_TOKENS].tolist(), block.ends[:_TOKENS].tolist()
        levels = block.containers.levels.take(block.containers.of_tokens[:_TOKENS]).tolist()
        for index in range(1, len(kinds)):
            gap = block.text[ends[index - 1] : starts[index]].decode("ascii", "replace")
            self._note(kinds[index - 1], kinds[index], levels[index], gap)

    def _note(self, before: int, kind: int, level: int, gap: str) -> None:
        if before == COLON:
            self._after_colon[_on_line(gap)] += 1
        elif before == COMMA or (before in _OPENS and kind not in _CLOSES):
            found = self._levels.setdefault(level, _Level())
            if "\n" in gap:
                found.on_lines += 1
                found.indents[gap.rpartition("\n")[2]] += 1
            else:
                found.on_one_line += 1
                (self._after_comma if before == COMMA else self._inside)[_on_line(gap)] += 1

    def style(self) -> Style:
        """Return the style."""
        broken = 0
        while broken + 1 in self._levels and self._is_broken(broken + 1):
            broken += 1
        return Style(
            indent=self._indent(broken) if broken else None,
            line_levels=broken if broken and broken < max(self._levels) else None,
            after_comma=_commonest(self._after_comma),
            after_colon=_commonest(self._after_colon),
            inside=_commonest(self._inside),
        )

    def _is_broken(self, level: int) -> bool:
        found = self._levels[level]
        return found.on_lines > found.on_one_line

    def _indent(self, broken: int) -> str:
        """Return the indent of one level, from the outermost one that tells."""
        for level in range(1, broken + 1):
            indent = _commonest(self._levels[level].indents)
            if indent:
                return _on_line(indent[: max(1, len(indent) // level)])
        return ""


def _commonest(found: Counter[str]) -> str:
    return found.most_common(1)[0][0] if found else ""


def _on_line(gap: str) -> str:
    return "".join(blank for blank in gap if blank in " \t")
