"""What `oomproof compare` is given: reports, baselines, or folders of them, read as sides."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.core.comparison import Side, side_of_baseline, side_of_report
from harness.core.errors import InputError
from harness.store import REPORT, load_report, read_baseline


class _Kind(msgspec.Struct, frozen=True):
    """What tells a baseline from a report before either is read."""

    entries: msgspec.Raw = msgspec.Raw()


def load_sides(path: Path) -> tuple[Side, ...]:
    """Return what lies at `path`, one side for each scenario.

    A folder is that of one report, one of baselines, or one with the folders of reports below it,
    as `reports/out` and `reports/out/NAME` are; then the newest report of each scenario is taken.

    Raises:
        InputError: there is nothing that can be compared, or a file of it cannot be read.

    """
    if not path.is_dir():
        return (_load_file(path),)
    if (path / REPORT).exists():
        return (_load_report(path),)
    reports = _newest([*path.glob(f"*/{REPORT}"), *path.glob(f"*/*/{REPORT}")])
    sides = tuple(reports) or tuple(_load_file(file) for file in sorted(path.glob("*.json")))
    if not sides:
        raise InputError(
            f"{path}: there is neither a report nor a baseline in this folder; give one that "
            "`oomproof run` or `oomproof baseline accept` wrote"
        )
    return sides


def _load_file(path: Path) -> Side:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if _is_baseline(data):
        return side_of_baseline(read_baseline(data, source=str(path)), source=str(path))
    return _load_report(path)


def _is_baseline(data: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(data, type=_Kind).entries)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # What is wrong with it is said by what reads reports; of half a baseline that is the same.
        return False


def _load_report(path: Path) -> Side:
    report, _ = load_report(path)
    return side_of_report(report, source=str(path))


def _newest(files: Iterable[Path]) -> Iterable[Side]:
    """Yield the newest report of each scenario, in the order of their names."""
    newest: dict[str, tuple[str, int, Side]] = {}
    for file in {file.resolve(): file for file in sorted(files)}.values():
        report, _ = load_report(file)
        age = (report.started_at, file.stat().st_mtime_ns)
        if report.scenario not in newest or age > newest[report.scenario][:2]:
            side = side_of_report(report, source=str(file.parent))
            newest[report.scenario] = (*age, side)
    return (newest[name][2] for name in sorted(newest))
