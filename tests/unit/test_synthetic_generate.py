import hashlib
import itertools
import json
import statistics
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic import SHAPES, UnknownShapeError, generate

REPOSITORY = Path(__file__).parents[2]

# Pinned, so that another numpy, Python or machine that changes the bytes is noticed. A deliberate
# change of the shape changes it: say so in the changelog, for it moves every baseline.
GOLDEN_SHA256 = "00df03926f0df9702f8835dce3e2da87d1bee9072e73d0375a8e08c5c6d753af"


def document(*, size_bytes: int, seed: int = 7) -> bytes:
    return b"".join(generate("hero_snapshot", size_bytes=size_bytes, seed=seed))


def sha256(*, size_bytes: int, seed: int = 7) -> str:
    return hashlib.sha256(document(size_bytes=size_bytes, seed=seed)).hexdigest()


def ids_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "id" in value:
            yield value["id"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from ids_in(item)


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


@pytest.fixture(scope="module")
def five_mb() -> bytes:
    return document(size_bytes=5_000_000)


@pytest.fixture(scope="module")
def snapshot(five_mb: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(five_mb)
    return loaded


def test_shapes_are_named() -> None:
    assert SHAPES[0] == "hero_snapshot"
    assert SHAPES[1:] == tuple(sorted(SHAPES[1:]))


def test_top_level_keys_come_in_the_agreed_order(snapshot: dict[str, Any]) -> None:
    assert list(snapshot) == [
        *("schema", "snapshot_id", "exported_at", "player", "troops", "pets", "heroes")
    ]


@pytest.mark.parametrize(
    ("table", "types"),
    [
        ("troops", {"id": int, "name": str, "kind": str, "level": int, "power": float}),
        ("troops", {"count": int, "stats": dict, "tags": list}),
        ("pets", {"id": int, "name": str, "species": str, "level": int, "bond": float}),
        ("pets", {"owner_hero": int | None, "traits": list}),
        ("heroes", {"id": int, "name": str, "class": str, "level": int, "xp": int}),
        ("heroes", {"power": float, "lore": str, "gear": list, "skills": list}),
        ("gear", {"id": int, "slot": str, "item": str, "rarity": str, "level": int}),
        ("gear", {"durability": float, "stats": dict, "sockets": list}),
        ("skills", {"id": int, "name": str, "rank": int}),
    ],
)
def test_records_have_the_fields_that_workers_use(
    snapshot: dict[str, Any], table: str, types: dict[str, type]
) -> None:
    records = snapshot.get(table) or [row for hero in snapshot["heroes"] for row in hero[table]]
    assert records
    for record in records:
        for key, type_ in types.items():
            assert isinstance(record[key], type_), (key, record)


def test_the_player_has_the_fields_that_workers_use() -> None:
    players = [json.loads(document(size_bytes=5_000, seed=seed))["player"] for seed in range(10)]
    assert all(type(player["id"]) is int and type(player["level"]) is int for player in players)
    assert {type(player["guild"]) for player in players} == {str, type(None)}


@settings(max_examples=20, deadline=None)
@given(size_bytes=st.integers(5_000, 1_000_000), seed=st.integers(0, 2**80))
def test_any_size_and_seed_is_valid_json_of_exactly_that_size(size_bytes: int, seed: int) -> None:
    text = document(size_bytes=size_bytes, seed=seed)
    assert len(text) == size_bytes
    snapshot = json.loads(text)
    ids = list(ids_in(snapshot))
    assert len(set(ids)) == len(ids)
    heroes = {hero["id"] for hero in snapshot["heroes"]}
    assert {pet["owner_hero"] for pet in snapshot["pets"]} <= heroes | {None}


@pytest.mark.parametrize("size_bytes", [10_000, 100_000, 1_000_000, 20_000_000])
def test_chunks_add_up_to_the_size_and_stay_small(size_bytes: int) -> None:
    lengths = [len(chunk) for chunk in generate("hero_snapshot", size_bytes=size_bytes, seed=1)]
    assert sum(lengths) == size_bytes
    assert min(lengths) > 0
    assert max(lengths) <= 1_100_000


def test_the_smallest_document_is_whole_and_one_byte_less_is_refused() -> None:
    with pytest.raises(ValueError, match="size_bytes: 10 is too small") as refusal:
        generate("hero_snapshot", size_bytes=10, seed=7)
    smallest = int(str(refusal.value).split()[-2])
    snapshot = json.loads(document(size_bytes=smallest))
    assert [len(snapshot[table]) for table in ("troops", "pets", "heroes")] == [1, 1, 1]
    with pytest.raises(ValueError, match=f"the smallest is {smallest} bytes"):
        generate("hero_snapshot", size_bytes=smallest - 1, seed=7)


def test_an_unknown_shape_is_refused_at_once() -> None:
    with pytest.raises(UnknownShapeError, match=r'"villain".*hero_snapshot'):
        generate("villain", size_bytes=10_000, seed=7)


def test_a_negative_seed_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="seed: -1 is negative"):
        generate("hero_snapshot", size_bytes=10_000, seed=-1)


def test_bytes_are_pinned() -> None:
    assert sha256(size_bytes=1_000_000) == GOLDEN_SHA256


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    assert sha256(size_bytes=100_000) == sha256(size_bytes=100_000)
    assert len({sha256(size_bytes=100_000, seed=seed) for seed in range(8)}) == 8


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_seed_of_python_hashes_changes_nothing(hash_seed: str) -> None:
    program = (
        "import hashlib, synthetic; chunks = synthetic.generate('hero_snapshot', size_bytes=10**6,"
        "seed=7); print(hashlib.sha256(b''.join(chunks)).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={"PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == GOLDEN_SHA256


def test_every_id_is_distinct(snapshot: dict[str, Any]) -> None:
    ids = list(ids_in(snapshot))
    assert len(ids) > 10_000
    assert len(set(ids)) == len(ids)


def test_names_need_one_two_and_four_bytes_a_character(snapshot: dict[str, Any]) -> None:
    widest = [max(hero["name"]) for hero in snapshot["heroes"]]
    for low, high in itertools.pairwise(("\x80", "\u0100", "\U00010000", "\U0010ffff")):
        assert sum(low <= character < high for character in widest) > len(widest) / 50


def test_text_is_not_escaped(five_mb: bytes, snapshot: dict[str, Any]) -> None:
    assert b"\\" not in five_mb
    assert b"\n" not in five_mb
    assert all(text.isprintable() or "\u200d" in text for text in strings_in(snapshot))


def test_gzip_finds_little_that_repeats(five_mb: bytes) -> None:
    assert len(five_mb) / len(zlib.compress(five_mb, 6)) <= 8


def test_no_record_comes_twice_under_another_id(snapshot: dict[str, Any]) -> None:
    gear = [item for hero in snapshot["heroes"] for item in hero["gear"]]
    for records in (snapshot["troops"], snapshot["pets"], snapshot["heroes"], gear):
        contents = {json.dumps(record | {"id": None}) for record in records}
        assert len(contents) == len(records)


def test_counts_are_skewed(snapshot: dict[str, Any]) -> None:
    gear = [len(hero["gear"]) for hero in snapshot["heroes"]]
    assert statistics.median(gear) <= 3
    assert max(gear) >= 24
    assert len(snapshot["troops"]) > len(snapshot["pets"]) > 500


def test_heroes_are_most_of_the_bytes(five_mb: bytes) -> None:
    heroes = five_mb.index(b'"heroes":[')
    assert 0.5 < (len(five_mb) - heroes) / len(five_mb) < 0.7
