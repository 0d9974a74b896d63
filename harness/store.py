"""Where results are kept: a folder for each invocation, a file for each run, and the baselines."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from harness.claim import OUTPUT, claim, remove_outputs, remove_tree
from harness.core.baseline import OLDEST_SCHEMA as OLDEST_BASELINE
from harness.core.baseline import SCHEMA as BASELINE_SCHEMA
from harness.core.baseline import Baseline
from harness.core.baseline_problems import problems_of as problems_of_baseline
from harness.core.documents import decode_document
from harness.core.encoding import encode_json, lay_out
from harness.core.errors import InputError, NoVerdictError
from harness.core.finding import Finding, Severity, Subject
from harness.core.peaks import Sample
from harness.core.problems import is_name
from harness.core.report import SCHEMA as REPORT_SCHEMA
from harness.core.report import Report
from harness.core.run import Run
from harness.core.verdict import Verdict
from harness.files import publish

REPORT: Final = "report.json"
ANSWER: Final = "answer.json"
LATEST: Final = "latest"
_RUNS: Final = "runs"
_RUN: Final = "run.json"
_BASELINE: Final = "baseline.json"
_TIMELINE: Final = "timeline.json"
_TAIL_CHARACTERS: Final = 4096
_COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(Sample))
# What reading a file of ours can meet where it is gone, cut short or somebody else's.
_UNREADABLE: Final = (OSError, msgspec.MsgspecError, TypeError, ValueError, RecursionError)
_Document = TypeVar("_Document")


class Timelines(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one run, as a table: `columns` names what each row of `samples` holds."""

    schema: int
    columns: tuple[str, ...]
    samples: tuple[tuple[int | float | None, ...], ...]


class Store:
    """One invocation's folder."""

    def __init__(self, folder: Path, *, keep_output: bool = False) -> None:
        """Use `folder`, which is there; workers' output is removed unless it is to be kept."""
        self.folder = folder
        self._keep_output = keep_output

    def output_folder(self, number: int) -> Path:
        """Make and return the folder that run `number` may write to, with ``tmp`` in it.

        Raises:
            NoVerdictError: it cannot be made.

        """
        folder = self._run_folder(number) / OUTPUT
        _make(folder / "tmp")
        return folder

    def _run_folder(self, number: int) -> Path:
        return self.folder / _RUNS / f"{number:03d}"

    def drop_output(self, number: int) -> None:
        """Remove what run `number` wrote, unless output is kept."""
        if self._keep_output:
            return
        remove_tree(self._run_folder(number) / OUTPUT)

    def save_run(self, run: Run, samples: Sequence[Sample]) -> Run:
        """Save a run with its samples and the ends of its streams; return it as it is reported.

        A report holds the last 4,096 characters of each stream; the rest stays in the run's folder.

        Raises:
            NoVerdictError: it could not be saved.

        """
        folder = self._run_folder(run.number)
        _make(folder)
        reported = shortened(run)
        # What counts most comes first: on a full disk the rest may not find room.
        publish(folder / _RUN, encode_json(reported))
        publish(folder / _TIMELINE, _encode_samples(samples))
        publish(folder / "stderr.txt", run.output.stderr_tail.encode())
        publish(folder / "stdout.txt", run.output.stdout_tail.encode())
        return reported

    def keep_baseline(self, baseline: Baseline) -> None:
        """Keep a copy of the baseline that this invocation is held against.

        The report is shown beside it later, when another one may have been accepted.
        """
        with contextlib.suppress(NoVerdictError):  # no result depends on it
            save_baseline(self.folder / _BASELINE, baseline)

    def baseline(self) -> Baseline | None:
        """Return the baseline that this invocation was held against; None where there is none."""
        with contextlib.suppress(InputError):
            return load_baseline(self.folder / _BASELINE)
        return None

    def save_report(self, report: Report) -> None:
        """Save the report of this invocation in place of the one before.

        Raises:
            NoVerdictError: it could not be saved.

        """
        publish(self.folder / REPORT, msgspec.json.format(encode_json(report)))

    def timelines(self, report: Report) -> dict[int, tuple[Sample, ...]]:
        """Return the samples of each run of `report`, those that can be read."""
        found: dict[int, tuple[Sample, ...]] = {}
        for run in report.runs:
            if (samples := self.samples(run)) is not None:
                found[run.number] = samples
        return found

    def samples(self, run: Run) -> tuple[Sample, ...] | None:
        """Return the samples of one run; None where they cannot be read."""
        with contextlib.suppress(*_UNREADABLE):
            return _decode_samples((self._run_folder(run.number) / _TIMELINE).read_bytes())
        return None

    def unreported_runs(self, report: Report) -> tuple[Run, ...]:
        """Return the runs that were saved but are not in `report`: it was killed before its end."""
        known = {run.number for run in report.runs}
        runs: list[Run] = []
        for path in (self.folder / _RUNS).glob(f"*/{_RUN}"):
            with contextlib.suppress(*_UNREADABLE):
                run = msgspec.json.decode(path.read_bytes(), type=Run)
                if run.number not in known:
                    runs.append(run)
        return tuple(sorted(runs, key=lambda run: run.number))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoVerdictError(f"{folder} cannot be made: {error.strerror}") from error


def shortened(run: Run) -> Run:
    """Return a run as a report holds it: with the last 4,096 characters of each stream."""
    output = msgspec.structs.replace(
        run.output,
        stdout_tail=run.output.stdout_tail[-_TAIL_CHARACTERS:],
        stderr_tail=run.output.stderr_tail[-_TAIL_CHARACTERS:],
    )
    return msgspec.structs.replace(run, output=output)


def _encode_samples(samples: Sequence[Sample]) -> bytes:
    rows = tuple(msgspec.structs.astuple(sample) for sample in samples)
    return msgspec.json.encode(Timelines(schema=1, columns=_COLUMNS, samples=rows))


def _decode_samples(data: bytes) -> tuple[Sample, ...]:
    table = msgspec.json.decode(data, type=Timelines)
    rows = (dict(zip(table.columns, row, strict=True)) for row in table.samples)
    return tuple(msgspec.convert(row, Sample) for row in rows)


def new_store(root: Path, name: str, *, keep_output: bool = False) -> Store:
    """Make a new folder for an invocation below `root` and let ``latest`` point to it.

    What the workers of killed invocations wrote there is removed.

    Raises:
        InputError: the folder cannot be made or written to.

    """
    remove_outputs(root)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    folder = _free_folder(root / name / stamp)
    latest = folder.parent / LATEST
    beside = folder.parent / f".{LATEST}.{os.getpid()}"
    with contextlib.suppress(OSError):
        beside.symlink_to(folder.name)
        beside.replace(latest)
    with contextlib.suppress(OSError):
        beside.unlink()  # where `latest` is taken by something else
    store = Store(folder, keep_output=keep_output)
    if not keep_output:
        claim(folder, store)
    return store


def _free_folder(wanted: Path) -> Path:
    """Make the folder `wanted`, or one with a number behind it where that is taken."""
    for count in range(1, 1000):
        folder = wanted if count == 1 else wanted.with_name(f"{wanted.name}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"--out: {folder} cannot be made ({error.strerror}); name a folder that this user "
                "may write to"
            ) from error
        return folder
    raise InputError(f"--out: {wanted} is taken a thousand times; name another folder")


def load_report(path: Path) -> tuple[Report, Store]:
    """Return the report at `path` (its file or its folder), with the store that it lies in.

    A report whose invocation was killed gets the runs that had been saved, and says so.

    Raises:
        InputError: there is none, it is half-written, or its schema is unknown.

    """
    file = path / REPORT if path.is_dir() else path
    report = _load(file, read_report)
    store = Store(file.parent)
    if report.finished:
        return report, store
    return _with_saved_runs(report, store), store


def newest_report(root: Path) -> Path:
    """Return the folder of the newest report below `root`.

    Raises:
        InputError: there is none.

    """
    files = list(root.glob(f"*/*/{REPORT}"))
    if not files:
        raise InputError(f"there is no report in {root} yet; `oomproof run` makes one")
    return max(files, key=lambda file: file.stat().st_mtime_ns).parent


def _with_saved_runs(report: Report, store: Store) -> Report:
    runs = (*report.runs, *store.unreported_runs(report))
    finding = Finding(
        budget=Subject.HARNESS,
        worker="",
        severity=Severity.NO_VERDICT,
        message=f"The invocation ended before its time: {len(runs)} of {report.planned_runs} runs "
        "were saved and nothing was judged.",
        next_step="Run the scenario again.",
    )
    findings = report.findings or (finding,)
    verdict = report.verdict if report.findings else Verdict.NONE
    return msgspec.structs.replace(report, runs=runs, findings=findings, verdict=verdict)


def baseline_path(root: Path, scenario: str) -> Path:
    """Return where the baseline of a scenario lies below `root`.

    Raises:
        InputError: no scenario can have this name, which may lead out of `root`.

    """
    if not is_name(scenario):
        raise InputError(f"{scenario!r} cannot be the name of a scenario; give one without folders")
    return root / f"{scenario}.json"


def load_baseline(path: Path) -> Baseline | None:
    """Return the baseline at `path`, or None where there is none.

    Raises:
        InputError: it is there, but cannot be read as a baseline.

    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return _load(path, read_baseline)


def save_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, laid out and in order so that a change shows as few lines."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    publish(path, lay_out(baseline))


def _load(path: Path, read: Callable[..., _Document]) -> _Document:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return read(data, source=str(path))


def read_report(data: bytes, *, source: str) -> Report:
    """Return the report in `data`; `source` names the file in errors.

    Raises:
        InputError: `data` is no JSON, ends in the middle, is of another schema, or has not the
            form of a report. The message says which, and what to do.

    """
    return decode_document(
        data, Report, source=source, schemas=range(REPORT_SCHEMA, REPORT_SCHEMA + 1)
    )


def read_baseline(data: bytes, *, source: str) -> Baseline:
    """Return the baseline in `data`; raises InputError as `read_report` does.

    So does one that was edited by hand into what no report can have made.
    """
    schemas = range(OLDEST_BASELINE, BASELINE_SCHEMA + 1)
    baseline = decode_document(data, Baseline, source=source, schemas=schemas)
    for problem in problems_of_baseline(baseline):
        raise InputError(
            f"{source}: {problem}; mend it, or make it anew with `oomproof baseline accept`"
        )
    return baseline
