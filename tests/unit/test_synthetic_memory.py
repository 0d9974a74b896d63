import tracemalloc

from synthetic import generate


def peak_bytes(size_bytes: int) -> int:
    tracemalloc.start()
    try:
        for _ in generate("hero_snapshot", size_bytes=size_bytes, seed=7):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_size() -> None:
    peak_bytes(2_000_000)  # the first run also pays for imports
    assert peak_bytes(20_000_000) < peak_bytes(2_000_000) * 1.1
