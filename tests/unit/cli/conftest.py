"""The command, called in this process; what really runs does so in the process sandbox."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli.app import run_words


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command did: its exit code, and its two streams."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Return what `--json` printed, which is all that may stand on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Command = Callable[..., Done]


@pytest.fixture
def oomproof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Return what runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*words: str | Path) -> Done:
        capfd.readouterr()
        code = run_words([str(word) for word in words])
        out, err = capfd.readouterr()
        return Done(code=code, out=out, err=err)

    return run


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Return a small snapshot of the user's."""
    path = tmp_path / "export.json"
    path.write_text('{"heroes": [1, 2, 3]}')
    return path


@pytest.fixture
def scenario(tmp_path: Path, snapshot: Path) -> Callable[..., Path]:
    """Return what writes a scenario for one worker; `more` is added at its end."""

    def write(line: str = "cat {snapshot}", *, more: str = "", memory: str = "64MiB") -> Path:
        path = tmp_path / "scenario.toml"
        path.write_text(f"""\
schema = 1
name = "demo"
snapshots.files = ["{snapshot.name}"]
sandbox.kind = "process"
limits.memory = ["{memory}"]
[[worker]]
name = "worker"
command = ["sh", "-c", {json.dumps(line)}]
{more}
""")
        return path

    return write
