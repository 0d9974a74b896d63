from collections.abc import Callable, Generator, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import PCG64

from synthetic.draws import Dice, DrawStream, raw_source, scaled
from synthetic.filling import fill
from synthetic.hero_pools import HeroSnapshotPools, hero_snapshot_pools
from synthetic.hero_snapshot import _LONGEST_HERO_BYTES, _MOST_IN_HERO, _Heroes
from synthetic.identities import Identities, Table
from synthetic.pools import hundredths, pieces_of, skewed_counts
from synthetic.records import Records
from synthetic.rows import Rows, beside, rows_of

IDENTITIES = Identities(7)


def rows(*texts: list[bytes]) -> Rows:
    pieces = [piece for text in texts for piece in text]
    return Rows(pieces=pieces_of(pieces), lengths=np.array([len(text) for text in texts]))


@pytest.fixture(scope="module")
def pools() -> HeroSnapshotPools:
    return hero_snapshot_pools(7, owners=[1, 2, 3])


def test_numpy_keeps_its_promise() -> None:
    # From numpy's own reference output, numpy/random/tests/data/pcg64-testset-1.csv.
    expected = [0x60D24054E17A0698, 0xD5E79D89856E4F12]
    assert PCG64(0xDEADBEAF).random_raw(2).tolist() == expected
    assert raw_source(7, "lore").random_raw(1).tolist() == [904383349564322095]


def test_draws_do_not_depend_on_how_many_are_taken_at_once() -> None:
    whole = DrawStream(7, "test").rows(8, width=5)
    stream = DrawStream(7, "test")
    parts = np.concatenate([stream.rows(3, width=5), stream.rows(5, width=5)])
    assert whole.tolist() == parts.tolist()


def test_draws_cover_their_range_evenly() -> None:
    draws = scaled(DrawStream(7, "test").rows(40_000, width=1)[:, 0], 10)
    counts = np.bincount(draws, minlength=10)
    assert counts.min() > 3_600
    assert counts.max() < 4_400


def test_purposes_draw_apart() -> None:
    streams = [DrawStream(7, "troops"), DrawStream(7, "pets"), DrawStream(8, "troops")]
    assert len({tuple(stream.rows(1, width=4)[0].tolist()) for stream in streams}) == 3


def test_dice_stay_within_their_limits() -> None:
    dice = Dice(7, "test")
    assert {dice.below(3) for _ in range(200)} == {0, 1, 2}
    assert {dice.between(4, 6) for _ in range(200)} == {4, 5, 6}
    assert {dice.skewed(2) for _ in range(200)} == {0, 1}
    assert max(len(dice.some("abc", limit=2)) for _ in range(200)) == 2


def test_rows_go_beside_one_another() -> None:
    left = rows([b"a"], [], [b"b", b"c"])
    right = rows([b"1", b"2"], [b"3"], [])
    assert beside(left, right, left).texts() == [b"a12a", b"3", b"bcbc"]


def test_rows_are_grouped() -> None:
    grouped = rows([b"a", b"b"], [b"c"], [], [b"d"]).grouped(np.array([0, 2, 0, 2]))
    assert grouped.texts() == [b"", b"abc", b"", b"d"]


def test_columns_make_rows() -> None:
    columns = rows_of([pieces_of([b"a", b"b"]), pieces_of([b"1", b"2"])])
    assert columns.texts() == [b"a1", b"b2"]
    assert columns.joined() == b"a1b2"


@given(
    st.lists(st.lists(st.sampled_from([b"x", b"yy", b""]), max_size=4), min_size=1, max_size=6),
)
def test_beside_is_what_joining_row_by_row_gives(texts: list[list[bytes]]) -> None:
    both = beside(rows(*texts), rows(*reversed(texts)))
    expected = [b"".join(left + right) for left, right in zip(texts, reversed(texts), strict=True)]
    assert both.texts() == expected


def test_groups_have_commas_between_records_only(pools: HeroSnapshotPools) -> None:
    records = Records(Table.SKILL, pools.skill, identities=IDENTITIES, seed=7)
    none, one, three = records.take_groups(np.array([0, 1, 3])).texts()
    assert none == b""
    assert (one.count(b"},{"), three.count(b"},{")) == (0, 2)
    assert one.startswith(b'{"id":')
    assert three.startswith(b'{"id":')


def test_groups_may_all_be_empty(pools: HeroSnapshotPools) -> None:
    records = Records(Table.SKILL, pools.skill, identities=IDENTITIES, seed=7)
    assert records.take_groups(np.array([0, 0])).texts() == [b"", b""]


def test_heroes_do_not_depend_on_how_many_are_taken_at_once(pools: HeroSnapshotPools) -> None:
    whole = _Heroes(pools, identities=IDENTITIES, seed=7).take(20).texts()
    heroes = _Heroes(pools, identities=IDENTITIES, seed=7)
    assert heroes.take(7).texts() + heroes.take(13).texts() == whole


def test_no_hero_can_be_longer_than_the_bound(pools: HeroSnapshotPools) -> None:
    def longest(fields: tuple[np.ndarray, ...]) -> int:
        return sum(max(map(len, pool.tolist())) for pool in fields)

    parts = [longest(fields) for fields in (pools.gear, pools.skill, (pools.sentence,))]
    opening = len(',{"id":') + 20
    most = sum(count * (opening + part) for count, part in zip(_MOST_IN_HERO, parts, strict=True))
    assert most + longest(pools.hero) + 100 <= _LONGEST_HERO_BYTES


def test_ids_rise_and_tables_never_clash() -> None:
    numbers = np.arange(5_000)
    ids = [IDENTITIES.ids(table, numbers).tolist() for table in Table]
    assert all(column == sorted(column) for column in ids)
    assert len({id_ for column in ids for id_ in column}) == len(Table) * len(numbers)


def test_ids_are_written_whole() -> None:
    numbers = np.arange(3_000)
    heads, tails = IDENTITIES.columns(Table.PET, numbers, follows=numbers > 0)
    written = [b"%b%b" % pair for pair in zip(heads.tolist(), tails.tolist(), strict=True)]
    ids = IDENTITIES.ids(Table.PET, numbers).tolist()
    assert written == [
        b'%b{"id":%d' % (b"," if number else b"", id_) for number, id_ in enumerate(ids)
    ]


def test_counts_are_mostly_few() -> None:
    counts = skewed_counts(limit=64)
    assert len(counts) <= 65_536
    assert np.median(counts) == 1
    assert counts.max() == 64


def test_hundredths_keep_two_decimals() -> None:
    assert [hundredths(number) for number in (0, 5, 100, 1234)] == ["0.00", "0.05", "1.00", "12.34"]


def taking(lengths: list[int]) -> Callable[[int], Rows]:
    texts = iter([b"x" * length for length in lengths])

    def take(count: int) -> Rows:
        return rows(*([next(texts)] for _ in range(count)))

    return take


def filled(filling: Generator[bytes, None, int]) -> tuple[bytes, int]:
    left_bytes = []

    def chunks() -> Iterator[bytes]:
        left_bytes.append((yield from filling))

    return b"".join(chunks()), left_bytes[0]


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_filling_keeps_the_same_records_in_any_batches(batch: int) -> None:
    take = taking([40, 10, 90, 20, 5, 30])
    kept, left_bytes = filled(fill(take, batch=batch, budget_bytes=100, slack_bytes=30))
    assert (len(kept), left_bytes) == (75, 25)


def test_nothing_is_taken_for_a_budget_below_the_slack() -> None:
    assert filled(fill(taking([]), batch=1, budget_bytes=29, slack_bytes=30)) == (b"", 29)
