"""Make synthetic snapshots: JSON exports like those that kill workers, of any size."""

from synthetic.generation import (
    MOST_SHAPE_BYTES,
    SHAPES,
    VERSION,
    Generator,
    UnknownShapeError,
    built_in,
    generate,
    of_document,
)

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
