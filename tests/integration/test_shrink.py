"""`oomproof shrink` as a user runs it: real checks, workers in real sandboxes, real signals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
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
    SandboxKind.PROCESS,
]
FULL = "import json, sys\nwith open(sys.argv[1], 'rb') as file:\n    data = json.load(file)\n"
ONE_BY_ONE = """
    import ijson, sys
    with open(sys.argv[1], "rb") as file:
        print(max(len(str(record["id"])) for record in ijson.items(file, "item", use_float=True)))
"""
# What the command itself takes, as the kernel has it, on the last line.
MEASURED = """
import re, sys
from pathlib import Path
from harness.cli.app import run_words
code = run_words(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


def environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1"}


def oomproof(folder: Path, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )


def shrunk(folder: Path, *words: str | Path) -> dict[str, Any]:
    done = oomproof(folder, "shrink", *words, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["confirmed"]
    assert answer["repeatable"]
    return answer


def hero(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        for chunk in generate("hero_snapshot", size_bytes=size_bytes, seed=7):
            file.write(chunk)
    return path


def writes(folder: Path, name: str, code: str) -> str:
    (folder / name).write_text(textwrap.dedent(code), "utf-8")
    return f"{sys.executable} {name} {{snapshot}}"


@pytest.mark.parametrize("share", [0.1, 0.33, 0.99])
def test_one_record_among_20_mb_takes_40_checks_at_most(share: float, tmp_path: Path) -> None:
    export = hero(tmp_path / "export.json", 20_000_000)
    document = json.loads(export.read_bytes())
    records = [record for table in ("troops", "pets", "heroes") for record in document[table]]
    needle = records[int(share * len(records))]["id"]
    check = f"grep -q {needle} {{snapshot}}"
    answer = shrunk(tmp_path, export, "-o", "min.json", "--check", check)
    assert answer["checks"] <= 40
    assert answer["bytes_after"] <= 200
    left = json.loads((tmp_path / "min.json").read_bytes())
    assert [record["id"] for table in left.values() for record in table] == [needle]


def test_three_distant_records_among_20_mb(tmp_path: Path) -> None:
    export = hero(tmp_path / "export.json", 20_000_000)
    document = json.loads(export.read_bytes())
    needles = [
        str(document[table][index]["id"])
        for table, index in (("troops", 3), ("pets", 5000), ("heroes", -3))
    ]
    greps = " && ".join(f"grep -q {needle} {{snapshot}}" for needle in needles)
    answer = shrunk(tmp_path, export, "-o", "min.json", "--check", f"sh -c '{greps}'")
    left = json.loads((tmp_path / "min.json").read_bytes())
    assert sorted(str(table[0]["id"]) for table in left.values()) == sorted(needles)
    assert answer["bytes_after"] <= 1000
    assert answer["checks"] <= 120


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_of_many_records_that_is_still_killed(
    kind: SandboxKind, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    export = hero(tmp_path / "export.json", 10_000_000)
    command = writes(tmp_path, "full.py", FULL)
    words = ("--memory", "48MiB", "--sandbox", kind, "--command", command)
    answer = shrunk(tmp_path, export, "-o", "min.json", *words)
    assert answer["bytes_after"] < 0.8 * answer["bytes_before"]
    assert answer["checks"] <= 60
    assert answer["needed"]
    assert answer["paths"][0]["share"] > 0.5
    json.loads((tmp_path / "min.json").read_bytes())
    run = ("run", "--sandbox", kind, "--snapshot", "min.json", "--json", "--memory")
    endings = []
    # A worker that lives for a moment is seen by a poll a little before or after its peak.
    shares = (0.94, 1.1) if kind is SandboxKind.PROCESS else (1.0, 1.04)
    for limit_bytes in (int(48 * MIB * share) for share in shares):
        done = oomproof(tmp_path, *run, str(limit_bytes), "--", *command.split())
        endings.append(json.loads(done.stdout)["runs"][0]["ending"])
    # Less than it could not be: with a little more memory it passes.
    assert endings == ["oom_killed", "completed"]


@pytest.mark.cgroup
def test_a_giant_record_that_makes_the_peak_is_found(
    tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    records = [{"id": number, "tags": ["a", "b"]} for number in range(20_000)]
    records[7_000]["tags"] = [f"tag {number}" for number in range(300_000)]
    (tmp_path / "export.json").write_text(json.dumps(records))
    command = writes(tmp_path, "one_by_one.py", ONE_BY_ONE)
    words = ("--peak", "16MiB", "--sandbox", "cgroup", "--command", command)
    answer = shrunk(tmp_path, "export.json", "-o", "min.json", *words)
    left = json.loads((tmp_path / "min.json").read_bytes())
    assert [record["id"] for record in left if len(record["tags"]) > 1000] == [7_000]
    assert len(left) == 1
    assert len(left[0]["tags"]) < 300_000
    assert [path["path"].startswith("$[7000]") for path in answer["needed"]] == [True]
    assert answer["checks"] <= 60
    runs = Path(answer["runs_dir"])
    assert len(list(runs.glob("runs/*/run.json"))) >= answer["checks"]


@pytest.mark.cgroup
def test_what_costs_most_goes_first_though_it_is_the_smaller_text(
    tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    document = {
        "texts": ["x" * 2000 for _ in range(2000)],
        "pairs": [[1, 2] for _ in range(400_000)],
    }
    (tmp_path / "export.json").write_text(json.dumps(document, separators=(",", ":")))
    command = writes(tmp_path, "full.py", FULL)
    words = ("--memory", "40MiB", "--sandbox", "cgroup", "--command", command)
    answer = shrunk(tmp_path, "export.json", "-o", "min.json", *words)
    left = json.loads((tmp_path / "min.json").read_bytes())
    assert not left.get("texts")
    assert len(left["pairs"]) > 100_000
    runs = sorted(Path(answer["runs_dir"]).glob("runs/*/run.json"))
    tried = [json.loads(run.read_bytes())["case"]["snapshot"]["bytes"] for run in runs]
    # The snapshot itself twice, nothing at all, both lists empty, and then the pairs alone.
    assert tried[4] == len(json.dumps({**document, "texts": []}, separators=(",", ":")))


@pytest.mark.cgroup
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--memory", "512MiB"), "completed with a peak of"),
        (("--peak", "512MiB"), "completed with a peak of"),
    ],
)
def test_a_worker_that_does_well_is_no_reason_to_shrink(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    (tmp_path / "export.json").write_text('{"heroes": [1, 2, 3]}')
    command = writes(tmp_path, "full.py", FULL)
    words = (*words, "--sandbox", "cgroup", "--command", command)
    done = oomproof(tmp_path, "shrink", "export.json", "-o", "min.json", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "min.json").exists()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Shrink for a while, in a folder of its own."""
    hero(tmp_path / "export.json", 2_000_000)
    check = "sh -c 'echo $$ > pid; sleep 0.2; grep -q troops {snapshot}'"
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "shrink", "export.json", "-o", "min.json", "--json",
         "--check", check],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_keeps_the_best_so_far(
    number: signal.Signals, slow: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    best = tmp_path / "min.json"
    wait_for(best.exists)
    slow.send_signal(number)
    out, err = slow.communicate(timeout=30)
    assert slow.returncode == 3
    assert "it was stopped; the smallest snapshot so far" in err
    assert "is in min.json" in err
    answer = json.loads(out)
    assert answer["stopped"]
    assert answer["bytes_after"] == best.stat().st_size < 2_000_000
    assert "troops" in json.loads(best.read_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "min.json", "pid"]
    wait_for(lambda: not Path("/proc", (tmp_path / "pid").read_text().strip()).exists())


def test_stopped_before_anything_smaller_it_says_so(
    slow: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    wait_for((tmp_path / "pid").exists)
    slow.send_signal(signal.SIGINT)
    out, err = slow.communicate(timeout=30)
    assert slow.returncode == 3
    assert "nothing smaller was found yet" in err
    assert json.loads(out)["output"] is None
    assert not (tmp_path / "min.json").exists()


def test_killed_it_leaves_a_whole_snapshot(slow: "subprocess.Popen[str]", tmp_path: Path) -> None:
    best = tmp_path / "min.json"
    wait_for(best.exists)
    slow.send_signal(signal.SIGKILL)
    slow.wait()
    assert "troops" in json.loads(best.read_bytes())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _numbers() -> Iterator[bytes]:
    yield b"["
    for number in range(200):
        yield b"1," * 500_000 if number != 77 else b"1," * 250_000 + b"7777777," + b"1," * 249_996
    yield b"1]"


def _tiny_arrays() -> Iterator[bytes]:
    yield b"["
    for number in range(200):
        yield b"[1,2]," * 166_000 if number != 77 else b"[1,2]," * 80_000 + b"[7777777],"
    yield b"[]]"


def _string() -> Iterator[bytes]:
    yield b'{"id":1,"blob":"'
    for number in range(200):
        yield b"abcdefghij" * 100_000 if number != 77 else b"7777777"
    yield b'"}'


def _map() -> Iterator[bytes]:
    yield b'{"first":1'
    for number in range(4_000_000):
        yield b',"key %d":{"a":[],"b":"text of some length"}' % number
    yield b',"last":7777777}'


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [_numbers, _tiny_arrays, _string, _map])
def test_200_mb_take_300_mb_at_most(pieces: Callable[[], Iterator[bytes]], tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    with export.open("wb") as file:
        file.writelines(pieces())
    words = ("shrink", export, "-o", tmp_path / "min.json", "--check", "grep -q 7777777 {snapshot}")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    export.unlink()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) <= 300_000
    left = (tmp_path / "min.json").read_bytes()
    assert b"7777777" in left
    assert len(left) <= 60
    json.loads(left)


def test_a_hundred_thousand_levels(tmp_path: Path) -> None:
    depth = 100_000
    (tmp_path / "export.json").write_bytes(b"[" * depth + b'"N"' + b"]" * depth)
    answer = shrunk(tmp_path, "export.json", "-o", "min.json", "--check", "grep -q N {snapshot}")
    assert answer["bytes_after"] <= 20
    assert len(answer["needed"][0]["path"]) < 1000
