"""Filling: random bits into the holes of templates, and counted ones into those of keys."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from synthetic.draws import raw_source
from synthetic.making.holes import DIGITS_OF_KEYS, Bytes, Runs, Template

_ODD: Final = 0x9E3779B97F4A7C15
_ODD_AGAIN: Final = 0xBF58476D1CE4E5B9


class Filler:
    """Fills templates; what it has filled before decides what comes next."""

    def __init__(self, seed: int, purpose: str = "document") -> None:
        """Draw from the seed; keys made for another purpose hardly ever are the same."""
        self._source = raw_source(seed, f"holes of {purpose}")
        self._first = np.uint64(int(raw_source(seed, f"keys of {purpose}").random_raw(1)[0]))
        self._counts: dict[tuple[int, ...], int] = {}

    def fill(self, template: Template, start: int, end: int) -> bytes:
        """Return the bytes of a template from `start` to `end`."""
        length = end - start
        words = self._source.random_raw(length + 7 >> 3).astype("<u8", copy=False)
        filled: Bytes = words.view(np.uint8)[:length]
        np.bitwise_and(filled, template.masks[start:end], out=filled)
        np.add(filled, template.bases[start:end], out=filled)
        for runs in template.runs:
            self._count(filled, runs, start, end)
        return filled.tobytes()

    def fill_text(self, text: bytes, *, has_keys: bool) -> bytes:
        """Return a text with its holes filled, for texts used once."""
        template = Template(text, has_keys=has_keys)
        return self.fill(template, 0, len(template))

    def fill_texts(self, texts: Sequence[bytes], *, has_keys: bool = False) -> list[bytes]:
        """Return each of the texts filled."""
        filled = self.fill_text(b"".join(texts), has_keys=has_keys)
        ends = list(itertools.accumulate(map(len, texts)))
        return [filled[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def keys(self, template: bytes, numbers: Sequence[int]) -> list[bytes]:
        """Return the keys that a template has by numbers: below its capacity, all different."""
        whole = Template(template, has_keys=True)
        each = np.array(numbers, np.uint64)
        filled = np.tile(whole.bases, (len(each), 1))
        for place in whole.masks.nonzero()[0].tolist():
            bits = each * np.uint64(_ODD | place << 1) >> np.uint64(56)
            filled[:, place] += bits.astype(np.uint8) & whole.masks[place]
        for runs in whole.runs:
            filled[:, runs.places[:, 0]] = _digits(each + self._first, runs).T
        text, length = filled.tobytes(), len(template)
        return [text[at : at + length] for at in range(0, len(text), length)]

    def _count(self, filled: Bytes, runs: Runs, start: int, end: int) -> None:
        """Fill the holes of keys of one pattern, of those that are in the part."""
        firsts = runs.places[0]
        low = int(firsts.searchsorted(start)) if start else 0
        high = int(firsts.searchsorted(end))
        if low == high:
            return
        own = runs.places[:, low:high].astype(np.intp)
        own -= start
        count = self._counts.get(runs.pattern, 0)
        self._counts[runs.pattern] = count + high - low
        numbers = np.arange(count, count + high - low, dtype=np.uint64) + self._first
        filled[own] = _digits(numbers, runs)


def _digits(numbers: np.ndarray, runs: Runs) -> Bytes:
    """Return what stands in the holes of keys by numbers: a row for each hole."""
    digits = _mixed(numbers, runs.bits) >> runs.shifts
    digits &= runs.masks
    digits += runs.firsts
    return DIGITS_OF_KEYS.take(digits.astype(np.intp))


def _mixed(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Return other numbers of so many bits, different ones of different ones."""
    mask = np.uint64((1 << bits) - 1)
    mixed = numbers * np.uint64(_ODD) & mask
    mixed ^= mixed >> np.uint64(bits // 2 + 1)
    mixed = mixed * np.uint64(_ODD_AGAIN) & mask
    return mixed ^ (mixed >> np.uint64(bits // 2 + 1))
