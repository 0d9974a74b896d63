"""The C library's heap as it goes along: what lies free between blocks when a parse is over.

It follows glibc's malloc (malloc/malloc.c, since 2.26) for blocks of more than half a kilobyte:
what smaller ones need, Python's own allocator cuts from pages that it maps itself.
"""

import bisect
from typing import Final

_ALIGNMENT: Final = 16
_HEAD_BYTES: Final = 8
_LEAST_CHUNK: Final = 32
_MOST_CACHED: Final = 1040
_CACHED_OF_A_SIZE: Final = 7
_PAGE_BYTES: Final = 4096
_TOP_PAD: Final = 128 * 1024
MAPPED_BYTES: Final = 128 * 1024
"""Such blocks are in pages of their own at first (mallopt(3), M_MMAP_THRESHOLD)."""
_MOST_MAPPED_BYTES: Final = 32 << 20
_LOOK_AT_TRIM: Final = 64 * 1024


class Heap:
    """Allocates, cuts and frees as glibc does, and knows how much of it was ever written to.

    Blocks are named by their addresses; those in pages of their own have negative ones.
    """

    def __init__(self) -> None:
        """Begin with an empty one."""
        self._top = self._end = self._touched = 0
        self._sizes: dict[int, int] = {}
        self._gaps: dict[int, int] = {}
        self._gaps_by_end: dict[int, int] = {}
        self._gaps_by_size: list[tuple[int, int]] = []
        self._cached: dict[int, list[int]] = {}
        self._free_bytes = 0
        self._mapped = 0
        self._mapped_bytes = self._trim_bytes = MAPPED_BYTES

    @property
    def gap_bytes(self) -> int:
        """What was written to once and is in no block now."""
        return self._free_bytes + max(0, self._touched - self._top)

    def allocate(self, requested: int, *, written: int | None = None, lasts: bool = False) -> int:
        """Return the address of a new block of which so many bytes are written to.

        One that lasts is never resized or freed.
        """
        if requested >= self._mapped_bytes:
            self._mapped -= 1
            self._sizes[self._mapped] = requested
            return self._mapped
        chunk = _chunk_of(requested)
        address = self._taken(chunk)
        end = address + (chunk if written is None else min(chunk, written + _HEAD_BYTES))
        self._touched = max(self._touched, end)
        if not lasts:
            self._sizes[address] = chunk
        return address

    def free(self, address: int) -> None:
        """Give a block back; pages of its own that go make the next ones likelier to stay."""
        size = self._sizes.pop(address)
        if address >= 0:
            self._release(address, size)
        elif self._mapped_bytes < size <= _MOST_MAPPED_BYTES:
            self._mapped_bytes, self._trim_bytes = size, 2 * size

    def keep(self, address: int) -> None:
        """Forget a block that is never resized or freed."""
        del self._sizes[address]

    def cut(self, address: int, requested: int) -> None:
        """Make a block smaller where it is; it lasts."""
        size, chunk = self._sizes.pop(address), _chunk_of(requested)
        if address >= 0 and size - chunk >= _LEAST_CHUNK:
            self._release(address + chunk, size - chunk)

    def grow(self, address: int, requested: int) -> int:
        """Make a block larger, where it is if there is room; return where it is then."""
        if address < 0:
            self._sizes[address] = requested
            return address
        size, chunk = self._sizes[address], _chunk_of(requested)
        end = address + size
        if end == self._top and address + chunk <= self._end:
            self._top = address + chunk
        elif size + self._gaps.get(end, 0) >= chunk:
            gap = self._gaps.get(end, 0)
            if gap:
                self._drop(end, gap)
                if size + gap - chunk >= _LEAST_CHUNK:
                    self._add(address + chunk, size + gap - chunk)
                else:
                    chunk = size + gap
        else:
            moved = self.allocate(requested, written=size)
            self.free(address)
            return moved
        self._touched = max(self._touched, end)
        self._sizes[address] = chunk
        return address

    def _taken(self, chunk: int) -> int:
        cached = self._cached.get(chunk)
        if cached:
            self._free_bytes -= chunk
            return cached.pop()
        at = bisect.bisect_left(self._gaps_by_size, (chunk, 0))
        if at < len(self._gaps_by_size):
            size, address = self._gaps_by_size[at]
            self._drop(address, size)
            if size - chunk >= _LEAST_CHUNK:
                self._add(address + chunk, size - chunk)
            return address
        address = self._top
        self._top += chunk
        if self._top + _LEAST_CHUNK > self._end:
            missing = self._top + _LEAST_CHUNK + _TOP_PAD - self._end
            self._end += -(-missing // _PAGE_BYTES) * _PAGE_BYTES
        return address

    def _release(self, address: int, size: int) -> None:
        if size <= _MOST_CACHED:
            cached = self._cached.setdefault(size, [])
            if len(cached) < _CACHED_OF_A_SIZE:
                cached.append(address)
                self._free_bytes += size
                return
        before = self._gaps_by_end.get(address)
        if before is not None:
            length = self._gaps[before]
            self._drop(before, length)
            address, size = before, size + length
        behind = self._gaps.get(address + size)
        if behind is not None:
            self._drop(address + size, behind)
            size += behind
        if address + size != self._top:
            self._add(address, size)
            return
        self._top = address
        if size >= _LOOK_AT_TRIM and self._end - self._top >= self._trim_bytes:
            kept = self._top + _TOP_PAD + _LEAST_CHUNK
            self._end = -(-kept // _PAGE_BYTES) * _PAGE_BYTES
            self._touched = min(self._touched, self._end)

    def _add(self, address: int, size: int) -> None:
        self._gaps[address] = size
        self._gaps_by_end[address + size] = address
        bisect.insort(self._gaps_by_size, (size, address))
        self._free_bytes += size

    def _drop(self, address: int, size: int) -> None:
        del self._gaps[address], self._gaps_by_end[address + size]
        del self._gaps_by_size[bisect.bisect_left(self._gaps_by_size, (size, address))]
        self._free_bytes -= size


def _chunk_of(requested: int) -> int:
    chunk = (requested + _HEAD_BYTES + _ALIGNMENT - 1) & -_ALIGNMENT
    return max(chunk, _LEAST_CHUNK)
