"""Writes the table of an interpreter to stdout: ``python -m synthetic.xray.tabulate PYTHON``."""

import re
import sys
import textwrap
from typing import Final

import msgspec

from synthetic.xray.interpreters import measured_at
from synthetic.xray.model import CostModel

_WIDTH: Final = 96
_PAIR: Final = re.compile(r"\[\s+(\d+),\s+(\d+)\s+\]")
_ITEM: Final = r"\[\d+, \d+\]|[-\d.]+"
_ROW: Final = re.compile(rf'^( *)("[a-z_]+": )\[((?:\s+(?:{_ITEM}),?)+)\s+\]', re.MULTILINE)
_GLUE: Final = "\N{NO-BREAK SPACE}"


def table_text(model: CostModel) -> str:
    """Return a cost model as indented JSON in which rows of numbers fill their lines."""
    text = msgspec.json.format(msgspec.json.encode(model), indent=2).decode()
    return _ROW.sub(_filled, _PAIR.sub(r"[\1, \2]", text)) + "\n"


def _filled(match: re.Match[str]) -> str:
    indent, name = match[1], match[2]
    items = ", ".join(item.replace(" ", _GLUE) for item in re.findall(_ITEM, match[3]))
    lines = textwrap.wrap(items, _WIDTH - len(indent) - 2, break_long_words=False)
    body = f"\n{indent}  ".join(lines).replace(_GLUE, " ")
    if len(lines) == 1 and len(indent) + len(name) + len(body) < _WIDTH:
        return f"{indent}{name}[{body}]"
    return f"{indent}{name}[\n{indent}  {body}\n{indent}]"


if __name__ == "__main__":
    sys.stdout.write(table_text(measured_at(sys.argv[1] if sys.argv[1:] else sys.executable)))
