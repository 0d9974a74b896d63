"""The table from hashes to numbers finds what was put in, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthetic.scan.node_table import NodeTable

TOP = 1 << 63
# Many that want the same slot, at the end of the table as well, and others.
hashes = st.one_of(
    st.integers(0, 50), st.integers(2 * TOP - 50, 2 * TOP - 1), st.integers(0, 2 * TOP - 1)
)


@given(st.lists(st.lists(hashes, max_size=40), max_size=8), st.lists(hashes, max_size=20))
def test_each_hash_has_the_number_that_it_was_put_in_with(
    batches: list[list[int]], others: list[int]
) -> None:
    table = NodeTable()
    known: dict[int, int] = {}
    for batch in batches:
        new = [hash_ for hash_ in dict.fromkeys(batch) if hash_ not in known]
        numbers = range(len(known), len(known) + len(new))
        table.add_all(np.array(new, np.uint64), np.array(numbers, np.intp))
        known.update(zip(new, numbers, strict=True))
    asked = [*known, *others]
    expected = [known.get(hash_, -1) for hash_ in asked]
    assert table.find(np.array(asked, np.uint64)).tolist() == expected
    assert [table.get(hash_) for hash_ in asked] == expected
    assert len(table) == len(known)


def test_it_grows_with_what_is_put_in() -> None:
    table = NodeTable()
    hashes = np.arange(1, 30_001, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for start in range(0, 30_000, 7_000):
        part = hashes[start : start + 7_000]
        table.add_all(part, np.arange(start, start + len(part)))
    assert table.find(hashes).tolist() == [*range(30_000)]
    assert table.find(hashes + np.uint64(1)).max() == -1
