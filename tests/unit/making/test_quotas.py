from hypothesis import given
from hypothesis import strategies as st

from synthetic.making.quotas import Quota, Share, Sizes

COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any)


@given(COUNTS, st.data())
def test_all_draws_together_are_exactly_the_counts(counts: list[int], data: st.DataObject) -> None:
    quota = Quota(counts)
    drawn = [0] * len(counts)
    left = sum(counts)
    while left:
        number = data.draw(st.integers(1, left))
        each = quota.draw(number)
        assert sum(each) == number
        assert min(each) >= 0
        drawn = [before + now for before, now in zip(drawn, each, strict=True)]
        left -= number
    assert drawn == counts


@given(COUNTS)
def test_single_draws_are_exact_too(counts: list[int]) -> None:
    quota = Quota(counts)
    drawn = [quota.draw_one_of(range(len(counts))) for _ in range(sum(counts))]
    assert [drawn.count(choice) for choice in range(len(counts))] == counts


def test_draws_of_any_weight_are_near_their_share() -> None:
    quota = Quota([7, 1000, 20_000])
    drawn = [0, 0, 0]
    for _ in range(100):
        drawn = [a + 40 * b for a, b in zip(drawn, quota.draw(52, 40), strict=True)]
    total = sum(drawn)
    for number, count in zip(drawn, (7, 1000, 20_000), strict=True):
        assert abs(number - total * count / 21_007) <= 40


def test_what_heavy_draws_owe_light_ones_settle() -> None:
    quota = Quota([3, 997])
    drawn = [0, 0]
    for weight, number in ((30, 33), (1, 10)):
        drawn = [a + weight * b for a, b in zip(drawn, quota.draw(number, weight), strict=True)]
    assert drawn == [3, 997]


def test_a_favoured_choice_comes_first_but_no_oftener() -> None:
    quota = Quota([1, 9999])
    quota.favour(0)
    assert quota.draw(10) == [1, 9]
    assert quota.draw(9990) == [0, 9990]


def test_shares_add_up() -> None:
    share = Share(3, 7)
    assert sum(share.of(1) for _ in range(700)) == 300


@given(st.integers(0, 100), st.integers(0, 30), st.integers(1, 40), st.data())
def test_sizes_stay_in_their_bin_and_keep_its_total(
    low: int, span: int, count: int, data: st.DataObject
) -> None:
    total = data.draw(st.integers(low * count, (low + span) * count))
    sizes = Sizes(low=low, high=low + span, count=count, total=total)
    first = data.draw(st.integers(0, count))
    taken = [*sizes.take(first), *sizes.take(count - first)]
    assert all(low <= size <= low + span for size in taken)
    assert sum(taken) == total


def test_sizes_are_spread_over_their_bin() -> None:
    sizes = Sizes(low=100, high=200, count=1000, total=150_000).take(1000)
    assert min(sizes) <= 102
    assert max(sizes) >= 198


@given(
    st.integers(0, 90),
    st.integers(1, 70),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 80)), max_size=20),
    st.lists(st.integers(1, 60), max_size=5),
)
def test_shares_dealt_together_are_those_dealt_one_by_one(
    part: int, whole: int, weight: int, bounded: list[tuple[int, int]], before: list[int]
) -> None:
    alone, together = Share(part, whole), Share(part, whole)
    for amount in before:  # so that something is owed
        alone.of(amount, 5, most=amount)
        together.of(amount, 5, most=amount)
    found = together.each([amount for amount, _ in bounded], weight, [most for _, most in bounded])
    assert found == [alone.of(amount, weight, most=most) for amount, most in bounded]
    assert together.of(100) == alone.of(100)
