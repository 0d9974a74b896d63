"""The gate on growth as CI keeps it: a baseline, the same worker again, and one that keeps more."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox

WORKER = "import time; kept = b'x' * {size_bytes}; time.sleep(0.05)"
SCENARIO = """\
schema = 1
name = "gate"
snapshots.files = ["rows.json"]
limits.memory = ["256MiB"]
[[worker]]
name = "worker"
command = ["{python}", "worker.py", "{snapshot}"]
[[budget]]
worker = "worker"
growth = "2%"
"""


class Gate:
    """A folder with a scenario whose worker keeps as much as it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "rows.json").write_text("[1, 2, 3]")

    def oomproof(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def run(self, mib: float, *words: str) -> tuple[int, dict[str, Any]]:
        (self.folder / "worker.py").write_text(WORKER.format(size_bytes=int(mib * 2**20)))
        (self.folder / "scenario.toml").write_text(SCENARIO)
        options = ("--sandbox", "cgroup", "--no-profile", "--json", *words)
        done = self.oomproof("run", "scenario.toml", *options)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.mark.cgroup
def test_a_gate_passes_what_is_the_same_and_fails_what_keeps_more(
    tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    gate = Gate(tmp_path)
    auto = ("--repeat", "auto", "--history", "history.jsonl")
    code, report = gate.run(150, *auto)
    assert (code, len(report["runs"])) == (0, 3), report["findings"]
    assert gate.oomproof("baseline", "accept").returncode == 0
    code, report = gate.run(150, *auto)
    assert code == 0, report["findings"]
    # Some 3 MiB and the floor of 1 MiB are allowed, and what one run shows is sure to 1.1 MiB.
    code, report = gate.run(154.6, "--repeat", "1")
    (finding,) = [found for found in report["findings"] if found["budget"] == "growth"]
    assert (code, finding["severity"]) == (3, "no_verdict"), finding
    assert "repeats" in finding["next_step"]
    code, report = gate.run(162, *auto)
    (finding,) = [found for found in report["findings"] if found["budget"] == "growth"]
    assert (code, finding["severity"]) == (1, "failure"), finding
    done = gate.oomproof("compare", "reports/baselines/gate.json", "reports/out", "--json")
    (case,) = json.loads(done.stdout)["scenarios"][0]["cases"]
    assert case["outcome"] == "grown"
    assert case["confidence"] > 0.999
    assert 11 << 20 < case["lower"]["by_bytes"] < 13 << 20
    shown = gate.oomproof("report", "--history", "history.jsonl", "--json")
    (trend,) = json.loads(shown.stdout)["trends"]
    assert len(trend["points"]) == 3
    assert trend["points"][-1]["change"]["outcome"] == "grown"


@pytest.mark.cgroup
def test_a_growth_that_one_run_leaves_open_is_repeated_unasked(
    tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    gate = Gate(tmp_path)
    code, report = gate.run(150)
    assert (code, len(report["runs"])) == (0, 1), report["findings"]
    assert gate.oomproof("baseline", "accept").returncode == 0
    code, report = gate.run(150)
    assert code == 0, report["findings"]
    code, report = gate.run(165)
    assert code == 1, report["findings"]
    assert 1 < len(report["runs"]) < 10
    assert [run["repeat"] for run in report["runs"]] == [*range(1, len(report["runs"]) + 1)]
