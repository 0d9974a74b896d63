"""What the workers do not load: one clear line on stderr, and an exit code that says why."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tables = dict[str, list[tuple[Any, ...]]]
RunWorker = Callable[..., subprocess.CompletedProcess[str]]
LoadTables = Callable[..., Tables]
Generated = Callable[..., Path]
Written = Callable[..., Path]

HEAD = '"snapshot_id": "s-1", "player": {"id": 9, "name": "Zoë"}'


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that a failed worker said, which is all that it said."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_a_snapshot_over_the_guard_is_refused_untouched(
    worker_arguments: tuple[str, ...], written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    small = written({})
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"{" * 2000)
    output = tmp_path / "output"

    done = run_worker(*worker_arguments, small, broken, "--max-bytes", 1999, "--output", output)

    assert (done.returncode, done.stdout) == (75, "")
    (line,) = done.stderr.splitlines()
    assert "broken.json: refused: 2000 bytes are more than --max-bytes 1999" in line
    assert not output.exists()


def test_a_snapshot_at_the_guard_is_loaded(
    worker_arguments: tuple[str, ...], written: Written, load_tables: LoadTables, tmp_path: Path
) -> None:
    snapshot = written({})
    guard = ("--max-bytes", snapshot.stat().st_size)

    tables = load_tables(*worker_arguments, snapshot, *guard, output=tmp_path)

    assert tables["snapshots"] == [("s-1", 1, "2024")]


def test_malformed_json_names_the_byte(
    path_arguments: tuple[str, ...], written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    text = f'{{{HEAD}, "troops": [{{"id": 1, "name": "Ἀκτή"}}, {{"id": tru}}]}}'
    snapshot = written(text)
    fault = text.encode().index(b"tru}")

    line = only_line(run_worker(*path_arguments, snapshot, "--output", tmp_path))

    assert f"{snapshot}: " in line
    found = re.search(r"byte (\d+)\)", line)
    assert found
    assert fault <= int(found[1]) <= fault + len("tru}")


def test_malformed_json_far_into_the_file_names_the_byte(
    generated: Generated, run_worker: RunWorker, tmp_path: Path
) -> None:
    text = generated(300_000).read_bytes()
    fault = text.index(b'"lore"', 250_000)
    broken = tmp_path / "broken.json"
    broken.write_bytes(text[:fault] + b"@" + text[fault:])

    line = only_line(run_worker("streaming.py", broken, "--output", tmp_path))

    assert line.endswith(f"(byte {fault})")


def test_a_truncated_file_is_an_error(
    path_arguments: tuple[str, ...], generated: Generated, run_worker: RunWorker, tmp_path: Path
) -> None:
    half = tmp_path / "half.json"
    half.write_bytes(generated(300_000).read_bytes()[:150_000])

    line = only_line(run_worker(*path_arguments, half, "--output", tmp_path))

    found = re.search(r"(?:byte |file of )(\d+)", line)
    assert found
    assert 149_000 < int(found[1]) <= 150_000  # the json module names the beginning of a string


def test_batches_before_the_end_of_a_truncated_file_stay_and_the_whole_repairs_them(
    generated: Generated,
    run_worker: RunWorker,
    load_tables: LoadTables,
    read_tables: Callable[[Path], Tables],
    tmp_path: Path,
) -> None:
    whole = generated(300_000)
    half = tmp_path / "half.json"
    half.write_bytes(whole.read_bytes()[:150_000])
    clean = load_tables("streaming.py", whole, output=tmp_path / "clean")

    run_worker("streaming.py", half, "--output", tmp_path / "repaired")
    partial = read_tables(tmp_path / "repaired")
    repaired = load_tables("streaming.py", whole, output=tmp_path / "repaired")

    assert 0 < len(partial["heroes"]) < len(clean["heroes"])
    assert set(partial["troops"]) == set(clean["troops"])
    assert repaired == clean


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[]", "the document: expected an object", id="array"),
        pytest.param("5", "the document: expected an object", id="number"),
        pytest.param(f'{{{HEAD}, "heroes": {{}}}}', ".heroes: expected an array", id="section"),
        pytest.param(f'{{{HEAD}, "pets": [5]}}', ".pets[0]: expected an object", id="element"),
        pytest.param(
            f'{{{HEAD}, "troops": [{{"id": 1}}, {{"name": "x"}}]}}',
            ".troops[1].id: missing",
            id="element without id",
        ),
        pytest.param(
            f'{{{HEAD}, "heroes": [{{"id": 1, "gear": [{{"id": 2}}, {{"id": null}}]}}]}}',
            ".heroes[0].gear[1].id: missing",
            id="gear with a null id",
        ),
        pytest.param(
            f'{{{HEAD}, "troops": [{{"id": "1"}}]}}',
            ".troops[0].id: expected an integer of 64 bits, not '1'",
            id="id of a wrong type",
        ),
        pytest.param(
            f'{{{HEAD}, "troops": [{{"id": 1, "tags": ["a", 2]}}]}}',
            ".troops[0].tags[1]: expected a string, not 2",
            id="tag of a wrong type",
        ),
        pytest.param('{"snapshot_id": "s-1"}', ".player.id: missing", id="no player"),
        pytest.param('{"player": {"id": 9}}', ".snapshot_id: missing", id="no snapshot id"),
    ],
)
def test_what_is_not_a_hero_snapshot_names_the_place(
    *,
    text: str,
    complaint: str,
    worker_arguments: tuple[str, ...],
    written: Written,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    snapshot = written(text)

    line = only_line(run_worker(*worker_arguments, snapshot, "--output", tmp_path))

    assert f"{snapshot}: {complaint}" in line


def test_text_that_is_not_utf8_is_an_error(
    path_arguments: tuple[str, ...], written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    snapshot = written(b'{"snapshot_id": "\xff", "player": {"id": 9}}')

    assert "UTF" in only_line(run_worker(*path_arguments, snapshot, "--output", tmp_path)).upper()


def test_a_snapshot_that_is_not_there_is_an_error(
    worker_arguments: tuple[str, ...], run_worker: RunWorker, tmp_path: Path
) -> None:
    line = only_line(run_worker(*worker_arguments, tmp_path / "none.json", "--output", tmp_path))

    assert "none.json" in line
    assert not (tmp_path / "heroes.sqlite").exists()


def test_a_file_that_is_no_database_is_an_error(
    worker_arguments: tuple[str, ...], written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    (tmp_path / "heroes.sqlite").write_text("not a database, by far" * 100)

    line = only_line(run_worker(*worker_arguments, written({}), "--output", tmp_path))

    assert "file is not a database" in line


def test_a_batch_size_of_nothing_is_wrong_usage(
    worker_arguments: tuple[str, ...], written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    done = run_worker(*worker_arguments, written({}), "--batch-size", 0, "--output", tmp_path)

    assert done.returncode == 2
    assert "0 is not a number of 1 or more" in done.stderr
