"""Documents of ours as JSON, whatever stands in their texts."""

from collections.abc import Iterator
from typing import Any

import msgspec


def encode_json(document: Any) -> bytes:
    """Return a document as JSON in UTF-8.

    A file name that is no UTF-8 holds surrogates, which no encoder takes. Spelled out, as a
    backslash and their number, it costs no report.
    """
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_spell(msgspec.to_builtins(document)))


def indent_json(document: Any) -> bytes:
    """Return a document as indented JSON in UTF-8, with a line break at its end."""
    return msgspec.json.format(encode_json(document), indent=2) + b"\n"


def lay_out(document: Any) -> bytes:
    """Return a document as indented JSON that diffs well: each of its ``rows`` is one line.

    In order: what goes through dictionaries must not change place from one to the next.
    """
    ordered = msgspec.json.decode(encode_json(msgspec.to_builtins(document, order="deterministic")))
    return ("".join(_laid_out(ordered, "\n")) + "\n").encode()


def _laid_out(value: Any, margin: str) -> Iterator[str]:
    inner = f"{margin}  "
    match value:
        case dict() if value:
            for index, (key, member) in enumerate(value.items()):
                yield f"{',' if index else '{'}{inner}{_text(key)}: "
                yield from _rows(member, inner) if key == "rows" else _laid_out(member, inner)
            yield f"{margin}}}"
        case list() if value:
            for index, member in enumerate(value):
                yield f"{',' if index else '['}{inner}"
                yield from _laid_out(member, inner)
            yield f"{margin}]"
        case _:
            yield _text(value)


def _rows(rows: Any, margin: str) -> Iterator[str]:
    """Yield a list with each of its members on a line of its own."""
    if not isinstance(rows, list) or not rows:
        yield _text(rows)
        return
    inner = f"{margin}  "
    yield f"[{inner}" + f",{inner}".join(map(_text, rows)) + f"{margin}]"


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _spell(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_spell(key): _spell(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_spell(inner) for inner in value]
        case _:
            return value
