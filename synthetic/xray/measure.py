"""Measures what objects cost on the interpreter that runs this file, and prints that as JSON.

It runs as a program of its own, with any Python from 3.9 on, so it imports the standard library
and the parsers alone. What an object takes up is counted in the pages that thousands like it lie
on, so that nothing of the allocator needs to be known.
"""

import contextlib
import ctypes
import importlib
import json
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from typing import Any

PAGE_BYTES = 4096
PARSERS = {"json": "json", "orjson": "orjson", "msgspec": "msgspec.json"}
MOST_SMALL = 512
STEP = 16
PROBES = 20_000
"""So many keys are tried against one, to see which of them drive it out of a parser's cache."""

_SAMPLE_BYTES = 1_500_000
_WIDTHS = ("a", "\xe9", "\u0416", "\U0001f600")
_LIMBS = 4
_PROBED_KEYS = 700
_PROBED_ELEMENTS = 1200
_LARGEST = 1 << 31
_MISMATCH = 1.08
_MMAP_THRESHOLD = -3

_DEEP = 200_000
_LONG = 20_000
_ODD = {
    "byte order mark": b"\xef\xbb\xbf1",
    "lone surrogate": rb'"\ud800"',
    "infinite number": b"1e999",
}

Loads = Callable[[bytes], Any]


def main() -> None:
    """Print what was measured."""
    keep_large_blocks_apart()
    json.dump(measured(), sys.stdout)


def keep_large_blocks_apart() -> None:
    """Let glibc give every large block back at once, or the next parse would be seen to need less.

    It does so by itself until the first large block was freed (mallopt(3), M_MMAP_THRESHOLD).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 17)


def measured() -> dict[str, Any]:
    """Return the cost model of this interpreter, as a document."""
    first, second = 1 << 0, 1 << (sys.int_info.bits_per_digit * _LIMBS)
    limb = sys.int_info.sizeof_digit
    if sys.getsizeof(second) - sys.getsizeof(first) != limb * _LIMBS:
        raise SystemExit("integers grow in a way that this program does not know")
    return {
        "schema": 1,
        "implementation": sys.implementation.name,
        "python": ".".join(map(str, sys.version_info[:2])),
        "build": build(),
        "text_heads": [sys.getsizeof(c * 9) - 9 * unit for c, unit in _units()],
        "text_units": [unit for _, unit in _units()],
        "integer_head": sys.getsizeof(first) - limb,
        "limb": limb,
        "limb_bits": sys.int_info.bits_per_digit,
        "shared_integers": shared_integers(),
        "float_bytes": sys.getsizeof(1.5),
        "list_bytes": sys.getsizeof([]),
        "dict_bytes": sys.getsizeof({}),
        "blocks": blocks(),
        "parsers": dict(_parsers()),
    }


def build() -> str:
    """Return what else decides an object's size: word, collector, debugging, C library."""
    bits = sys.maxsize.bit_length() + 1
    words = [f"{bits}-bit", platform.libc_ver()[0] or "unknown libc"]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        words.append("free-threaded")
    if hasattr(sys, "gettotalrefcount"):
        words.append("debug")
    return ", ".join(words)


def _units() -> Iterable[tuple[str, int]]:
    for character in _WIDTHS:
        yield character, sys.getsizeof(character * 10) - sys.getsizeof(character * 9)


def blocks() -> list[float]:
    """Return the resident bytes of a block of 16, 32, ... 512 bytes."""
    return [
        round(resident_bytes(_of_size(size), size), 3)
        for size in range(STEP, MOST_SMALL + STEP, STEP)
    ]


def _of_size(size: int) -> Sequence[object]:
    count = _SAMPLE_BYTES // size
    empty = sys.getsizeof(b"")
    if size <= STEP:
        return [object() for _ in range(count)]
    if size < empty:
        return [float(number) for number in range(count)]
    return [bytes(size - empty) for _ in range(count)]


def resident_bytes(objects: Sequence[object], size: int, before: int = 0) -> float:
    """Return the bytes of the pages that objects lie on, for each of them.

    The first half fills what gaps there are, and does not count. `before` are the bytes of an
    object that lie before its address, where the collector's part is.
    """
    half = len(objects) // 2
    begun = _pages(objects[:half], size, before)
    return len(_pages(objects, size, before) - begun) * PAGE_BYTES / (len(objects) - half)


def _pages(objects: Iterable[object], size: int, before: int) -> set[int]:
    pages: set[int] = set()
    for thing in objects:
        start = id(thing) - before
        pages.update(range(start // PAGE_BYTES, (start + size - 1) // PAGE_BYTES + 1))
    return pages


def _parsers() -> Iterable[tuple[str, dict[str, Any]]]:
    for name, module_name in PARSERS.items():
        try:
            module = importlib.import_module(module_name)
            package = importlib.import_module(name)
        except ImportError:
            continue
        loads = module.decode if name == "msgspec" else module.loads
        version = "" if name == "json" else str(getattr(package, "__version__", "unknown"))
        yield name, {"version": version, **parser(loads)}


def parser(loads: Loads) -> dict[str, Any]:
    """Return how a parser makes its objects."""
    per_byte, per_value, per_escaped = transient(loads)
    return {
        "dicts": dicts(loads),
        "lists": lists(loads),
        "shares_ascii": _is_shared(loads, '["a","a"]'),
        "shares_latin_1": _is_shared(loads, '["\xe9","\xe9"]'),
        "wide_integers_are_floats": isinstance(loads(b"18446744073709551616"), float),
        "grows_escaped": grows(loads, r"abc\n" + 43 * "d", "abc-" + 43 * "d"),
        "grows_wide": grows(loads, 10 * "\u044f" + 40 * "a", 50 * "\u044f"),
        "keys": keys(loads),
        "transient_per_byte": per_byte,
        "transient_per_value": per_value,
        "transient_per_escaped": per_escaped,
        "refuses": [name for name, text in _ODD.items() if not _is_taken(loads, text)],
        "deepest": _most(loads, _DEEP, lambda count: b"[" * count + b"]" * count),
        "longest_integer": _most(loads, _LONG, lambda count: b"9" * count),
    }


def _is_taken(loads: Loads, text: bytes) -> bool:
    try:
        loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _most(loads: Loads, bound: int, text_of: Callable[[int], bytes]) -> int:
    """Return the largest count whose text a parser takes; 0 if there is none up to a bound."""
    if _is_taken(loads, text_of(bound)):
        return 0
    low, high = 1, bound
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_taken(loads, text_of(middle)) else (low, middle)
    return low


def _is_shared(loads: Loads, text: str) -> bool:
    first, second = loads(text.encode())
    return first is second


def shared_integers() -> list[int]:
    """Return the least and the greatest integer of which there is one object only."""
    low = next(n for n in range(0, -2000, -1) if not _is_shared(json.loads, f"[{n},{n}]")) + 1
    high = next(n for n in range(3000) if not _is_shared(json.loads, f"[{n},{n}]")) - 1
    return [low, high]


def grows(loads: Loads, text: str, plain: str) -> bool:
    """Whether the string of `text` lies in a larger block than that of as long a `plain` one."""

    def cost(of: str) -> float:
        document = "[" + ",".join([f'"{of}"'] * 4000) + "]"
        strings = loads(document.encode())
        return resident_bytes(strings, sys.getsizeof(strings[0]))

    return cost(text) > cost(plain) * _MISMATCH


def _dict_bytes(loads: Loads, count: int) -> int:
    members = ",".join(f'"k{number}":0' for number in range(count))
    return sys.getsizeof(loads(f"{{{members}}}".encode())) - sys.getsizeof({})


def dicts(loads: Loads) -> list[list[int]]:
    """Return by steps what a dict's table takes up: from so many keys on, so many bytes.

    What is beyond those measured goes on as they do: each table has twice the slots of the one
    before, a slot's index takes 1, 2, 4 or 8 bytes, and two thirds of the slots have entries.
    """
    steps: list[list[int]] = []
    for count in range(_PROBED_KEYS):
        size = _dict_bytes(loads, count)
        if not steps or steps[-1][1] != size:
            steps.append([count, size])
    last, before = steps[-1], steps[-2]
    bits = next(bits for bits in range(3, 20) if (2 << bits) // 3 >= last[0])
    entries, entries_before = (2 << bits) // 3, (2 << bits - 1) // 3
    indices, indices_before = _index_bytes(bits), _index_bytes(bits - 1)
    entry = (last[1] - before[1] - indices + indices_before) // (entries - entries_before)
    head = last[1] - indices - entry * entries
    first_is_below = last[0] <= (1 << bits) // 3
    while last[0] < _LARGEST:
        bits += 1
        low = (1 << bits) // 3
        start = -(-(1 << bits) // 3) if first_is_below else low + 1
        last = [start, head + _index_bytes(bits) + entry * ((2 << bits) // 3)]
        steps.append(last)
    return steps


def _index_bytes(bits: int) -> int:
    return (1 << bits) * (1 if bits < 8 else 2 if bits < 16 else 4 if bits < 32 else 8)


def lists(loads: Loads) -> list[int]:
    """Return the capacities that lists have, or nothing if each is as large as it must be."""
    word = sys.maxsize.bit_length() // 8 + 1
    head = sys.getsizeof([])

    def capacity(count: int) -> int:
        document = f"[{','.join(['0'] * count)}]"
        return (sys.getsizeof(loads(document.encode())) - head) // word

    if all(capacity(count) == count for count in (1, 2, 3, 5, 9, 17, 100, 1001)):
        return []
    capacities = [capacity(1)]
    while capacities[-1] < _PROBED_ELEMENTS:
        capacities.append(capacity(capacities[-1] + 1))
    while capacities[-1] < _LARGEST:
        count = capacities[-1] + 1
        capacities.append((count + (count >> 3) + 6) & ~3)
    return capacities


def keys(loads: Loads) -> dict[str, Any]:
    """Return which keys a parser shares, and which probes drive the first of them out."""

    def is_shared(key: str, *between: str) -> bool:
        names = (key, *between, key)
        document = "[" + ",".join(f'{{"{name}":0}}' for name in names) + "]"
        objects = loads(document.encode())
        return next(iter(objects[0])) is next(iter(objects[-1]))

    lengths = [count for count in (*range(1, 131), 1000) if is_shared("k" * count)]
    evictors = [number for number in range(PROBES) if not is_shared("id", f"k{number}")]
    return {
        "most_bytes": max(lengths, default=0),
        "ascii_only": not is_shared("cl\xe9"),
        "evictors": evictors,
    }


def transient(loads: Loads) -> tuple[int, int, float]:
    """Return what a parser holds beside input and result.

    That is for each byte, for each value, and for each character of the longest string that has
    an escape in it.
    """
    plain = json.dumps("x" * 6_000_000).encode()
    escaped = json.dumps("\n" + "x" * 6_000_000).encode()
    numbers = b"[" + b",".join([b"0"] * 1_000_000) + b"]"
    plain_bytes = _held_bytes(loads, plain)
    per_byte = round(plain_bytes / len(plain))
    per_value = round((_held_bytes(loads, numbers) - per_byte * len(numbers)) / 1_000_000)
    per_escaped = round((_held_bytes(loads, escaped) - plain_bytes) / len(escaped), 1)
    return max(0, per_byte), max(0, per_value), max(0.0, per_escaped)


def _held_bytes(loads: Loads, text: bytes) -> int:
    """Return how far the high-water mark of this process rises above what it holds in the end."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as resets:  # noqa: PTH123  (lean)
        resets.write("5")
    before = _memory_kb("VmHWM")
    value = loads(text)
    held = _memory_kb("VmHWM") - max(before, _memory_kb("VmRSS"))
    del value
    return held * 1024


def _memory_kb(field: str) -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith(field))


if __name__ == "__main__":
    main()
