"""The error that says why a shape cannot be used."""


class ShapeError(ValueError):
    """A shape is no shape, or no document of the asked size can be made of it."""
