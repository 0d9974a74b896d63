"""The workers' command lines, which differ only in how they read a snapshot."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .database import Database, postgres_at, sqlite_in
from .errors import RefusedError, SnapshotError, WorkerError
from .loading import Snapshot, load


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What the command line asks for, whichever worker it is for."""

    snapshots: tuple[Path, ...]
    output: Path
    batch_size: int
    dsn: str | None
    max_bytes: int | None


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all workers have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("snapshots", metavar="SNAPSHOT", nargs="+", type=Path)
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get("OOMPROOF_OUTPUT", ".")),
        help="folder of heroes.sqlite (default: $OOMPROOF_OUTPUT, else the current folder)",
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=positive,
        default=100,
        help="rows of a table that wait in memory to be upserted together (default: 100)",
    )
    parser.add_argument("--dsn", help="write to this PostgreSQL database instead of SQLite")
    parser.add_argument(
        "--max-bytes",
        metavar="N",
        type=positive,
        help="refuse a larger snapshot with exit code 75, before anything is read",
    )
    return parser


def job_of(options: argparse.Namespace) -> Job:
    """Return what the parsed options ask for."""
    return Job(
        snapshots=tuple(options.snapshots),
        output=options.output,
        batch_size=options.batch_size,
        dsn=options.dsn,
        max_bytes=options.max_bytes,
    )


def run(job: Job, *, read: Callable[[Path], Snapshot]) -> int:
    """Load every snapshot in order, and return the exit code; errors are one line on stderr."""
    try:
        _guard(job)
        with _database(job) as database:
            for path in job.snapshots:
                _load(path, read=read, database=database, batch_size=job.batch_size)
    except (WorkerError, OSError) as error:
        print(f"{Path(sys.argv[0]).name}: {_one_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, WorkerError) else 1
    return 0


def _guard(job: Job) -> None:
    for path in job.snapshots:
        size_bytes = path.stat().st_size
        if job.max_bytes is not None and size_bytes > job.max_bytes:
            raise RefusedError(
                f"{path}: refused: {size_bytes} bytes are more than --max-bytes {job.max_bytes};"
                " quarantine it, or give it to a worker with more memory"
            )


def _database(job: Job) -> AbstractContextManager[Database]:
    return sqlite_in(job.output) if job.dsn is None else postgres_at(job.dsn)


def _load(
    path: Path, *, read: Callable[[Path], Snapshot], database: Database, batch_size: int
) -> None:
    try:
        loaded = load(read(path), database=database, batch_size=batch_size)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    print(loaded.summary(), flush=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def positive(text: str) -> int:
    """Return the number of an option that needs 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a number of 1 or more")
    return number
