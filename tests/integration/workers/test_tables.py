"""Every path through the workers leaves the same tables, and they hold what the snapshot says."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Tables = dict[str, list[tuple[Any, ...]]]
RunWorker = Callable[..., subprocess.CompletedProcess[str]]
LoadTables = Callable[..., Tables]
Generated = Callable[..., Path]
Written = Callable[..., Path]

SIZE_BYTES = 2_000_000


@pytest.fixture(scope="module")
def streamed(
    generated: Generated, load_tables: LoadTables, tmp_path_factory: pytest.TempPathFactory
) -> Tables:
    output = tmp_path_factory.mktemp("streamed")
    return load_tables("streaming.py", generated(SIZE_BYTES), output=output)


def counted(document: dict[str, Any]) -> dict[str, int]:
    gear = [item for hero in document["heroes"] for item in hero["gear"]]
    return {
        "snapshots": 1,
        "players": 1,
        "troops": len(document["troops"]),
        "troop_tags": sum(len(troop["tags"]) for troop in document["troops"]),
        "pets": len(document["pets"]),
        "pet_traits": sum(len(pet["traits"]) for pet in document["pets"]),
        "heroes": len(document["heroes"]),
        "gear": len(gear),
        "gear_stats": sum(len(item["stats"]) for item in gear),
        "gear_sockets": sum(len(item["sockets"]) for item in gear),
        "skills": sum(len(hero["skills"]) for hero in document["heroes"]),
    }


def test_every_path_leaves_identical_tables(
    path_arguments: tuple[str, ...],
    generated: Generated,
    load_tables: LoadTables,
    streamed: Tables,
    tmp_path: Path,
) -> None:
    tables = load_tables(*path_arguments, generated(SIZE_BYTES), output=tmp_path)

    assert tables == streamed


def test_there_is_a_row_for_every_element(generated: Generated, streamed: Tables) -> None:
    document = json.loads(generated(SIZE_BYTES).read_bytes())

    row_counts = {table: len(rows) for table, rows in streamed.items()}

    assert row_counts == counted(document)
    assert sum(row_counts.values()) > 10_000
    assert all(row_counts.values())


def test_rows_hold_what_the_snapshot_says(generated: Generated, streamed: Tables) -> None:
    document = json.loads(generated(SIZE_BYTES).read_bytes())
    id_ = document["snapshot_id"]
    troop, pet = document["troops"][5], document["pets"][5]
    hero = next(hero for hero in document["heroes"] if hero["gear"] and hero["skills"])
    gear, skill = hero["gear"][0], hero["skills"][0]
    player, stats = document["player"], troop["stats"]

    def columns(element: dict[str, Any], names: str) -> list[Any]:
        return [element[name] for name in names.split()]

    assert streamed["snapshots"] == [(id_, 1, document["exported_at"])]
    assert streamed["players"] == [(id_, *columns(player, "id name level guild"))]
    troop_columns = columns(troop, "id name kind level power count")
    assert (id_, *troop_columns, *columns(stats, "hp attack defense")) in streamed["troops"]
    pet_columns = columns(pet, "id name species level bond owner_hero")
    assert (id_, *pet_columns) in streamed["pets"]
    hero_columns = columns(hero, "id name class level xp power lore")
    assert (id_, *hero_columns) in streamed["heroes"]
    gear_columns = columns(gear, "id slot item rarity level durability")
    assert (id_, hero["id"], *gear_columns) in streamed["gear"]
    for stat, value in gear["stats"].items():
        assert (id_, hero["id"], gear["id"], stat, value) in streamed["gear_stats"]
    assert (id_, hero["id"], *columns(skill, "id name rank")) in streamed["skills"]


def test_tags_traits_and_sockets_keep_their_order(
    worker_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    sockets = [None, {"gem": "ruby", "grade": 2}]
    snapshot = written(
        {
            "troops": [{"id": 1, "tags": ["undead", "cursed"]}],
            "pets": [{"id": 2, "traits": ["swift", "loyal"]}],
            "heroes": [{"id": 3, "gear": [{"id": 4, "sockets": sockets}]}],
        }
    )

    tables = load_tables(*worker_arguments, snapshot, output=tmp_path)

    assert tables["troop_tags"] == [("s-1", 1, 0, "undead"), ("s-1", 1, 1, "cursed")]
    assert tables["pet_traits"] == [("s-1", 2, 0, "swift"), ("s-1", 2, 1, "loyal")]
    assert tables["gear_sockets"] == [("s-1", 3, 4, 0, None, None), ("s-1", 3, 4, 1, "ruby", 2)]


def test_a_replay_changes_nothing(
    path_arguments: tuple[str, ...],
    generated: Generated,
    load_tables: LoadTables,
    streamed: Tables,
    tmp_path: Path,
) -> None:
    snapshot = generated(SIZE_BYTES)

    load_tables(*path_arguments, snapshot, output=tmp_path)
    replayed = load_tables(*path_arguments, snapshot, snapshot, output=tmp_path)

    assert replayed == streamed


def test_a_kill_leaves_a_sound_database_that_a_replay_completes(
    worker_command: Callable[..., list[str]],
    generated: Generated,
    load_tables: LoadTables,
    streamed: Tables,
    tmp_path: Path,
) -> None:
    snapshot = generated(SIZE_BYTES)
    log = tmp_path / "heroes.sqlite-wal"
    with subprocess.Popen(worker_command("streaming.py", snapshot, "--output", tmp_path)) as worker:
        while worker.poll() is None and not (log.exists() and log.stat().st_size > 500_000):
            pass
        worker.kill()
    assert worker.returncode == -signal.SIGKILL

    with closing(sqlite3.connect(tmp_path / "heroes.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        (kept,) = connection.execute("SELECT count(*) FROM troops").fetchone()
    assert 0 < kept <= len(streamed["troops"])

    assert load_tables("streaming.py", snapshot, output=tmp_path) == streamed


def test_a_changed_element_is_replaced(
    worker_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    load_tables(*worker_arguments, written({"troops": [{"id": 1, "level": 4}]}), output=tmp_path)

    changed = written({"troops": [{"id": 1, "level": 5}]})
    tables = load_tables(*worker_arguments, changed, output=tmp_path)

    assert [row[:5] for row in tables["troops"]] == [("s-1", 1, None, None, 5)]


def test_an_element_that_is_gone_keeps_its_row(
    worker_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    load_tables(*worker_arguments, written({"pets": [{"id": 1}, {"id": 2}]}), output=tmp_path)

    tables = load_tables(*worker_arguments, written({"pets": [{"id": 2}]}), output=tmp_path)

    assert [row[1] for row in tables["pets"]] == [1, 2]


@pytest.mark.parametrize("batch_size", [1, 100, 10_000])
@pytest.mark.parametrize("worker", ["full_parse.py", "streaming.py"])
def test_the_batch_size_does_not_show(
    worker: str, batch_size: int, generated: Generated, load_tables: LoadTables, tmp_path: Path
) -> None:
    snapshot = generated(300_000)
    usual = load_tables("streaming.py", snapshot, output=tmp_path / "usual")

    tables = load_tables(worker, snapshot, "--batch-size", batch_size, output=tmp_path / "other")

    assert tables == usual


def test_several_snapshots_are_loaded_in_one_process(
    worker_arguments: tuple[str, ...],
    generated: Generated,
    run_worker: RunWorker,
    read_tables: Callable[[Path], Tables],
    tmp_path: Path,
) -> None:
    snapshots = [generated(100_000), generated(200_000, seed=8)]

    done = run_worker(*worker_arguments, *snapshots, "--output", tmp_path)

    documents = [json.loads(snapshot.read_bytes()) for snapshot in snapshots]
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [each["snapshot_id"] for each in documents]
    for line, document in zip(lines, documents, strict=True):
        for table, count in counted(document).items():
            assert f" {table}={count}" in line
    assert len(read_tables(tmp_path)["snapshots"]) == 2


def test_unicode_is_intact(
    path_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    names = ["Zoë", "Αχιλλέας", "𠮷野 🧙‍♀️", 'a "b" \\ /\n\t', "\u2028\x7f", "e\u0301", "\x01"]
    troops = [{"id": id_, "name": name} for id_, name in enumerate(names)]
    # json.dumps writes \uXXXX for all of them, in pairs of surrogates where it must.
    escaped = written({"troops": troops})
    tables = load_tables(*path_arguments, escaped, output=tmp_path / "escaped")
    assert [row[2] for row in tables["troops"]] == names

    document = json.loads(escaped.read_bytes())
    plain = written(json.dumps(document, ensure_ascii=False))
    assert load_tables(*path_arguments, plain, output=tmp_path / "plain") == tables


def test_the_order_of_keys_does_not_matter(
    worker_arguments: tuple[str, ...],
    generated: Generated,
    written: Written,
    load_tables: LoadTables,
    tmp_path: Path,
) -> None:
    snapshot = generated(300_000)
    usual = load_tables(*worker_arguments, snapshot, output=tmp_path / "usual")
    document = json.loads(snapshot.read_bytes())
    backwards = {key: document[key] for key in reversed(document)}
    backwards["heroes"] = [dict(reversed(hero.items())) for hero in document["heroes"]]

    reordered = written(json.dumps(backwards))
    tables = load_tables(*worker_arguments, reordered, output=tmp_path / "other")

    assert tables == usual


def test_what_is_unknown_missing_or_null_is_no_error(
    path_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    snapshot = written(
        {
            "heroes.item": {"id": 99, "heroes": [{"id": 98}]},
            "": {"heroes": [{"id": 97}], "player": {"id": 96}},
            "season": {"troops": [{"no": "id"}], "numbers": [1, 2.5, None, True]},
            "pets": None,
            "heroes": [
                {"id": 1, "gear": None, "mount": {"id": 5}},
                {"id": 2, "power": 5, "gear": [{"id": 7, "stats": {"luck": None}}], "skills": []},
                {"id": 3, "gear": [{"id": 7, "sockets": None}]},
            ],
        }
    )

    tables = load_tables(*path_arguments, snapshot, output=tmp_path)

    assert tables["players"] == [("s-1", 9, None, None, None)]
    assert [row[1] for row in tables["heroes"]] == [1, 2, 3]
    assert [row[6] for row in tables["heroes"]] == [None, 5.0, None]
    assert [row[1:3] for row in tables["gear"]] == [(2, 7), (3, 7)]
    assert tables["gear_stats"] == [("s-1", 2, 7, "luck", None)]
    assert not tables["troops"]
    assert not tables["pets"]


def test_output_goes_where_the_harness_says(
    written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    snapshot, told = written({}), tmp_path / "told"

    run_worker("streaming.py", snapshot, environment={"OOMPROOF_OUTPUT": str(told)}, cwd=tmp_path)
    assert [path.name for path in told.iterdir()] == ["heroes.sqlite"]
    assert not (tmp_path / "heroes.sqlite").exists()

    run_worker("streaming.py", snapshot, cwd=tmp_path)
    assert (tmp_path / "heroes.sqlite").exists()
