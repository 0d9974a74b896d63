"""The end of a worker's streams, kept in bounded memory however much it prints."""

from typing import Final

from harness.core.run import Output

TAIL_BYTES: Final = 1024 * 1024


class Tail:
    """The last `capacity` bytes of a stream, and how many there were in all."""

    def __init__(self, capacity: int = TAIL_BYTES) -> None:
        """Keep at most `capacity` bytes."""
        self._capacity = capacity
        self._held = bytearray()
        self.total = 0

    def feed(self, chunk: bytes) -> None:
        """Take in what the stream brought."""
        self.total += len(chunk)
        self._held += chunk
        # Cut only now and then: each cut moves what stays.
        if len(self._held) > 2 * self._capacity:
            del self._held[: -self._capacity]

    def text(self) -> str:
        """Return the end of the stream as text; what is no UTF-8 is marked."""
        return self._held[-self._capacity :].decode("utf-8", "replace")


class Capture:
    """Both streams of a worker."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.stdout = Tail()
        self.stderr = Tail()

    def output(self) -> Output:
        """Return what there was."""
        return Output(
            stdout_tail=self.stdout.text(),
            stdout_bytes=self.stdout.total,
            stderr_tail=self.stderr.text(),
            stderr_bytes=self.stderr.total,
        )
