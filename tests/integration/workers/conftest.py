"""Fixtures that run the workers of hero-snapshots as a user would, and read what they leave."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthetic import generate

WORKERS = Path(__file__).parents[3] / "scenarios" / "hero_snapshots" / "workers"

Tables = dict[str, list[tuple[Any, ...]]]

PATHS = {
    "json": ("full_parse.py", "--parser", "json"),
    "orjson": ("full_parse.py", "--parser", "orjson"),
    "msgspec": ("full_parse.py", "--parser", "msgspec"),
    "streaming": ("streaming.py",),
}


@pytest.fixture(params=PATHS)
def path_arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return a worker with its parser: each of the four ways from a snapshot to the tables."""
    return PATHS[request.param]


@pytest.fixture(params=["json", "streaming"])
def worker_arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return one of the two workers, for what does not depend on the parser."""
    return PATHS[request.param]


@pytest.fixture(scope="session")
def worker_command() -> Callable[..., list[str]]:
    """Return the command line of a worker."""

    def command(worker: str, *arguments: object) -> list[str]:
        return [sys.executable, str(WORKERS / worker), *map(str, arguments)]

    return command


@pytest.fixture(scope="session")
def run_worker(
    worker_command: Callable[..., list[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a worker to its end."""

    def run(
        *arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        inherited = {key: value for key, value in os.environ.items() if key != "OOMPROOF_OUTPUT"}
        return subprocess.run(
            worker_command(*arguments),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env=inherited | dict(environment or {}),
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def load_tables(
    run_worker: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., Tables]:
    """Run a worker that must succeed, and return the tables in its output folder."""

    def load(*arguments: object, output: Path) -> Tables:
        done = run_worker(*arguments, "--output", output)
        assert (done.returncode, done.stderr) == (0, "")
        return sqlite_tables(output)

    return load


@pytest.fixture(scope="session")
def read_tables() -> Callable[[Path], Tables]:
    """Return every row of the tables in an output folder, in the order of their keys."""
    return sqlite_tables


def sqlite_tables(output: Path) -> Tables:
    with closing(sqlite3.connect(output / "heroes.sqlite")) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {name: sorted(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}  # noqa: S608


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a synthetic snapshot of a size, made once."""
    folder = tmp_path_factory.mktemp("snapshots")

    def snapshot(size_bytes: int, *, seed: int = 7) -> Path:
        path = folder / f"{size_bytes}-{seed}.json"
        if not path.exists():
            with path.open("wb") as file:
                file.writelines(generate("hero_snapshot", size_bytes=size_bytes, seed=seed))
        return path

    return snapshot


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Return a snapshot with a small player, or just with the text that is given."""

    def write(content: dict[str, Any] | str | bytes) -> Path:
        path = tmp_path / "written.json"
        if isinstance(content, dict):
            head = {"schema": 1, "snapshot_id": "s-1", "exported_at": "2024", "player": {"id": 9}}
            content = json.dumps(head | content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
