"""Starting a worker inside its groups: a shell joins them, then becomes the worker.

The shell's own memory is charged to the harness's group, not to the worker's: a page belongs to
whoever touched it first, and all of the shell's is freed when it becomes the worker. Between two
processes of Python this costs a millisecond, and needs no code of ours in the worker's sandbox.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from harness.core.errors import SandboxError
from harness.sandbox.files import read_text

_JOIN_S: Final = 30.0
_RUSAGE_UNIT_BYTES: Final = 1024

# The standard input is a socket to the harness: it brings the files to join, a line each, and takes
# the answers. Writing "0" to such a file moves the writer itself. Core dumps are off: they would
# fill the disk with what a crashed worker held. The names begin so that none is a worker's own.
_SCRIPT: Final = """
exec 3<&0
_oomproof_mode=$1; shift
_oomproof_become() {
  _oomproof_files=
  while read -r _oomproof_file && [ -n "$_oomproof_file" ]; do
    _oomproof_files="$_oomproof_files$_oomproof_file
"; done
  [ "$_oomproof_mode" = keep ] && { (trap '' TERM; exec cat <&3 >/dev/null 2>&1) & }
  ulimit -c 0
  set -f
  IFS='
'
  for _oomproof_file in $_oomproof_files; do echo 0 > "$_oomproof_file" || exit 126; done
  unset IFS _oomproof_file _oomproof_files _oomproof_mode
  echo joined >&3
  exec "$@" </dev/null 3<&-
}
if [ "$_oomproof_mode" = apart ]; then (echo ready >&3; _oomproof_become "$@"); exit; fi
_oomproof_become "$@"
"""


_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a shell sets itself, whatever it was given.
_OF_SHELLS: Final = frozenset({"IFS", "OPTIND", "PPID"})


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: the command, its variables, its folder, and a prefix that wraps it.

    With `keep`, a process stays behind in the group that the prefix made, until the launched is
    closed: systemd removes a scope once it is empty, and its counters with it. It does not heed the
    SIGTERM that asks the worker to end.

    With `apart`, the shell is the child of another one, which is killed before the worker begins;
    this process must be a subreaper then, and adopts it. It costs a millisecond, and what the
    kernel says at the end of the worker's resident memory holds nothing of this process's own.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    prefix: tuple[str, ...] = ()
    keep: bool = False
    apart: bool = False


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a launched worker ended.

    Attributes:
        exit_code: 128 and the signal's number, where one ended it.
        signal: the number of that signal.
        resident_bytes: what the worker, or the largest of the children that it waited for, was
            resident with at most, in bytes; see getrusage(2), ``ru_maxrss``. Unless the worker was
            launched `apart`, this is never less than what this process was resident with when the
            worker was started, because the two shared their memory until then.

    """

    exit_code: int
    signal: int | None
    resident_bytes: int


def _words(spec: LaunchSpec) -> tuple[str, ...]:
    """Return the command, begun with `env` where a shell would lose some of its variables.

    Some shells drop those whose names they could not use themselves: ``my.var``, or a function that
    another shell has exported.

    Raises:
        SandboxError: `env` would take the program for a variable.

    """
    lost = {
        name: value
        for name, value in spec.environment.items()
        if name in _OF_SHELLS or not _IDENTIFIER.fullmatch(name)
    }
    if not lost:
        return spec.command
    if "=" in spec.command[0]:
        raise SandboxError(
            f"{spec.command[0]} cannot be started with the variables {', '.join(sorted(lost))}: a "
            "shell drops them, and `env` takes a program with = in its name for one more; rename "
            "the program, or unset the variables"
        )
    given = (f"{name}={value}" for name, value in lost.items())
    return ("/usr/bin/env", "--", *given, *spec.command)


class Launched:
    """A worker that waits for its groups, and then runs: a process with its pipes."""

    def __init__(self, spec: LaunchSpec) -> None:
        """Start the shell, which waits to be told what to join.

        Raises:
            SandboxError: no shell could be started, or the worker could not be given a variable.

        """
        words = _words(spec)
        self._channel, theirs = socket.socketpair()
        mode = "keep" if spec.keep else "apart" if spec.apart else "go"
        try:
            self._process = subprocess.Popen(
                [*spec.prefix, "/bin/sh", "-c", _SCRIPT, "oomproof", mode, *words],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=spec.folder,
                env=spec.environment,
                start_new_session=True,
            )
        except OSError as error:
            self._channel.close()
            raise SandboxError(f"the worker cannot be started: {error}") from error
        finally:
            theirs.close()
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self._is_waited_for = False
        if spec.apart:
            try:
                self._hand_over()
            except (OSError, SandboxError):
                self.__exit__(None, None, None)
                raise

    def _hand_over(self) -> None:
        """Kill the shell between this process and the worker's, which is adopted."""
        between = self.pid
        if not self._answer(self.pidfd):
            raise SandboxError(f"the worker cannot be started: {self.said()}")
        path = Path(f"/proc/{between}/task/{between}/children")
        children = (read_text(path) or "").split()
        if len(children) != 1:
            raise SandboxError(f"the worker cannot be started: its process is not in {path}")
        pidfd = os.pidfd_open(int(children[0]))
        os.close(self.pidfd)
        self.pid, self.pidfd = int(children[0]), pidfd
        self._process.kill()
        self._process.wait()

    @property
    def streams(self) -> tuple[int, int]:
        """The descriptors from which the worker's two output streams are read."""
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:  # pragma: no cover  (asked of Popen above)
            raise SandboxError("the worker has no streams")
        return out.fileno(), err.fileno()

    def join(self, groups: Iterable[Path]) -> None:
        """Let the worker join `groups` and begin.

        Raises:
            SandboxError: a group did not take it.

        """
        lines = "".join(f"{group}/cgroup.procs\n" for group in groups) + "\n"
        answer = b""
        with contextlib.suppress(OSError):  # the shell is gone; what it said follows
            self._channel.sendall(lines.encode())
            answer = self._answer(self.pidfd)
        if not answer:
            self.kill()
            self.wait()
            raise SandboxError(f"the worker could not enter its group: {self.said()}")

    def _answer(self, pidfd: int) -> bytes:
        """Return the shell's answer; nothing where it gave up, or took longer than it may.

        What stays behind in the group holds the shell's end of the socket too, so the end of the
        shell does not show there.
        """
        select.select([self._channel.fileno(), pidfd], [], [], _JOIN_S)
        self._channel.setblocking(False)
        return self._channel.recv(16)

    def said(self) -> str:
        """Return the last words of a shell that gave up."""
        error_stream = self._process.stderr
        words = error_stream.read(4096) if error_stream is not None else b""
        return words.decode("utf-8", "replace").strip() or "its shell said nothing"

    def has_ended(self) -> bool:
        """Whether the worker's process has ended."""
        return self._is_waited_for or bool(select.select([self.pidfd], [], [], 0)[0])

    def wait(self) -> Ended:
        """Wait for the worker's end."""
        _, status, usage = os.wait4(self.pid, 0)
        self._is_waited_for = True
        returncode = os.waitstatus_to_exitcode(status)
        if self.pid == self._process.pid:
            self._process.returncode = returncode
        return Ended(
            exit_code=128 - returncode if returncode < 0 else returncode,
            signal=-returncode if returncode < 0 else None,
            resident_bytes=usage.ru_maxrss * _RUSAGE_UNIT_BYTES,
        )

    def terminate(self) -> None:
        """Ask the worker, and what it started in its process group, to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the worker and its process group."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        group = self._process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # A worker that has left its group is asked by itself.
            if not self._is_waited_for and os.getpgid(self.pid) != group:
                os.kill(self.pid, number)

    def close(self) -> None:
        """Close every pipe, after the worker has been waited for."""
        os.close(self.pidfd)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._is_waited_for:
            self.kill()
            self.wait()
        self.close()
