"""What is wrong with a text that is no JSON, and at which byte."""


class InvalidJsonError(ValueError):
    """The text is no JSON.

    Attributes:
        offset: the byte, counted from 0, at which it cannot be JSON any more.
        reason: why, as a phrase.

    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset:,}: {reason}")
        self.offset = offset
        self.reason = reason
