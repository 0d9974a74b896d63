"""Versioned documents: read strictly, and refused in words that say what to do."""

from typing import TypeVar

import msgspec

from harness.core.errors import InputError
from harness.core.scenario import explain

_Document = TypeVar("_Document")


class _Header(msgspec.Struct, frozen=True):
    """What is read first of a document: whether the rest can be understood."""

    schema: int


def decode_document(
    data: bytes, kind: type[_Document], *, source: str, schemas: range
) -> _Document:
    """Return the document of a `kind` in `data`; `source` names the file in errors.

    Raises:
        InputError: `data` is no JSON, ends in the middle, is of none of the `schemas`, or has not
            the form of such a document.

    """
    noun = kind.__name__.lower()
    if not data.strip():
        raise InputError(f"{source}: the file is empty; write the {noun} again")
    try:
        _check_schema(msgspec.json.decode(data, type=_Header).schema, noun, source, schemas)
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: this is no {noun} of oomproof: {explain(error)}") from None
    except RecursionError:
        raise InputError(f"{source}: this is no {noun} of oomproof: it nests too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: {_explain_syntax(error, noun)}") from None


def _check_schema(schema: int, noun: str, source: str, schemas: range) -> None:
    if schema >= schemas.stop:
        raise InputError(
            f"{source}: this {noun} is schema {schema}, and this oomproof reads {schemas[-1]}; "
            "update it"
        )
    if schema not in schemas:
        raise InputError(
            f"{source}: schema {schema} was never a {noun}'s; this oomproof reads {schemas[-1]}"
        )


def _explain_syntax(error: Exception, noun: str) -> str:
    if "truncated" in str(error):
        return (
            "the file ends in the middle, so it was only half written; "
            f"write or download the {noun} again"
        )
    return f"this is not JSON: {error}; give the path of a {noun}"
