"""What keeps a snapshot from being shrunk, or a shrunk one from being trusted."""


class ShrinkingError(Exception):
    """A snapshot cannot be shrunk."""


class NotShownError(ShrinkingError):
    """The snapshot itself does not show what its smaller ones are to show."""


class NotRepeatableError(ShrinkingError):
    """The same snapshot shows it once and does not show it at another time."""


class SourceChangedError(ShrinkingError):
    """The snapshot was written to while it was being shrunk."""


class OutOfChecksError(ShrinkingError):
    """As many checks were made as may be."""
