"""Make synthetic snapshots: JSON exports like those that kill workers, of any size."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """Load the generator where it is used: learning and the x-ray need none of its 10 MB."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "making.reading" if name == "MOST_SHAPE_BYTES" else "generation"
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
