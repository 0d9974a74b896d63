"""What was alive each time that a worker opened a snapshot: the pass that names a leak's line."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from harness.core.case import Case
from harness.core.retention import Alive
from harness.profilers.instrument import Choice, Instrument
from harness.profilers.processes import Rows, data_of, processes_in, sites_of
from harness.profilers.reading import reading_of
from harness.sandbox.contract import Order
from harness.sandbox.opens import Turn

_TABLE: Final = re.compile(r"(process-.+)\.opening-\d+\.json")
_UNREADABLE: Final = (OSError, msgspec.MsgspecError, ValueError, RecursionError)


class OpeningsInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """tracemalloc with a table for each opening of a snapshot, written to `folder`."""

    folder: Path

    def change(self, order: Order) -> Order:
        """Return the order of the profiled pass, and make the folder that it writes to.

        Raises:
            NoVerdictError: the folder cannot be made.

        """
        changed = Instrument(folder=self.folder, choice=Choice.TRACEMALLOC).change(order)
        paths = dict.fromkeys(snapshot.path for snapshot in order.snapshots)
        environment = {**changed.environment, "OOMPROOF_OPENINGS": "\n".join(paths)}
        return msgspec.structs.replace(changed, environment=environment)


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    at_s: float
    file: int
    bytes: int
    sites: Rows


def alive_at_openings(folder: Path, case: Case) -> tuple[Alive, ...] | str:
    """Return what was alive after each snapshot, or the reason why nothing is known.

    Of several processes the one that opened most of them counts.
    """
    tables: dict[str, list[_Table]] = defaultdict(list)
    for path in sorted(folder.glob("*.opening-*.json")):
        match = _TABLE.fullmatch(path.name)
        table = _read(path) if match else None
        if match is not None and table is not None:
            tables[match[1]].append(table)
    if not tables:
        return _why_nothing(folder)
    most = max(tables.values(), key=len)
    return tuple(_in_turn(sorted(most, key=lambda table: table.at_s), case))


def _read(path: Path) -> _Table | None:
    try:
        return msgspec.json.decode(data_of(path), type=_Table)
    except _UNREADABLE:
        return None


def _why_nothing(folder: Path) -> str:
    processes = processes_in(folder)
    if not processes:
        return "no Python process of the worker said that it had begun"
    reasons = "; ".join(dict.fromkeys(reason for one in processes for reason in one.reasons))
    return reasons or "its Python opened none of the snapshots itself"


def _in_turn(tables: Iterable[_Table], case: Case) -> Iterator[Alive]:
    """Yield what was alive when each snapshot but the first was opened for the first time."""
    paths = list(dict.fromkeys(snapshot.path for snapshot in case.snapshots))
    turn = Turn([paths.index(snapshot.path) for snapshot in case.snapshots])
    before: int | None = None
    for table in tables:
        turn.opened(table.file)
        if turn.index is not None and turn.index != before and turn.index > 0:
            made = reading_of(sites_of(table.sites))
            yield Alive(index=turn.index - 1, bytes=table.bytes, sites=made.sites)
        before = turn.index
