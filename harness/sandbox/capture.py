"""The end of a worker's streams, kept in bounded memory however much it prints."""

from typing import Final

from harness.core.run import Output

TAIL_BYTES: Final = 1024 * 1024
_HEADER_BYTES: Final = 8


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

    def __init__(self, *, more: int = 0) -> None:
        """Begin with nothing; `more` bytes are kept of the output, for what is cut off it later."""
        self.stdout = Tail(TAIL_BYTES + more)
        self.stderr = Tail()

    def output(self) -> Output:
        """Return what there was."""
        return Output(
            stdout_tail=self.stdout.text(),
            stdout_bytes=self.stdout.total,
            stderr_tail=self.stderr.text(),
            stderr_bytes=self.stderr.total,
        )


class Demultiplexer:
    """Splits the one stream in which an engine sends both of a container's.

    Each piece has a header of eight bytes: which stream (1 output, 2 errors), three zeros, and its
    length, big-endian. See "Attach to a container" in the Engine API.
    """

    def __init__(self, capture: Capture) -> None:
        """Feed the streams of `capture`."""
        self._streams = {1: capture.stdout, 2: capture.stderr}
        self._header = bytearray()
        self._stream: Tail | None = None
        self._left = 0

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes, wherever they were cut."""
        view = memoryview(chunk)
        while view:
            if self._left == 0:
                view = self._read_header(view)
                continue
            piece, view = view[: self._left], view[self._left :]
            self._left -= len(piece)
            if self._stream is not None:
                self._stream.feed(bytes(piece))

    def _read_header(self, view: memoryview) -> memoryview:
        missing = _HEADER_BYTES - len(self._header)
        self._header += view[:missing]
        if len(self._header) == _HEADER_BYTES:
            self._stream = self._streams.get(self._header[0])
            self._left = int.from_bytes(self._header[4:], "big")
            self._header.clear()
        return view[missing:]
