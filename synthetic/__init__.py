"""Make synthetic snapshots: JSON exports like those that kill workers, of any size."""

from synthetic.generation import SHAPES, UnknownShapeError, generate

__all__ = ["SHAPES", "UnknownShapeError", "generate"]
