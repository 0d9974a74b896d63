"""Make synthetic snapshots: JSON exports like those that kill workers, of any size."""

from synthetic.generation import (
    SHAPES,
    VERSION,
    Generator,
    UnknownShapeError,
    built_in,
    generate,
    of_document,
)
from synthetic.making.reading import MOST_SHAPE_BYTES

__all__ = [
    "MOST_SHAPE_BYTES",
    "SHAPES",
    "VERSION",
    "Generator",
    "UnknownShapeError",
    "built_in",
    "generate",
    "of_document",
]
