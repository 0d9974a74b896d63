"""Node.js workers die of two limits, in real sandboxes, and their profiles and reports survive."""

import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.profile import Moment, Profile
from harness.core.scenario import SandboxKind
from harness.execution import warm_program
from harness.node_program import find_node
from harness.profilers import v8
from harness.sandbox.contract import MountRequest, Order, Sandbox
from harness.snapshots import warm
from synthetic import generate

pytestmark = pytest.mark.node

MIB = 2**20
ROOT = Path(__file__).parents[2]
WORKERS = ROOT / "scenarios" / "hero_snapshots" / "workers" / "node"
PARSE = "full_parse.mjs"
SECRET = "sesame-0451"  # noqa: S105  (it is what must not be found)
NODES = ("of the machine", "of the package")
SMALL_HEAP_MIB, LARGE_HEAP_MIB = 64, 4096
Orders = Callable[..., Order]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    """Return a small snapshot, and one whose many small elements are large in V8: 21 MB, 140 MB."""
    folder = tmp_path_factory.mktemp("snapshots")
    small, dense = folder / "small.json", folder / "dense.json"
    small.write_bytes(b"".join(generate("hero_snapshot", size_bytes=2_000_000, seed=7)))
    troops = ",".join(f'{{"id":{n},"stats":{{}},"tags":[]}}' for n in range(650_000))
    dense.write_text(f'{{"snapshot_id":"s","player":{{"id":1}},"troops":[{troops}]}}')
    return {
        path.stem: Snapshot(
            label=path.stem,
            path=str(path),
            bytes=path.stat().st_size,
            sha256=sha256(path.read_bytes()).hexdigest(),
        )
        for path in (small, dense)
    }


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> str:
    """Return each Node.js that is here: an old one and a new one."""
    program = find_node(use_package=request.param == "of the package")
    if program is None:
        pytest.skip("there is no Node.js here")
    need_packages()
    return program


def need_packages() -> None:
    if not (WORKERS / "node_modules").is_dir():
        pytest.skip(f"the Node workers' packages are not there: npm ci --prefix {WORKERS}")


@pytest.fixture(params=[SandboxKind.DOCKER, SandboxKind.CGROUP])
def sandbox(
    request: pytest.FixtureRequest, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> Sandbox:
    return sandbox_for(request.param)


@pytest.fixture
def order(snapshots: dict[str, Snapshot], folder: Path) -> Orders:
    """Return orders for a worker, with a secret in its environment."""

    def make(
        program: str, worker: str, *, heap_mib: int, limit_mib: int, snapshot_name: str = "dense"
    ) -> Order:
        snapshot = snapshots[snapshot_name]
        output = folder / "output"
        output.mkdir(mode=0o777, exist_ok=True)
        (output / "tmp").mkdir(exist_ok=True)
        return Order(
            command=(
                program, f"--max-old-space-size={heap_mib}", f"workers/node/{worker}",
                snapshot.path, "--output", str(output),
            ),
            environment={"PATH": "/usr/bin:/bin", "TOKEN": SECRET, "NODE_OPTIONS": "--no-warnings"},
            working_folder=WORKERS.parents[1],
            output_folder=output,
            snapshots=(snapshot,),
            memory_limit_bytes=limit_mib * MIB,
            timeout_s=30,
            mounts=(MountRequest(path=Path(snapshot.path)),),
        )  # fmt: skip

    return make


def ending(sandbox: Sandbox, order: Order) -> tuple[Ending | None, str]:
    warm(order.snapshots)
    warm_program(order)
    observation = sandbox.run(order, lambda: False)
    return conclude(observation.exit).ending, observation.exit.stderr_tail


def profile_of(capture: Path, *, died: bool) -> Profile:
    profile = v8.read(capture, died=died)
    assert isinstance(profile, Profile), profile
    return profile


def test_v8_gives_up_and_the_profile_names_the_line(
    sandbox: Sandbox, node: str, order: Orders, folder: Path
) -> None:
    capture = folder / "my capture"
    capture.mkdir(mode=0o777)
    asked = v8.instrument(order(node, PARSE, heap_mib=SMALL_HEAP_MIB, limit_mib=1024), capture)

    assert ending(sandbox, asked)[0] is Ending.HEAP_EXHAUSTED

    profile = profile_of(capture, died=True)
    assert profile.moment is Moment.DEATH
    assert_parse_is_largest(profile)
    (report,) = capture.glob("report-*.json")
    assert json.loads(report.read_bytes())["javascriptHeap"]["usedMemory"] > 40 * MIB
    assert all(SECRET.encode() not in file.read_bytes() for file in capture.iterdir())


def test_the_kernel_kills_and_the_profile_names_the_line(
    sandbox: Sandbox, node: str, order: Orders, folder: Path
) -> None:
    capture = folder / "capture"
    capture.mkdir(mode=0o777)
    asked = v8.instrument(order(node, PARSE, heap_mib=LARGE_HEAP_MIB, limit_mib=144), capture)

    how, stderr = ending(sandbox, asked)

    assert (how, "FATAL ERROR" in stderr) == (Ending.OOM_KILLED, False)
    assert_parse_is_largest(profile_of(capture, died=True))
    assert not list(capture.glob("report-*.json"))


def assert_parse_is_largest(profile: Profile) -> None:
    """Check that JSON.parse's line holds most, whether V8 sampled it or could not tell any more."""
    text = (WORKERS / PARSE).read_text("utf-8").splitlines()
    call = next(n for n, line in enumerate(text, start=1) if "return JSON.parse(" in line)
    largest = max(
        (site for site in profile.sites if site.stack[0].function == "JSON.parse"),
        key=lambda site: site.bytes,
    )
    line = largest.line
    assert line is not None
    assert (line.function, line.file) == ("parse", str(WORKERS / PARSE))
    assert line.line in (call, call - 2)  # of the call itself, or where its function begins
    assert largest.bytes > 15 * MIB
    assert any(f"({WORKERS / PARSE}:{call})" in note for note in profile.notes)


@pytest.mark.parametrize(
    ("worker", "snapshot_name", "heap_mib", "limit_mib", "expected"),
    [
        (PARSE, "dense", SMALL_HEAP_MIB, 1024, Ending.HEAP_EXHAUSTED),
        (PARSE, "dense", LARGE_HEAP_MIB, 112, Ending.OOM_KILLED),
        ("streaming.mjs", "small", SMALL_HEAP_MIB, 128, Ending.COMPLETED),
    ],
)
def test_without_a_profile(
    worker: str,
    snapshot_name: str,
    heap_mib: int,
    limit_mib: int,
    expected: Ending,
    sandbox: Sandbox,
    node: str,
    order: Orders,
) -> None:
    asked = order(node, worker, heap_mib=heap_mib, limit_mib=limit_mib, snapshot_name=snapshot_name)
    assert ending(sandbox, asked)[0] is expected


def test_a_child_of_a_shell_that_gives_up(sandbox: Sandbox, node: str, order: Orders) -> None:
    asked = order(node, PARSE, heap_mib=SMALL_HEAP_MIB, limit_mib=1024)
    command = ("/bin/sh", "-c", '"$@"; exit $?', "sh", *asked.command)
    asked = msgspec.structs.replace(
        asked,
        command=command,
        mounts=(*asked.mounts, MountRequest(path=Path(node).resolve().parents[1])),
    )
    assert ending(sandbox, asked)[0] is Ending.HEAP_EXHAUSTED


def test_a_worker_that_lives_has_its_largest_state(
    node: str,
    order: Orders,
    folder: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    capture = folder / "capture"
    capture.mkdir(mode=0o777)
    asked = v8.instrument(
        order(node, PARSE, heap_mib=1024, limit_mib=1024, snapshot_name="small"), capture
    )

    assert ending(sandbox_for(SandboxKind.CGROUP), asked)[0] is Ending.COMPLETED

    profile = profile_of(capture, died=False)
    assert profile.moment is Moment.HIGH_WATER
    parsed = sum(s.bytes for s in profile.sites if s.stack[0].function == "JSON.parse")
    assert parsed > MIB
    assert profile.processes == 1


@pytest.mark.skipif(find_node() is None, reason="there is no Node.js here")
def test_the_scenario_shows_both_deaths_and_the_survivor(tmp_path: Path) -> None:
    need_packages()
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "scenarios/hero_snapshots/node.toml",
         "--out", tmp_path],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    file = next(tmp_path.glob("*/*/report.json"))  # of the run, or of the link to the latest
    report = json.loads(file.read_bytes())
    endings = [run["ending"] for run in report["runs"] if run["purpose"] == "verdict"]
    assert done.returncode == 0, done.stderr
    assert endings == ["completed", "oom_killed", "completed", "heap_exhausted"] + 2 * ["completed"]
    assert {found["sites"]["profiler"] for found in report["profiles"]} == {"v8"}
    assert all("streaming" in found["case"] for found in report["profiles"]), "those with a budget"
    notes = [finding["message"] for finding in report["findings"] if finding["budget"] == "heap"]
    assert "the kernel kills first" in notes[0]
    assert "V8 gave up at its own heap limit" in notes[1]
