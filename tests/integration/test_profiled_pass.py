"""Heap profiles in an answer: of whom they are, of which moment, and what they leave out."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox
from synthetic import generate

MIB = 2**20
KINDS = [
    pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
    pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
]
FULL = """
    import json, sys
    def load(path):
        with open(path, "rb") as file:
            return json.load(file)  # HERE
    load(sys.argv[1])
"""
HOLD = """
    import time
    kept = []
    for _ in range(150):
        kept.append(b"x" * 400_000)  # HERE
        time.sleep(0.002)
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profiled") / "export.json"
    path.write_bytes(b"".join(generate("hero_snapshot", size_bytes=5_000_000, seed=7)))
    return path


class User:
    """Writes programs into a folder, and asks about them."""

    def __init__(self, folder: Path, snapshot: Path, kind: SandboxKind) -> None:
        self.folder = folder
        self._snapshot = snapshot
        self._kind = kind

    def writes(self, name: str, code: str) -> str:
        """Write a program; return the place of the line that is marked."""
        path = self.folder / name
        path.write_text(textwrap.dedent(code).lstrip(), "utf-8")
        lines = path.read_text("utf-8").splitlines()
        number = next((n for n, line in enumerate(lines, 1) if line.endswith("# HERE")), 0)
        return f"{path}:{number}"

    def asks(
        self, *command: str, memory: str = "30MiB", options: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return the answer of `oomproof reproduce`."""
        words = ["reproduce", str(self._snapshot), "--memory", memory, "--sandbox", self._kind]
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words, *options, "--json", "--", *command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        heap = answer["heap"]
        if heap is not None:
            parts = ("requested", "base", "profiler", "kernel", "others", "remainder")
            assert heap["resident_bytes"] == sum(heap[f"{part}_bytes"] for part in parts)
        return answer


Ask = Callable[[SandboxKind], User]


@pytest.fixture
def user(tmp_path: Path, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]) -> Ask:
    def make(kind: SandboxKind) -> User:
        sandbox_for(kind)
        return User(tmp_path, snapshot, kind)

    return make


def notes(answer: dict[str, Any]) -> str:
    return " ".join(answer["profile"]["notes"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_requested_beside_what_was_resident_is_of_one_moment(
    kind: SandboxKind, user: Ask
) -> None:
    """Killed later than its stack was read, a worker would have requested far more."""
    asking = user(kind)
    place = asking.writes("hold.py", HOLD)
    answer = asking.asks(sys.executable, "hold.py", memory="40MiB")
    heap = answer["heap"]
    assert answer["sites"][0]["at"] == place
    assert heap["profiler_bytes"] > 3 * MIB
    assert heap["base_bytes"] > 2 * MIB
    assert heap["requested_bytes"] < heap["resident_bytes"]
    assert abs(heap["remainder_bytes"]) < 2 * MIB, heap


@pytest.mark.parametrize("kind", KINDS)
def test_several_profiled_processes_get_what_each_profiler_takes(
    kind: SandboxKind, user: Ask
) -> None:
    asking = user(kind)
    place = asking.writes("hold.py", HOLD)
    asking.writes(
        "parent.py",
        """
        import subprocess, sys
        sleeping = [sys.executable, "-c", "import time; time.sleep(20)"]
        others = [subprocess.Popen(sleeping) for _ in range(2)]
        subprocess.run([sys.executable, "hold.py"], check=True)
        [other.kill() for other in others]
        """,
    )
    answer = asking.asks(sys.executable, "parent.py", memory="60MiB")
    profile, heap = answer["profile"], answer["heap"]
    assert answer["sites"][0]["at"] == place
    assert profile["processes"] == 4
    assert 3 * 4 * MIB < profile["extra_bytes"] < 3 * 9 * MIB
    assert heap["profiler_bytes"] > 4 * 4 * MIB
    assert abs(heap["remainder_bytes"]) < 3 * MIB, heap


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["sort", "cleared"])
def test_a_process_without_a_profile_that_holds_most_is_named(
    who: str, kind: SandboxKind, user: Ask
) -> None:
    asking = user(kind)
    asking.writes("full.py", FULL)
    (asking.folder / "lines").write_bytes(b"%060d\n" * 1_000_000)
    commands = {
        "sort": '["sort", "-S", "100M", "-o", "/dev/null", "lines"]',
        "cleared": '[sys.executable, "full.py", sys.argv[1]]',
    }
    code = f"import subprocess, sys\nsubprocess.run({commands[who]}, env={{}}, check=True)\n"
    asking.writes("parent.py", code)
    answer = asking.asks(sys.executable, "parent.py", "{snapshot}")
    heap = answer["heap"]
    assert heap["others_bytes"] > heap["resident_bytes"] / 2
    assert abs(heap["remainder_bytes"]) < 2 * MIB, heap
    assert "held by processes that have no heap profile" in notes(answer)
    assert ("`sort" if who == "sort" else "full.py") in notes(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_made_way_for_another_holds_nothing(kind: SandboxKind, user: Ask) -> None:
    asking = user(kind)
    place = asking.writes("full.py", FULL)
    asking.writes(
        "first.py",
        """
        import os, sys
        kept = b"x" * (12 << 20)
        os.execv(sys.executable, [sys.executable, "full.py", sys.argv[1]])
        """,
    )
    answer = asking.asks(sys.executable, "first.py", "{snapshot}")
    assert answer["sites"][0]["at"] == place
    assert not any("first.py" in site["at"] for site in answer["sites"])
    assert answer["profile"]["processes"] == 1


@pytest.mark.cgroup
def test_a_worker_that_does_not_bear_memray_is_profiled_otherwise_and_that_is_said(
    user: Ask,
) -> None:
    asking = user(SandboxKind.CGROUP)
    asking.writes(
        "tracks.py",
        """
        import memray, os, time
        kept = []
        with memray.Tracker(os.environ["OOMPROOF_OUTPUT"] + "/own.bin"):
            for _ in range(100):
                kept.append([b"x" * (8000 + n) for n in range(100)])  # HERE
                time.sleep(0.002)
        """,
    )
    answer = asking.asks(sys.executable, "tracks.py", memory="60MiB")
    assert answer["ending"] == "oom_killed"
    assert answer["profile"]["profiler"] == "tracemalloc"
    assert answer["profile"]["moment"] == "death"
    (problem,) = (text for text in answer["problems"] if "With memray" in text)
    assert "Tracker instance" in problem
    assert [run["purpose"] for run in answer["runs"]].count("profile") == 2


@pytest.mark.cgroup
def test_what_tracemalloc_takes_is_given_beyond_the_limit(user: Ask) -> None:
    """Without that, it would show what the worker held when it had hardly begun."""
    asking = user(SandboxKind.CGROUP)
    place = asking.writes(
        "small.py",
        """
        import os, sys, time
        if os.environ.get("OOMPROOF_CAPTURE") and not sys.argv[1:]:
            os.environ["OOMPROOF_PROFILER"] = "tracemalloc"
            os.execv(sys.executable, [sys.executable, __file__, "again"])
        kept = []
        for number in range(150):
            kept.append([str(n) * 8 for n in range(number * 9000, number * 9000 + 2500)])  # HERE
            time.sleep(0.005)
        """,
    )
    answer = asking.asks(sys.executable, "small.py", memory="30MiB")
    profile = answer["profile"]
    assert profile["profiler"] == "tracemalloc"
    assert answer["sites"][0]["at"] == place
    assert profile["extra_bytes"] > 5 * MIB
    # Tables as large as these small blocks, and a look that takes four times that, would leave room
    # for 4.4 MiB in a limit of 30.
    assert profile["total_bytes"] > 5 * MIB
    assert profile["same_stack"] is not None


@pytest.mark.cgroup
def test_a_cap_is_heeded_and_said(user: Ask) -> None:
    asking = user(SandboxKind.CGROUP)
    asking.writes(
        "blocks.py",
        """
        kept = []
        for _ in range(200_000):
            kept.append(bytes(600))
            for _ in range(20): bytes(700)
        """,
    )
    answer = asking.asks(
        sys.executable, "blocks.py", memory="64MiB", options=("--capture-cap", "1MB")
    )
    profile = answer["profile"]
    assert profile["is_cut"]
    assert profile["capture_bytes"] <= 1_000_000
    assert "reached its cap" in notes(answer)
    page = (Path(answer["evidence_dir"]) / "answer.md").read_text("utf-8")
    assert "reached its cap" in page
    assert "after the capture" in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_mapped_snapshot_tells_no_offset(kind: SandboxKind, user: Ask) -> None:
    asking = user(kind)
    asking.writes(
        "mapped.py",
        """
        import mmap, orjson, sys
        with open(sys.argv[1], "rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        orjson.loads(view)
        """,
    )
    answer = asking.asks(sys.executable, "mapped.py", "{snapshot}")
    assert answer["stopped_at"]["offset"] is None
    assert "mmap" in answer["stopped_at"]["reason"]
