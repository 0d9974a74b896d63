"""Shrinking a snapshot on disk: what is tried, what is kept, and what is said of how it ended."""

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness.core.errors import InputError, InterruptedRunError, NoVerdictError
from harness.core.units import format_megabytes
from synthetic.scan.errors import InvalidJsonError
from synthetic.shrinking.costs import Costs, TextCosts
from synthetic.shrinking.errors import NotRepeatableError, NotShownError, SourceChangedError
from synthetic.shrinking.shrinker import Shrinker, Shrunk
from synthetic.shrinking.source import Source
from synthetic.shrinking.trials import Check

_STALE_S: Final = 86_400


class ShrinkProgress(Protocol):
    """Who is told how the shrinking goes."""

    def task(self, text: str) -> None:
        """Hear what is being done."""

    def bytes(self, what: str, done: int, total: int) -> None:
        """Hear how far something has come."""


class Shrinking(msgspec.Struct, frozen=True, kw_only=True):
    """How the shrinking of one snapshot ended.

    Attributes:
        shrunk: what became of it.
        source, output: the two files.
        seconds: that it took.
        stopped: why it ended before its time; empty where it did not.

    """

    shrunk: Shrunk
    source: str
    output: str
    seconds: float
    stopped: str = ""

    @property
    def is_written(self) -> bool:
        """Whether there is an output."""
        return not self.stopped or self.shrunk.bytes < self.shrunk.source_bytes

    @property
    def is_repeatable(self) -> bool:
        """Whether no check was seen to say two things of one snapshot."""
        return not self.shrunk.steps_back

    @property
    def exit_code(self) -> int:
        """0 where there is a result that can be trusted, else 3."""
        return 0 if not self.stopped and self.is_repeatable and self.shrunk.is_confirmed else 3


def shrink(  # noqa: PLR0913  (what, how, where to, how long, and who is told)
    path: Path,
    output: Path,
    check: Check,
    *,
    progress: ShrinkProgress,
    stop: Callable[[], bool],
    most_checks: int | None = None,
    costs: Callable[[], Costs] = TextCosts,
) -> Shrinking:
    """Shrink the snapshot at `path` into `output`, which holds the best so far at any time.

    What costs most by `costs`, which are asked for once they are needed, is tried to go first.

    Raises:
        InputError: the snapshot is no JSON, cannot be read, or does not pass the check.
        NoVerdictError: the check says two things of the snapshot itself.

    """
    began_s = time.monotonic()
    stopped = ""
    with _opened(path, output) as source, _folder_for(output) as folder:
        shrinker = Shrinker(
            source,
            check,
            output=output,
            folder=folder,
            observer=_Observer(path.name, progress, stop),
            most_checks=most_checks,
            costs=costs,
        )
        try:
            shrinker.run()
        except InvalidJsonError as error:
            raise InputError(f"{path}: byte {error.offset:,}: {error.reason}") from None
        except NotShownError as error:
            raise InputError(f"{path} does not show it, so it cannot be shrunk: {error}") from None
        except NotRepeatableError as error:
            raise NoVerdictError(f"the check is not repeatable: {error}") from None
        except (InterruptedRunError, KeyboardInterrupt):
            stopped = "it was stopped"
        except InputError as error:  # the check cannot be run, or not any more
            if not shrinker.has_begun:
                raise
            stopped = str(error)
        except (NoVerdictError, SourceChangedError) as error:
            stopped = str(error)
        except OSError as error:
            stopped = f"the system refused something: {error}"
        return Shrinking(
            shrunk=shrinker.result(),
            source=str(path),
            output=str(output),
            seconds=time.monotonic() - began_s,
            stopped=stopped,
        )


class _Observer:
    """Tells people, and ends the shrinking where they want it."""

    def __init__(self, name: str, progress: ShrinkProgress, stop: Callable[[], bool]) -> None:
        self._name = name
        self._progress = progress
        self._stop = stop

    def reading(self, done_bytes: int, total_bytes: int) -> None:
        self._progress.bytes(f"Reading {self._name}", done_bytes, total_bytes)
        self._end_if_asked()

    def trying(self, checks: int, best_bytes: int) -> None:
        size = format_megabytes(best_bytes)
        self._progress.task(f"Shrinking {self._name}: {checks} checks, {size} now")
        self._end_if_asked()

    def _end_if_asked(self) -> None:
        if self._stop():
            raise InterruptedRunError("stopped between two checks")


@contextlib.contextmanager
def _opened(path: Path, output: Path) -> Iterator[Source]:
    """Hold the snapshot open.

    Raises:
        InputError: it is no file, cannot be read, or is what is to be written.

    """
    try:
        if not path.is_file():
            what = "no file; save it as one first" if path.exists() else "not there"
            raise InputError(f"snapshot {path} is {what}")
        if output.exists() and output.samefile(path):
            raise InputError(f"-o: {output} is the snapshot itself; name another file")
        if output.is_symlink() or (output.exists() and not output.is_file()):
            raise InputError(f"-o: {output} is replaced as a whole; name a plain file")
        source = Source(path)
    except OSError as error:
        raise InputError(f"snapshot {path} cannot be read: {error.strerror}") from error
    try:
        if not source.size_bytes:
            raise InputError(f"snapshot {path} is empty; there is nothing to shrink")
        yield source
    finally:
        source.close()


@contextlib.contextmanager
def _folder_for(output: Path) -> Iterator[Path]:
    """Hold a folder beside the output: what is tried there takes its place by a mere rename."""
    prefix = f".{output.name}.shrink-"
    _sweep(output.absolute().parent, prefix)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=output.absolute().parent))
    except OSError as error:
        raise InputError(f"-o: {output} cannot be written: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove what killed oomproofs left; nothing of today, which somebody may be using."""
    with contextlib.suppress(OSError):
        for path in parent.iterdir():
            is_ours = re.fullmatch(re.escape(prefix) + r"\w+", path.name) and path.is_dir()
            if is_ours and time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)
