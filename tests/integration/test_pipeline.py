"""The whole pipeline through the command, as users and CI call it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.noise import noise_floor_bytes
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox

REPOSITORY = Path(__file__).parents[2]
HERO = REPOSITORY / "scenarios" / "hero_snapshots"
MIB = 2**20
ENV = "/usr/bin/env"
KINDS = [
    pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
    pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
    SandboxKind.PROCESS,
]


def oomproof(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture
def hero(tmp_path: Path) -> Path:
    """Return a copy of the hero scenario that a test may edit."""
    shutil.copytree(HERO, tmp_path / "hero", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "hero"


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not in {path.name}"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hero_scenario(
    kind: SandboxKind, hero: Path, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    words = ("--sandbox", kind, "--no-profile", "--json")
    done = oomproof("run", hero / "scenario.toml", *words, folder=tmp_path)
    report = report_of(done)
    runs = {
        (run["case"]["worker"], run["case"]["snapshot"]["label"]): run
        for run in report["runs"]
        if run["purpose"] == "verdict"
    }
    assert done.returncode == 0, report["findings"]
    assert report["verdict"] == "pass"
    assert len(runs) == 6
    assert runs["full-parse", "200MB"]["ending"] == "oom_killed"
    assert runs["full-parse", "200MB"]["peak_is_lower_bound"] is True
    for size in ("5MB", "50MB", "200MB"):
        run = runs["streaming", size]
        assert run["ending"] == "completed"
        assert run["peak_bytes"] < 64 * MIB
        assert run["approximate"] is (kind == SandboxKind.PROCESS)
        assert run["sandbox"] == kind
    saved = tmp_path / "reports" / "out" / "hero-snapshots" / "latest"
    assert {"report.json", "report.md", "junit.xml", "memory.png", "report.html"} <= {
        path.name for path in saved.iterdir()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_keeps_all_records_turns_the_gate_red(
    kind: SandboxKind, hero: Path, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    scenario = hero / "scenario.toml"
    edit(scenario, ('sizes = ["5MB", "50MB", "200MB"]', 'sizes = ["5MB", "50MB"]'))
    edit(scenario, ('snapshot = "200MB"', 'snapshot = "50MB"'))
    keep_all_records(hero)
    words = ("run", scenario, "--sandbox", kind, "--worker", "streaming", "--no-profile", "--json")
    red = oomproof(*words, folder=tmp_path)
    report = report_of(red)
    assert [run["ending"] for run in report["runs"]][:2] == ["completed", "completed"]
    assert red.returncode == 1
    assert report["verdict"] == "fail"
    failed = {f["budget"] for f in report["findings"] if f["severity"] == "failure"}
    assert {"peak", "per_input_byte"} <= failed
    text = scenario.read_text("utf-8")
    scenario.write_text(text[: text.index("[[budget]]")], "utf-8")
    green = oomproof(*words, folder=tmp_path)
    assert green.returncode == 0, green.stderr
    assert report_of(green)["verdict"] == "pass"


def keep_all_records(hero: Path) -> None:
    """Edit the streaming worker as a careless developer would: every record goes into a list."""
    edit(
        hero / "workers" / "streaming.py",
        ("READ_BYTES = 64 * 1024\n", "READ_BYTES = 64 * 1024\nKEPT = []\n"),
        (
            "yield section, built.pop()",
            "KEPT.append(built.pop())\n                    yield section, KEPT[-1]",
        ),
    )


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "snapshot.json"
    path.write_text('{"heroes": []}', "utf-8")
    return path


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command in the background; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def launch(*words: str | Path, folder: Path, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            # A shell ignores SIGINT in all that it starts in the background, these tests too.
            [ENV, "--default-signal=INT", sys.executable, "-m", "harness", *map(str, words)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.communicate()
    for pid in sleepers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Read the error stream until a line holds `words`."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said")


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


def two_runs(folder: Path, snapshot: Path, kind: SandboxKind) -> Path:
    """Write a scenario whose second run takes ten minutes."""
    path = folder / "scenario.toml"
    path.write_text(
        f"""
schema = 1
name = "two"
[snapshots]
files = ["{snapshot.name}"]
[sandbox]
kind = "{kind}"
[limits]
memory = ["128MiB"]
timeout = "900s"
[[worker]]
name = "short"
command = ["/bin/true", "{{snapshot}}"]
[[worker]]
name = "long"
command = ["/bin/sh", "-c", "sleep 600; exit 0", "oomproof-sleeper-{os.getpid()}"]
""",
        "utf-8",
    )
    return path


def sleepers() -> list[int]:
    """Return the processes of this test's long worker."""
    parents: dict[int, int] = {}
    mark = f"oomproof-sleeper-{os.getpid()}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if words[:3] == [b"/bin/sh", b"-c", b"sleep 600; exit 0"] and mark in words:
                    stat = (folder / "stat").read_text().rpartition(")")[2]
                    parents[int(folder.name)] = int(stat.split()[1])
    # A shell that is about to start its sleep is there twice for a moment.
    return [pid for pid, parent in parents.items() if parent not in parents]


def groups_of(pid: int) -> list[str]:
    found = [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"-{pid}-" in path]
    return [path for path in found if "oomproof" in path]


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_reports_what_has_finished(
    kind: SandboxKind,
    tmp_path: Path,
    snapshot: Path,
    start: Start,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(kind)
    process = start("run", two_runs(tmp_path, snapshot, kind), "--json", folder=tmp_path)
    read_until(process, "[2/2]")
    wait_for(lambda: bool(sleepers()))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    report = json.loads(output)
    assert process.returncode == 3
    assert [run["case"]["worker"] for run in report["runs"]] == ["short"]
    assert report["finished"] is False
    assert "stopped after 1 of 2 runs" in report["findings"][0]["message"]
    assert sleepers() == []
    assert groups_of(process.pid) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_harness_leaves_is_removed_by_the_next(
    kind: SandboxKind,
    tmp_path: Path,
    snapshot: Path,
    start: Start,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(kind)
    killed = start("run", two_runs(tmp_path, snapshot, kind), folder=tmp_path)
    others = start("run", two_runs(tmp_path, snapshot, kind), folder=tmp_path)
    read_until(killed, "[2/2]")
    read_until(others, "[2/2]")
    wait_for(lambda: len(sleepers()) == 2)
    killed.kill()
    killed.communicate()
    assert len(sleepers()) == 2, "a worker outlives its harness until the next start"
    words = ("run", "--sandbox", kind, "--snapshot", snapshot, "--memory", "64MiB", "--")
    done = oomproof(*words, "/bin/true", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "an earlier oomproof left" in done.stderr
    wait_for(lambda: len(sleepers()) == 1)
    assert groups_of(killed.pid) == []
    others.send_signal(signal.SIGINT)
    others.communicate(timeout=60)
    assert sleepers() == []
    saved = tmp_path / "reports" / "out" / "two"
    unfinished = [path for path in saved.iterdir() if not (path / "report.md").exists()]
    again = oomproof("report", unfinished[0], "--json", folder=tmp_path)
    assert again.returncode == 3
    assert [run["case"]["worker"] for run in report_of(again)["runs"]] == ["short"]


@pytest.mark.parametrize("kind", KINDS)
def test_side_by_side_gives_the_same_peaks(
    kind: SandboxKind,
    tmp_path: Path,
    snapshot: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(kind)
    code = "import time; data = bytearray(100 << 20); time.sleep(0.5)"
    words = ("run", "--sandbox", kind, "--snapshot", snapshot, "--memory", "256MiB")
    command = ("--json", "--", sys.executable, "-c", code)
    peaks = {}
    for jobs in ("1", "3"):
        done = oomproof(*words, "--repeat", "3", "--jobs", jobs, *command, folder=tmp_path)
        peaks[jobs] = [run["peak_bytes"] for run in report_of(done)["runs"]]
        assert done.returncode == 0
    for alone, beside in zip(peaks["1"], peaks["3"], strict=True):
        floor = noise_floor_bytes(str(kind), alone)
        assert abs(alone - beside) <= floor, (alone, beside, floor)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_output_folder_is_said(
    kind: SandboxKind,
    tmp_path: Path,
    snapshot: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(kind)
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", small], check=True)
    try:
        code = (
            "import os; file = open(os.environ['OOMPROOF_OUTPUT'] + '/rows', 'wb')\n"
            "for _ in range(64): file.write(bytes(1 << 20)); file.flush()"
        )
        words = ("run", "--sandbox", kind, "--snapshot", snapshot, "--memory", "256MiB")
        command = ("--out", small, "--json", "--", sys.executable, "-c", code)
        done = oomproof(*words, *command, folder=tmp_path)
    finally:
        subprocess.run(["umount", small], check=True)
    report = report_of(done)
    assert done.returncode == 1, done.stderr
    assert report["runs"][0]["ending"] == "crashed"
    assert any("output folder was full" in finding["message"] for finding in report["findings"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_snapshot_runs_and_is_said(
    kind: SandboxKind, tmp_path: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    snapshot = tmp_path / "broken.json"
    snapshot.write_bytes(b'{"heroes": [1, 2, oops]}')
    words = ("run", "--sandbox", kind, "--snapshot", snapshot, "--memory", "256MiB", "--json")
    code = "import json, sys; json.load(open(sys.argv[1]))"
    done = oomproof(*words, "--", sys.executable, "-c", code, "{snapshot}", folder=tmp_path)
    report = report_of(done)
    assert done.returncode == 1
    assert report["runs"][0]["ending"] == "crashed"
    assert any("at byte 18" in finding["message"] for finding in report["findings"])


@pytest.mark.docker
def test_an_engine_that_stops_in_the_middle(
    tmp_path: Path, snapshot: Path, start: Start, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.DOCKER)
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        pytest.skip("an engine of this test's own takes dockerd and root")
    with own_engine() as (engine, address):
        scenario = two_runs(tmp_path, snapshot, SandboxKind.DOCKER)
        process = start("run", scenario, "--json", folder=tmp_path, DOCKER_HOST=address)
        read_until(process, "[2/2]")
        wait_for(lambda: bool(sleepers()))
        engine.kill()
        engine.wait()
        output, error = process.communicate(timeout=120)
    report = json.loads(output)
    assert process.returncode == 3, error
    endings = {run["case"]["worker"]: run["ending"] for run in report["runs"]}
    assert endings == {"short": "completed", "long": None}
    assert "engine" in report["findings"][0]["message"]
    assert sleepers() == []


@contextlib.contextmanager
def own_engine() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run an engine of this test's own, beside the machine's."""
    folder = Path(tempfile.mkdtemp(prefix="oomproof-engine-"))
    address = f"unix://{folder}/docker.sock"
    words = ["dockerd", "--iptables=false", "--bridge=none", f"--host={address}"]
    words += [f"--data-root={folder}/data", f"--exec-root={folder}/exec"]
    words += [f"--pidfile={folder}/docker.pid"]
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        ask = ["docker", f"--host={address}", "version"]
        wait_for(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0)
        yield engine, address
    finally:
        engine.terminate()
        engine.wait()
        # A killed engine leaves its containerd, which has the folder among its words.
        subprocess.run(["pkill", "-KILL", "-f", str(folder)], check=False)
        for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
            if str(folder) in line:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_full_disk_loses_no_result(tmp_path: Path, snapshot: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", small], check=True)
    try:
        words = ("run", "--sandbox", "process", "--snapshot", snapshot, "--memory", "256MiB")
        fill = f"head -c 9000000 /dev/zero > {small}/filler; exit 75"
        command = ("--out", small, "--json", "--", "/bin/sh", "-c", fill)
        done = oomproof(*words, *command, folder=tmp_path)
    finally:
        subprocess.run(["umount", small], check=True)
    report = report_of(done)
    assert report["runs"][0]["ending"] == "refused"
    assert any("could not be saved" in finding["message"] for finding in report["findings"])
    assert done.returncode == 1, "the worker's unexpected ending is known, saved or not"
