"""Make synthetic snapshots: JSON exports like those that kill workers, of any size."""

from synthetic.generation import SHAPES, VERSION, UnknownShapeError, generate

__all__ = ["SHAPES", "VERSION", "UnknownShapeError", "generate"]
