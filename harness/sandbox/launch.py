"""Starting a worker inside its groups: a shell joins them, then becomes the worker.

The shell's own memory is charged to the harness's group, not to the worker's: a page belongs to
whoever touched it first, and all of the shell's is freed when it becomes the worker. Between two
processes of Python this costs a millisecond, and needs no code of ours in the worker's sandbox.
"""

import contextlib
import os
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

_JOIN_S: Final = 30.0

# The standard input is a socket to the harness: it brings the files to join, a line each, and takes
# the answer. Writing "0" to such a file moves the writer itself. Core dumps are off: they would
# fill the disk with what a crashed worker held. The names begin so that none is a worker's own.
_SCRIPT: Final = """
exec 3<&0
_oomproof_mode=$1; shift
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
"""


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: the command, its variables, its folder, and a prefix that wraps it.

    With `keep`, a process stays behind in the group that the prefix made, until the launched is
    closed: systemd removes a scope once it is empty, and its counters with it. It does not heed the
    SIGTERM that asks the worker to end.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    prefix: tuple[str, ...] = ()
    keep: bool = False


class Launched:
    """A worker that waits for its groups, and then runs: a process with its pipes."""

    def __init__(self, spec: LaunchSpec) -> None:
        """Start the shell, which waits to be told what to join.

        Raises:
            SandboxError: no shell could be started.

        """
        self._channel, theirs = socket.socketpair()
        mode = "keep" if spec.keep else "go"
        try:
            self.process = subprocess.Popen(
                [*spec.prefix, "/bin/sh", "-c", _SCRIPT, "oomproof", mode, *spec.command],
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
        self.pidfd = os.pidfd_open(self.process.pid)

    def join(self, groups: Iterable[Path]) -> None:
        """Let the worker join `groups` and begin.

        Raises:
            SandboxError: a group did not take it.

        """
        lines = "".join(f"{group}/cgroup.procs\n" for group in groups) + "\n"
        answer = b""
        with contextlib.suppress(OSError):  # the shell is gone; what it said follows
            self._channel.sendall(lines.encode())
            answer = self._answer()
        if not answer:
            self.kill()
            self.process.wait()
            said = self.process.stderr.read() if self.process.stderr else b""
            raise SandboxError(
                f"the worker could not enter its group: {said.decode('utf-8', 'replace').strip()}"
            )

    def _answer(self) -> bytes:
        """Return the shell's answer; nothing where it gave up, or took longer than it may.

        What stays behind in the group holds the shell's end of the socket too, so the end of the
        shell does not show there.
        """
        select.select([self._channel.fileno(), self.pidfd], [], [], _JOIN_S)
        self._channel.setblocking(False)
        return self._channel.recv(16)

    def terminate(self) -> None:
        """Ask the worker, and what it started in its process group, to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the worker and its process group."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Close every pipe, after the worker has been waited for."""
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self._channel.close()
        os.close(self.pidfd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
            self.process.wait()
        self.close()


def signalled(returncode: int) -> tuple[int, int | None]:
    """Return exit code and signal of a process, from what `subprocess` calls its return code."""
    return (128 - returncode, -returncode) if returncode < 0 else (returncode, None)
