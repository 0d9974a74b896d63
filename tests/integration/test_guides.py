"""The guides, done as a reader does them: in an empty folder, each file and each command."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox

GUIDES: Final = Path(__file__).parents[2] / "docs" / "guides"
BLOCK: Final = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ENDS_WITH: Final = re.compile(r"# exits with (\d)$")
pytestmark = [pytest.mark.slow, pytest.mark.cgroup]


def steps(guide: Path) -> Iterator[tuple[str, str]]:
    """Yield what a reader does: files as (name, text), commands as ("", command)."""
    for _, title, body in BLOCK.findall(guide.read_text("utf-8")):
        if title:
            yield title, body
        else:
            yield from (("", line[2:]) for line in body.splitlines() if line.startswith("$ "))


@pytest.mark.parametrize("guide", sorted(GUIDES.glob("*.md")), ids=lambda path: path.stem)
def test_a_guide_holds(
    guide: Path, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    commands = 0
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for title, text in steps(guide):
        if title:
            (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / title).write_text(text, "utf-8")
            continue
        commands += 1
        expected = ENDS_WITH.search(text)
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == (int(expected[1]) if expected else 0), (text, done.stderr)
        assert "Traceback" not in done.stderr
    assert commands >= 3
