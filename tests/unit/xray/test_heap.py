"""The C library's heap as it is followed, held against what is known of glibc's malloc."""

import ctypes
import platform
import subprocess
import sys

import pytest

from synthetic.xray.heap import Heap

# The real one, in a process of its own: the bytes that its first arena holds free, top apart.
REAL = """
import ctypes
libc = ctypes.CDLL(None)
malloc, free, realloc = libc.malloc, libc.free, libc.realloc
malloc.restype = realloc.restype = ctypes.c_void_p
malloc.argtypes, free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
                .split()]
libc.mallinfo2.restype = Info
def free_bytes():
    info = libc.mallinfo2()
    return info.fordblks - info.keepcost
LENGTHS = [3000 + number * 7919 % 5000 for number in range(2000)]
before = free_bytes()
for length in LENGTHS:
    tried, made = malloc(length), malloc(2 * length)
    free(tried)
    realloc(made, 2 * length // 3)
print(free_bytes() - before)
"""


def test_a_gap_is_filled_by_the_next_block_that_fits() -> None:
    heap = Heap()
    first, _ = heap.allocate(5000), heap.allocate(5000)
    assert heap.gap_bytes == 0
    heap.free(first)
    assert heap.gap_bytes == 5008
    assert heap.allocate(2000) == first
    assert heap.gap_bytes == 5008 - 2016
    assert heap.allocate(4000) > first


def test_neighbours_that_are_free_are_one_gap() -> None:
    heap = Heap()
    first, second, third, _ = (heap.allocate(3000) for _ in range(4))
    heap.free(first)
    heap.free(third)
    heap.free(second)
    assert heap.allocate(9000) == first


def test_what_is_cut_off_a_block_is_a_gap() -> None:
    heap = Heap()
    made, _ = heap.allocate(8000), heap.allocate(2000)
    heap.cut(made, 3000)
    assert heap.gap_bytes == 8016 - 3008


def test_seven_small_gaps_of_a_size_are_never_joined() -> None:
    heap = Heap()
    blocks = [heap.allocate(1000) for _ in range(9)]
    heap.allocate(1000)
    for block in blocks:
        heap.free(block)
    assert heap.gap_bytes == 9 * 1008
    assert heap.allocate(2 * 1000) == blocks[7]


def test_a_block_grows_where_it_is_if_what_follows_is_free() -> None:
    heap = Heap()
    first, second, _ = (heap.allocate(3000) for _ in range(3))
    heap.free(second)
    assert heap.grow(first, 5000) == first
    assert heap.grow(first, 50_000) != first


def test_a_large_block_that_goes_makes_the_next_ones_stay_in_the_heap() -> None:
    heap = Heap()
    large = heap.allocate(1_000_000)
    heap.free(large)
    assert heap.gap_bytes == 0  # it had pages of its own
    tables = [heap.allocate(size) for size in (200_000, 400_000, 800_000)]
    heap.free(tables[0])
    heap.free(tables[1])
    assert heap.gap_bytes == pytest.approx(600_000, abs=100)


def test_a_large_free_end_is_given_back() -> None:
    heap = Heap()
    blocks = [heap.allocate(100_000) for _ in range(10)]
    for block in reversed(blocks):
        heap.free(block)
    assert heap.gap_bytes <= 140_000


def test_an_end_that_was_never_written_to_is_no_gap() -> None:
    heap = Heap()
    made = heap.allocate(100_000, written=1000)
    heap.cut(made, 1000)
    assert heap.gap_bytes == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap is followed")
def test_it_does_as_the_real_one() -> None:
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("the C library is older than 2.33, which cannot tell what is free")
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=True)
    heap = Heap()
    for number in range(2000):
        length = 3000 + number * 7919 % 5000
        tried, made = heap.allocate(length), heap.allocate(2 * length)
        heap.free(tried)
        heap.cut(made, 2 * length // 3)
    assert heap.gap_bytes == pytest.approx(int(done.stdout), rel=0.05)
