"""Documents of ours as JSON, whatever stands in their texts."""

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
