"""The search for few units that are enough, with units that are mere numbers."""

import math
from collections.abc import Callable

import pytest

from synthetic.shrinking.search import Search


class Number:
    """A stretch of numbers that is split into halves."""

    def __init__(self, line: "Line", begin: int, end: int) -> None:
        self._line = line
        self._begin = begin
        self._end = end
        self.is_needed = False

    @property
    def cost(self) -> float:
        return float(self._end - self._begin)

    def keep(self, kept: bool, /) -> None:
        for number in range(self._begin, self._end):
            (self._line.kept.add if kept else self._line.kept.discard)(number)

    def split(self) -> "list[Number]":
        if self._end - self._begin == 1:
            return []
        middle = (self._begin + self._end) // 2
        return [
            Number(self._line, self._begin, middle),
            Number(self._line, middle, self._end),
        ]


class Line:
    """Numbers, of which some are enough."""

    def __init__(self, count: int, enough: Callable[[set[int]], bool]) -> None:
        self.kept = set(range(count))
        self._enough = enough
        self.tests = 0
        self.passed = set(self.kept)
        self.search = Search([Number(self, 0, count)], self._test)

    def _test(self) -> bool:
        self.tests += 1
        passes = self._enough(self.kept)
        if passes:
            self.passed = set(self.kept)
        return passes


COUNT = 50_000


@pytest.mark.parametrize("needle", [0, 1, 24_999, 25_000, 31_234, COUNT - 2, COUNT - 1])
def test_one_that_matters_is_found_by_halves(needle: int) -> None:
    line = Line(COUNT, lambda kept: needle in kept)
    assert len(line.search.run()) == 1
    assert line.kept == {needle}
    assert line.tests <= math.ceil(math.log2(COUNT)) + 4


@pytest.mark.parametrize(
    "needles",
    [{10, 49_990}, {0, COUNT - 1}, {25_000, 25_001}, {100, 20_000, 40_000}, {3, 4, 49_999}],
)
def test_several_that_must_all_be_there_are_found(needles: set[int]) -> None:
    line = Line(COUNT, lambda kept: needles <= kept)
    assert len(line.search.run()) == len(needles)
    assert line.kept == needles
    assert line.tests <= len(needles) * (math.ceil(math.log2(COUNT)) + 8)


@pytest.mark.parametrize("least", [1_000, 20_000, 49_000])
def test_of_what_matters_by_its_number_the_smallest_prefix_is_kept(least: int) -> None:
    line = Line(COUNT, lambda kept: len(kept) >= least)
    assert line.search.run() == []
    assert line.search.is_dense
    assert least <= len(line.kept) <= least * 1.01 + 1
    assert line.kept == set(range(len(line.kept)))
    assert line.tests <= 32


def test_what_is_not_needed_at_all_goes_with_one_test() -> None:
    line = Line(COUNT, lambda _kept: True)
    assert line.search.run() == []
    assert line.kept == set()
    assert line.tests == 1


def test_what_is_known_to_be_needed_is_not_searched() -> None:
    line = Line(COUNT, lambda kept: 7 in kept)
    known = Number(line, 7, 8)
    known.is_needed = True
    rest = [Number(line, 0, 7), Number(line, 8, COUNT)]
    assert Search([*rest, known], line.search._test).run() == [known]
    assert line.kept == {7}
    assert line.tests == 1


def test_an_interrupted_search_leaves_what_passed_last() -> None:
    calls = 0

    def enough(kept: set[int]) -> bool:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return {12_345, 40_000} <= kept

    line = Line(COUNT, enough)
    with pytest.raises(KeyboardInterrupt):
        line.search.run()
    assert line.kept == line.passed


@pytest.mark.parametrize("modulus", [2, 3, 7])
def test_where_more_is_not_always_enough_what_is_found_still_passes(modulus: int) -> None:
    line = Line(1000, lambda kept: len(kept) % modulus == 1000 % modulus)
    line.search.run()
    assert line.kept == line.passed
    assert len(line.kept) % modulus == 1000 % modulus


def test_the_costliest_half_is_tried_first() -> None:
    line = Line(1000, lambda kept: 999 in kept)
    giant = Number(line, 0, 900)
    small = [Number(line, number, number + 1) for number in range(900, 1000)]
    tried: list[int] = []

    def test() -> bool:
        tried.append(len(line.kept))
        return 999 in line.kept

    Search([giant, *small], test).run()
    assert tried[:2] == [0, 900]
    assert line.kept == {999}
