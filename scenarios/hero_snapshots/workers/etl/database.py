"""The two databases, both behind the few methods of DB-API 2.0 (PEP 249) that an upsert needs."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .errors import DatabaseError
from .rows import Value
from .tables import TABLES

SQLITE_FILE = "heroes.sqlite"
_SCHEMA = Path(__file__).parents[2] / "schema.sql"

_SQLITE_PRAGMAS = (
    # A kill in the middle of a batch leaves the batches before it: with the write-ahead log and
    # synchronous = NORMAL the file is never corrupt, and a batch costs no fsync of its own.
    # https://www.sqlite.org/pragma.html#pragma_synchronous
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    # Pages cached, in KiB when negative: memory that does not grow with the database.
    "PRAGMA cache_size = -4096",
    "PRAGMA foreign_keys = ON",
)


class _Cursor(Protocol):
    def executemany(self, statement: str, rows: Sequence[tuple[Value, ...]], /) -> Any: ...


class _Connection(Protocol):
    def cursor(self) -> _Cursor: ...
    def commit(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """An open database that has the tables."""

    connection: _Connection
    upserts: Mapping[str, str]

    def upsert(self, table: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Insert the rows, or replace those of the same keys; ``commit`` makes it last."""
        self.connection.cursor().executemany(self.upserts[table], rows)

    def commit(self) -> None:
        """Make everything since the last commit last."""
        self.connection.commit()


@contextmanager
def sqlite_in(folder: Path) -> Iterator[Database]:
    """Open (or make) the SQLite database of an output folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / SQLITE_FILE)) as connection:
            for pragma in _SQLITE_PRAGMAS:
                connection.execute(pragma)
            connection.executescript(_sqlite_schema())
            yield Database(connection=connection, upserts=_upserts("?"))
    except (sqlite3.Error, UnicodeEncodeError) as error:
        raise DatabaseError(f"SQLite in {folder}: {error}") from error


@contextmanager
def postgres_at(dsn: str) -> Iterator[Database]:
    """Connect to a PostgreSQL server, and make the tables if it has none."""
    try:
        import psycopg  # noqa: PLC0415 - 16 MB of memory that only --dsn shall cost
    except ImportError as error:
        raise DatabaseError("--dsn needs psycopg: pip install 'psycopg[binary]'") from error
    try:
        with closing(psycopg.connect(dsn)) as connection:
            connection.execute(_SCHEMA.read_bytes())
            yield Database(connection=connection, upserts=_upserts("%s"))
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise DatabaseError(f"PostgreSQL: {error}") from error


def _sqlite_schema() -> str:
    """Return the schema with each table as one tree, that of its key, instead of two."""
    return _SCHEMA.read_text(encoding="utf-8").replace("\n);", "\n) WITHOUT ROWID;")


def _upserts(placeholder: str) -> dict[str, str]:
    return {table.name: table.upsert(placeholder) for table in TABLES}
