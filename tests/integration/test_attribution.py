"""What grew, found in real workers that were edited as people edit them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox

MIB = 2**20
WORKER = """
import sys
from table import load
KEPT = load(sys.argv[1])
"""
TABLE = """
import json
def load(path):
    with open(path, "rb") as file:
        document = json.load(file)
    rows = []
    for hero in document["heroes"]:
        rows.append(bytes(1_000))
    notes = [bytes(100_000) for _ in range(100)]
    return document, rows, notes
"""
# Lines moved down, another text on the way, and four times as much in each row.
GROWN = """
import json


def path_of(words):
    return words[-1]


def load(path):
    with open(path, "rb") as file:
        document = json.load(file)
    rows = []
    for hero in document["heroes"]:
        rows.append(bytes(4_000))
    notes = [bytes(100_000) for _ in range(100)]
    return document, rows, notes
"""


class Project:
    """A folder with a worker, its snapshot and a scenario, as a user has it."""

    def __init__(self, folder: Path, kind: SandboxKind) -> None:
        self.folder = folder
        self._kind = kind
        self.write("worker.py", WORKER)
        self.write("table.py", TABLE)
        self.export(gear=2)
        self.budget('growth = "5%"')

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text.lstrip(), "utf-8")

    def line_of(self, name: str, words: str) -> int:
        lines = (self.folder / name).read_text("utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if words in line)

    def export(self, *, gear: int) -> None:
        heroes = [
            {"id": n, "name": f"hero {n}", "gear": [{"power": n + slot} for slot in range(gear)]}
            for n in range(10_000)
        ]
        self.write("export.json", json.dumps({"heroes": heroes}))

    def budget(self, allowed: str, memory: str = "512MiB") -> None:
        self.write(
            "scenario.toml",
            f"""
            schema = 1
            name = "edited"
            [snapshots]
            files = ["export.json"]
            [sandbox]
            kind = "{self._kind}"
            [limits]
            memory = ["{memory}"]
            [[worker]]
            name = "worker"
            command = ["{{python}}", "worker.py", "{{snapshot}}"]
            [[budget]]
            worker = "worker"
            {allowed}
            """,
        )

    def oomproof(self, *words: str, code: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words, "--json"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert done.returncode == code, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return {**document, "stderr": done.stderr}

    def fails(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run; return the failure and the whole report."""
        report = self.oomproof("run", "scenario.toml", code=1)
        (failure,) = (one for one in report["findings"] if one["severity"] == "failure")
        return failure, report


@pytest.fixture
def project(
    tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> Callable[[SandboxKind], Project]:
    def make(kind: SandboxKind) -> Project:
        sandbox_for(kind)
        return Project(tmp_path, kind)

    return make


@pytest.mark.cgroup
def test_an_edited_line_is_named_though_it_moved_and_its_file_was_renamed(
    project: Callable[[SandboxKind], Project],
) -> None:
    mine = project(SandboxKind.CGROUP)
    first = mine.oomproof("run", "scenario.toml")
    assert "(profiled, for the next baseline)" in first["stderr"]
    assert [run["purpose"] for run in first["runs"]] == ["verdict", "profile"]
    accepted = mine.oomproof("baseline", "accept")
    assert accepted["entries"][0]["profile"]["sites"]["rows"]
    mine.write("rows.py", GROWN)
    mine.write("worker.py", WORKER.replace("from table", "from rows"))
    failure, report = mine.fails()
    line = mine.line_of("rows.py", "rows.append")
    grown = re.search(
        rf"\+([\d.]+) MiB at `rows.py:{line} rows.append\(bytes\(4_000\)\)` \(was ([\d.]+) MiB at "
        rf"table.py:{mine.line_of('table.py', 'rows.append')}\)",
        failure["message"],
    )
    assert grown is not None, failure["message"]
    assert float(grown[1]) == pytest.approx(10_000 * 3_000 / MIB, rel=0.1)
    assert float(grown[2]) == pytest.approx(10_000 * 1_000 / MIB, rel=0.15)
    assert failure["message"].endswith("The input is the same.")
    assert (failure["file"], failure["line"]) == ("rows.py", line)
    assert "(profiled, to name what grew)" in report["stderr"]
    assert "notes =" not in failure["message"], "it holds as much as before"

    stacks = report["attributions"][0]["stacks"]
    assert stacks[0]["stack"][0] == "<module> (worker.py)"
    assert all(stack["new_bytes"] or stack["old_bytes"] for stack in stacks)
    flames = mine.folder / "reports/out/edited/latest/growth.speedscope.json"
    profiles = json.loads(flames.read_bytes())["profiles"]
    assert [one["name"].rpartition(": ")[2] for one in profiles] == [
        "grown",
        "now",
        "baseline",
        "shrunk",
    ]


@pytest.mark.docker
def test_the_part_of_the_input_that_grew_is_named(
    project: Callable[[SandboxKind], Project],
) -> None:
    mine = project(SandboxKind.DOCKER)
    mine.budget('peak = "40MiB"')
    mine.oomproof("run", "scenario.toml")
    mine.oomproof("baseline", "accept")
    mine.export(gear=12)
    failure, report = mine.fails()
    assert failure["budget"] == "peak"
    times = re.search(r"Input: `\$\.heroes\[\*\]\.gear` ([\d.]+) x larger", failure["message"])
    assert times is not None, failure["message"]
    assert 4.5 < float(times[1]) <= 6
    assert "Since the baseline: +" in failure["message"]
    line = mine.line_of("table.py", "json.load(file)")
    assert f"at `table.py:{line} document = json.load(file)` (was " in failure["message"]
    assert report["attributions"][0]["same_input"] is False
    text = json.dumps([report["profiles"], report["attributions"]])
    assert "hero 7" not in text, "no value of the input is told"


@pytest.mark.cgroup
def test_a_worker_that_now_dies_says_what_it_held_at_its_limit(
    project: Callable[[SandboxKind], Project],
) -> None:
    mine = project(SandboxKind.CGROUP)
    mine.budget('peak = "45MiB"', memory="80MiB")
    mine.oomproof("run", "scenario.toml")
    mine.oomproof("baseline", "accept")
    # It rises slowly enough for a busy machine to see it between its budget and its limit.
    slower = TABLE.replace("rows.append(", "time.sleep(0.0005)\n        rows.append(")
    grown = slower.replace("bytes(1_000)", "bytes(20_000)")
    mine.write("table.py", grown.replace("import json", "import json, time"))
    report = mine.oomproof("run", "scenario.toml", code=1)
    peak = next(one for one in report["findings"] if one["budget"] == "peak")
    line = mine.line_of("table.py", "rows.append")
    assert "Since the baseline: at least +" in peak["message"]
    assert "it is of its death, so at least" in peak["message"]
    assert f"at `table.py:{line} rows.append(bytes(20_000))` (was " in peak["message"]
    (profile,) = report["profiles"]
    assert profile["sites"]["moment"] == "death"
