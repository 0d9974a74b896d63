"""Memory that runs side by side share."""

import contextlib
import threading
from collections.abc import Iterator


class Room:
    """Memory that runs share: one begins only while all limits together fit."""

    def __init__(self, total_bytes: int) -> None:
        """Share `total_bytes`."""
        self._total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, limit_bytes: int | None) -> Iterator[None]:
        """Hold a run's limit; one that has none, or more than there is, runs alone."""
        wanted_bytes = min(limit_bytes or self._total_bytes, self._total_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._free_bytes >= wanted_bytes)
            self._free_bytes -= wanted_bytes
        try:
            yield
        finally:
            with self._changed:
                self._free_bytes += wanted_bytes
                self._changed.notify_all()
