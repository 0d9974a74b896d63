"""The history's file: a line of JSON a case and commit, added to and never rewritten."""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from harness.core.baseline_problems import entry_problems
from harness.core.encoding import encode_json
from harness.core.errors import InputError, NoVerdictError
from harness.core.history import SCHEMA, Commit, HistoryLine
from harness.core.scenario import explain

_GIT_S: Final = 20
# Where there is no git: what the CI systems say. GitHub, GitLab, Jenkins, CircleCI, Buildkite,
# Bitbucket, Azure, Travis, Drone and Woodpecker, TeamCity, AWS CodeBuild.
_VARIABLES: Final = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "CIRCLE_SHA1",
    "BUILDKITE_COMMIT",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "TRAVIS_COMMIT",
    "DRONE_COMMIT_SHA",
    "BUILD_VCS_NUMBER",
    "CODEBUILD_RESOLVED_SOURCE_VERSION",
)


def commit_at(folder: Path, environment: Mapping[str, str]) -> Commit:
    """Return the commit that is checked out at `folder`, or the one that a CI system names."""
    if found := _git(folder, "rev-parse", "--verify", "HEAD"):
        status = _git(folder, "status", "--porcelain", "--untracked-files=no")
        return Commit(id=found.strip(), is_dirty=bool(status and status.strip()))
    named = (environment.get(variable, "").strip() for variable in _VARIABLES)
    return Commit(id=next(filter(None, named), ""))


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says of a folder; None where there is no git, or no repository of ours."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", "-C", folder, *words],
            capture_output=True,
            timeout=_GIT_S,
            check=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
        return done.stdout.decode("utf-8", "replace")
    return None


def check_history(path: Path) -> None:
    """Check, before any work is done for it, that lines can be added to `path`, and make it.

    Raises:
        InputError: they cannot.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise InputError(f"--history: {path} cannot be added to: {error.strerror}") from error


def add_lines(path: Path, lines: Iterable[HistoryLine]) -> None:
    """Add lines to the end of `path`, all of them by one write.

    Several programs may do so at once. Killed in the middle, one leaves a part of a line at most,
    and whoever adds next begins a new one.

    Raises:
        NoVerdictError: they could not be written.

    """
    data = b"".join(encode_json(line) + b"\n" for line in lines)
    try:
        # Not closed before it is on the disk, and not shared while it is looked at.
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _write(file.fileno(), _break_before(file.fileno()) + data)
            os.fsync(file.fileno())
    except OSError as error:
        raise NoVerdictError(f"{path} cannot be added to: {error.strerror}") from error


def _break_before(fd: int) -> bytes:
    """Return what ends the last line, where a program was killed in the middle of it."""
    size = os.fstat(fd).st_size
    return b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def load_history(path: Path) -> tuple[tuple[HistoryLine, ...], tuple[int, ...]]:
    """Return the lines of a history, and the numbers of those that are only half written.

    Raises:
        InputError: it cannot be read, has no line, or has one that is no line of a history.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    lines: list[HistoryLine] = []
    halves: list[int] = []
    for number, text in _numbered(data):
        line = _read_line(text, source=f"{path}: line {number}")
        if line is None:
            halves.append(number)
        else:
            lines.append(line)
    if not lines:
        raise InputError(f"{path}: there is no run in it yet; `oomproof run --history` adds them")
    return tuple(lines), tuple(halves)


def _numbered(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, text in enumerate(data.split(b"\n"), start=1):
        if text.strip(b" \t\r\0"):  # after a crash of the machine, a file may end in zeros
            yield number, text


class _Header(msgspec.Struct, frozen=True):
    """What is read first of a line: whether the rest can be understood."""

    schema: int


def _read_line(text: bytes, *, source: str) -> HistoryLine | None:
    """Return a line; None where it was only half written."""
    try:
        schema = msgspec.json.decode(text, type=_Header).schema
        if schema != SCHEMA:
            raise InputError(
                f"{source} is of schema {schema}, and this oomproof reads {SCHEMA}; update it"
            )
        line = msgspec.json.decode(text, type=HistoryLine)
    except msgspec.ValidationError as error:
        raise InputError(f"{source} is no line of a history: {explain(error)}") from None
    except RecursionError:
        raise InputError(f"{source} is no line of a history: it nests too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if "truncated" in str(error):
            return None
        raise InputError(f"{source} is no JSON: {error}") from None
    for problem in _problems(line):
        raise InputError(f"{source}: entry.{problem}; take the line out")
    return line


def _problems(line: HistoryLine) -> Iterable[str]:
    if line.entry is not None:
        yield from entry_problems(line.entry)
        if not line.entry.peaks_bytes:
            yield "peaks_bytes: no peak of a run is there"
