"""Reading a shape: from its JSON text to one that documents can be made of, or why it is none."""

from typing import Final

import msgspec

from synthetic.making.checks import problems
from synthetic.making.errors import ShapeError
from synthetic.shape import SCHEMA, Shape
from synthetic.shape_text import shape_of_text

MOST_SHAPE_BYTES: Final = 64 * 1024 * 1024


class _Head(msgspec.Struct):
    """What says whether the rest can be understood."""

    schema: int


def read_shape(text: bytes | bytearray) -> Shape:
    """Return the shape that a text holds.

    Raises ShapeError with where and what is wrong first, if it is no shape or does not agree.
    """
    if len(text) > MOST_SHAPE_BYTES:
        raise ShapeError(f"it has more than {MOST_SHAPE_BYTES} bytes, as no shape has")
    try:
        schema = msgspec.json.decode(text, type=_Head).schema
        if schema != SCHEMA:
            raise ShapeError(
                f"schema: {schema} is not known here, only {SCHEMA}; "
                "learn the shape again, or use the oomproof that wrote it"
            )
        shape = shape_of_text(text)
    except RecursionError:
        raise ShapeError("places are nested too deep; use nests") from None
    except msgspec.MsgspecError as error:
        raise ShapeError(f"not a shape: {error}") from None
    if problem := next(problems(shape), None):
        raise ShapeError(problem)
    return shape
