"""`oomproof reproduce` and `oomproof requirement` as a user runs them, in real sandboxes."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox
from synthetic import generate

MIB = 2**20
SNAPSHOT_BYTES = 20_000_000
KINDS = [
    pytest.param(SandboxKind.DOCKER, marks=pytest.mark.docker),
    pytest.param(SandboxKind.CGROUP, marks=pytest.mark.cgroup),
    SandboxKind.PROCESS,
]
FULL = """
    import json, sys
    def load(path):
        with open(path, "rb") as file:
            return json.loads(file.read())
    print(len(load(sys.argv[1])))
"""
LEAK = """
    import ijson, sys
    kept = []
    def read(path):
        with open(path, "rb", buffering=0) as file:
            for troop in ijson.items(file, "troops.item", use_float=True):
                kept.append(troop)
    read(sys.argv[1])
"""
STREAM = """
    import ijson, sys
    with open(sys.argv[1], "rb") as file:
        print(sum(1 for _ in ijson.items(file, "troops.item", use_float=True)))
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reproduce") / "export.json"
    with path.open("wb") as file:
        for chunk in generate("hero_snapshot", size_bytes=SNAPSHOT_BYTES, seed=7):
            file.write(chunk)
    return path


class User:
    """Writes workers into a folder, and runs commands there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def writes(self, name: str, code: str) -> str:
        (self.folder / name).write_text(textwrap.dedent(code), "utf-8")
        return f"{sys.executable} {name} {{snapshot}}"

    def runs(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "harness", *map(str, words)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )

    def asks(self, *words: str | Path) -> dict[str, Any]:
        done = self.runs(*words, "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def line_of(user: User, name: str, text: str) -> str:
    lines = (user.folder / name).read_text("utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if text in line)
    return f"{user.folder / name}:{number}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_parse_that_dies(
    kind: SandboxKind, user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    full, stream = user.writes("full.py", FULL), user.writes("stream.py", STREAM)
    words = ("reproduce", snapshot, "--memory", "80MiB", "--sandbox", kind, "--command", full)
    answer = user.asks(*words, "--against", stream)
    assert answer["ending"] == "oom_killed"
    assert answer["at"] == line_of(user, "full.py", "json.loads")
    assert answer["stopped_at"]["path"] is None
    assert answer["stopped_at"]["offset"] in {SNAPSHOT_BYTES, None}
    assert answer["stopped_at"]["reason"]
    assert answer["requirement_bytes"] > 150 * MIB
    assert answer["against"]["ending"] == "completed"
    assert answer["problems"] == []
    assert answer["sites"][0]["at"] == answer["at"]
    assert answer["sites"][0]["share"] > 0.8
    assert "json.loads" in answer["sites"][0]["source"]
    assert any("full.py" in frame for frame in answer["sites"][0]["stack"])
    assert answer["profile"]["same_stack"] is True
    assert answer["profile"]["moment"] == "death"
    heap = answer["heap"]
    parts = ("requested", "base", "profiler", "kernel", "remainder")
    assert heap["resident_bytes"] == sum(heap[f"{part}_bytes"] for part in parts)
    steps = " ".join(step["do"] for step in answer["next_steps"])
    assert "stream.py" in steps
    assert "size guard" in steps
    assert "Quarantine" in steps
    assert "Raise the limit" in steps
    folder = Path(answer["evidence_dir"])
    for name in answer["profile"]["files"]:
        assert (folder / name).stat().st_size > 0
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 50_000_000
    assert json.loads((folder / "answer.json").read_text("utf-8"))["ending"] == "oom_killed"
    assert "oom\\_killed after" in (folder / "answer.md").read_text("utf-8")
    page = (folder / "report.html").read_text("utf-8")
    for told in ("OOM-killed", "Flame graph", "What the JSON costs", "frozen and looked at"):
        assert told in page
    fits = answer["largest_snapshot"]["snapshot_bytes"]
    assert fits == pytest.approx(80 * MIB / answer["requirement_bytes"] * SNAPSHOT_BYTES, rel=0.1)


@pytest.mark.cgroup
def test_a_streaming_worker_that_leaks_is_found_in_the_json(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("leak.py", LEAK)
    words = ("reproduce", snapshot, "--memory", "30MiB", "--sandbox", "cgroup")
    answer = user.asks(*words, "--command", command)
    assert answer["ending"] == "oom_killed"
    assert answer["stopped_at"]["path"].startswith("$.troops[")
    assert 0 < answer["stopped_at"]["offset"] < SNAPSHOT_BYTES
    assert "What is kept" not in answer["next_steps"][0]["do"]
    assert "$.troops[" in answer["next_steps"][0]["do"]


@pytest.mark.cgroup
def test_a_streaming_worker_that_dies_after_the_end_is_not_told_to_stream(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    code = LEAK.replace(
        "read(sys.argv[1])", "read(sys.argv[1]); more = bytearray(b'x') * (80 << 20)"
    )
    command = user.writes("late.py", code)
    words = ("reproduce", snapshot, "--memory", "100MiB", "--sandbox", "cgroup")
    answer = user.asks(*words, "--command", command)
    assert answer["ending"] == "oom_killed"
    assert answer["manner"] == "pieces"
    assert "as a stream" not in answer["next_steps"][0]["do"]


@pytest.mark.cgroup
def test_what_only_a_shell_starts_is_one_process(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("full.py", FULL)
    words = ("reproduce", snapshot, "--memory", "80MiB", "--sandbox", "cgroup", "--command")
    answer = user.asks(*words, f"sh -c '{command}; exit $?'")
    assert answer["runs"][0]["killed"] == "child"
    assert not any("Run one process" in step["do"] for step in answer["next_steps"])
    assert answer["requirement"]["method"] == "predicted"


@pytest.mark.cgroup
def test_a_worker_that_is_given_no_snapshot(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("alone.py", "data = bytearray(b'x') * (200 << 20)")
    command = command.removesuffix(" {snapshot}")
    words = ("reproduce", snapshot, "--memory", "80MiB", "--sandbox", "cgroup", "--command")
    answer = user.asks(*words, command)
    assert any("no {snapshot}" in problem for problem in answer["problems"])
    steps = [step["do"] for step in answer["next_steps"]]
    assert steps[0].startswith(f"Look at {user.folder / 'alone.py'}:1")
    assert not any("stream" in step or "Quarantine" in step for step in steps[:-1])
    done = user.runs("requirement", snapshot, "--sandbox", "cgroup", "--", *command.split())
    assert "no {snapshot}" in done.stderr


@pytest.mark.cgroup
@pytest.mark.parametrize(("limit", "ending"), [("80MiB", "oom_killed"), ("512MiB", "crashed")])
def test_a_snapshot_that_was_cut_short_is_told(
    limit: str,
    ending: str,
    user: User,
    snapshot: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    cut = user.folder / "cut.json"
    cut.write_bytes(snapshot.read_bytes()[:-1_000_000])
    command = user.writes("full.py", FULL)
    words = ("reproduce", cut, "--memory", limit, "--sandbox", "cgroup", "--command", command)
    done = user.runs(*words)
    assert done.returncode == 0, done.stderr
    assert f"Ended        {ending}" in done.stdout
    page = " ".join(done.stdout.split())
    assert "cut.json is not valid JSON: at byte 19,000,000" in page
    assert "json.decoder.JSONDecodeError: Unterminated string" in page


@pytest.mark.cgroup
def test_a_worker_that_passes_is_said_with_its_peak(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("stream.py", STREAM)
    words = ("reproduce", snapshot, "--memory", "256MiB", "--sandbox", "cgroup")
    answer = user.asks(*words, "--command", command)
    assert answer["ending"] == "completed"
    assert answer["autopsy"] is None
    assert 5 * MIB < answer["requirement_bytes"] < 64 * MIB
    assert "something differs" in answer["next_steps"][0]["why"]


@pytest.mark.cgroup
@pytest.mark.parametrize(
    ("code", "ending"),
    [("raise SystemExit(4)", "crashed"), ("raise SystemExit(75)", "refused")],
)
def test_a_worker_that_ends_otherwise_is_answered_too(
    code: str,
    ending: str,
    user: User,
    snapshot: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("bad.py", code)
    words = ("reproduce", snapshot, "--memory", "256MiB", "--sandbox", "cgroup")
    answer = user.asks(*words, "--command", command)
    assert answer["ending"] == ending
    assert answer["requirement_bytes"] is None
    assert answer["next_steps"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_requirement_passes_and_less_does_not(
    kind: SandboxKind, user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    command = user.writes("full.py", FULL)
    found = user.asks("requirement", snapshot, "--sandbox", kind, "--command", command)
    assert found["method"] in {"predicted", "confirmed"}
    assert 1 <= len(found["runs"]) <= 3
    if kind is SandboxKind.PROCESS:
        assert found["approximate"]
        return
    run = ("run", "--sandbox", kind, "--snapshot", snapshot, "--json")
    codes = {}
    for share in (1.0, 0.98):
        limit = str(int(found["requirement_bytes"] * share))
        done = user.runs(*run, "--memory", limit, "--", *command.split())
        codes[share] = json.loads(done.stdout)["runs"][0]["ending"]
    assert codes == {1.0: "completed", 0.98: "oom_killed"}


REQUIRING = {
    "orjson": "import orjson, sys; data = orjson.loads(open(sys.argv[1], 'rb').read())",
    "msgspec": "import msgspec, sys; d = msgspec.json.decode(open(sys.argv[1], 'rb').read())",
    "leak": LEAK,
    "numpy": """
        import numpy
        kept = [numpy.ones(1 << 17) for _ in range(150)]
    """,
    "child": """
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "data = bytearray(b'x') * (150 << 20)"], check=True)
    """,
    "threads": """
        import threading
        def work():
            barrier.wait(); kept.append(bytearray(b"x") * (40 << 20)); barrier.wait()
        kept, barrier = [], threading.Barrier(4)
        threads = [threading.Thread(target=work) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
    """,
    "pool": """
        import multiprocessing, time
        def work(number):
            data = bytearray(b"x") * (60 << 20)
            barrier.wait()
            time.sleep(0.1)
            return len(data)
        barrier = multiprocessing.Barrier(3)
        with multiprocessing.Pool(3) as pool:
            pool.map(work, range(3), chunksize=1)
    """,
    "asyncio": """
        import asyncio
        async def work():
            data = bytearray(b"x") * (40 << 20)
            await asyncio.sleep(0.2)
            return len(data)
        async def main():
            await asyncio.gather(*(work() for _ in range(4)))
        asyncio.run(main())
    """,
    "writer": """
        import os
        data = bytearray(b"x") * (100 << 20)
        with open(os.path.join(os.environ["OOMPROOF_OUTPUT"], "written"), "wb") as file:
            for _ in range(300):
                file.write(os.urandom(1 << 20))
    """,
}


@pytest.mark.cgroup
@pytest.mark.parametrize("worker", REQUIRING)
def test_what_a_worker_needs_is_bracketed_by_one_percent(
    worker: str, user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes(f"{worker}_worker.py", REQUIRING[worker])
    found = user.asks("requirement", snapshot, "--sandbox", "cgroup", "--command", command)
    run = ("run", "--sandbox", "cgroup", "--snapshot", snapshot, "--timeout", "10s", "--json")
    endings = []
    for share in (1.0025, 0.9875):  # a quarter of a percent is what runs of one worker differ by
        limit = str(int(found["requirement_bytes"] * share))
        # A busy disk can have a writer killed where it fits, but never lets it pass where it does
        # not: so what counts is whether one of three runs completes.
        seen = set()
        for _ in range(3):
            done = user.runs(*run, "--memory", limit, "--", *command.split())
            seen.add(json.loads(done.stdout)["runs"][0]["ending"])
            if "completed" in seen:
                break
        endings.append(seen)
    assert "completed" in endings[0], (found, endings)
    assert endings[1] == {"oom_killed"}, (found, endings)


@pytest.mark.cgroup
def test_more_than_the_ceiling_is_no_answer(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    command = user.writes("full.py", FULL)
    words = ("requirement", snapshot, "--sandbox", "cgroup", "--ceiling", "100MiB")
    done = user.runs(*words, "--json", "--command", command)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["requirement_bytes"] is None
    assert "larger --ceiling" in found["reason"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("reproduce", "{s}", "--memory", "64MiB"), "give the command, such as"),
        (("reproduce", "{s}", "--memory", "64MiB", "--command", "a 'b"), "No closing quotation"),
        (("reproduce", "{s}", "--memory", "64MiB", "--command", "a", "--", "b"), "command once"),
        (
            ("reproduce", "{s}", "--memory", "64MiB", "--against", "a 'b", "--", "true"),
            "--against: No closing quotation",
        ),
        (("reproduce", "{s}", "--memory", "9MiB", "--against", " ", "--", "true"), "--against: it"),
        (("reproduce", "{s}", "--memory", "much", "--", "true"), "is not a size"),
        (("reproduce", "nowhere.json", "--memory", "64MiB", "--", "true"), "is not there"),
        (("requirement", "{s}", "--ceiling", "99TiB", "--", "true"), "--ceiling"),
        (("requirement", "{s}", "--ceiling", "0.5.5", "--", "true"), "--ceiling"),
        (("requirement", "{s}", "--", "no-such-program"), "is not found"),
        (("requirement", "{s}", "--sandbox", "moon", "--", "true"), "--sandbox"),
        (("reproduce", "{s}", "--memory", "9GiB", "--ceiling", "1GiB", "--", "true"), "--ceiling"),
    ],
)
def test_what_cannot_be_asked(
    words: tuple[str, ...], problem: str, user: User, snapshot: Path
) -> None:
    done = user.runs(*(word.replace("{s}", str(snapshot)) for word in words))
    assert done.returncode == 2, done.stderr
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_parent_that_waits_for_its_killed_child_is_not_waited_for(
    kind: SandboxKind, user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    code = """
        import os
        read, write = os.pipe()
        if os.fork() == 0:
            data = bytearray(b"x") * (200 << 20)
            os.write(write, b"done")
            os._exit(0)
        os.read(read, 4)  # for ever, where the child is killed: this process holds the pipe too
    """
    command = user.writes("waits.py", code)
    words = ("reproduce", snapshot, "--memory", "64MiB", "--sandbox", kind)
    began_s = time.monotonic()
    answer = user.asks(*words, "--command", command)
    assert time.monotonic() - began_s < 90
    assert answer["ending"] == "oom_killed"
    assert answer["runs"][0]["killed"] == "child"
    assert answer["runs"][0]["wall_seconds"] < 10


@pytest.mark.node
@pytest.mark.cgroup
def test_a_node_worker_that_dies_while_it_parses(
    user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; apt install nodejs")
    code = """
        const fs = require("fs");
        function load(path) {
          return JSON.parse(fs.readFileSync(path, "utf8"));
        }
        const all = [];
        for (let round = 0; round < 4; round++) all.push(load(process.argv[2]));
        console.log(all.length);
    """
    user.writes("full.cjs", code)
    words = ("reproduce", snapshot, "--memory", "96MiB", "--sandbox", "cgroup", "--command")
    answer = user.asks(*words, f"{node} full.cjs {{snapshot}}")
    assert answer["ending"] == "oom_killed"
    assert answer["profile"]["profiler"] == "v8"
    assert answer["profile"]["cost_bytes"] > MIB
    assert "full.cjs" in answer["sites"][0]["at"]
    assert answer["stack"] == []
    assert any("no Python process" in problem for problem in answer["problems"])
    assert answer["requirement_bytes"] > 100 * MIB
    assert answer["manner"] == "whole"
    assert answer["requirement"]["is_exact"] is False


@pytest.mark.node
@pytest.mark.cgroup
@pytest.mark.parametrize(
    ("heap_mib", "limit", "ending", "step"),
    [
        (4096, "48MiB", "oom_killed", "Set --max-old-space-size=36, about 75 % of the limit"),
        (16, "512MiB", "heap_exhausted", "The sandbox could hold --max-old-space-size=384"),
    ],
)
def test_a_nodes_heap_limit_is_held_against_the_sandboxs(
    heap_mib: int,
    limit: str,
    ending: str,
    step: str,
    user: User,
    snapshot: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
) -> None:
    sandbox_for(SandboxKind.CGROUP)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; apt install nodejs")
    code = "JSON.parse(require('fs').readFileSync(process.argv[2], 'latin1'))"
    user.writes("full.cjs", code)
    words = ("reproduce", snapshot, "--memory", limit, "--sandbox", "cgroup", "--command")
    answer = user.asks(*words, f"{node} --max-old-space-size={heap_mib} full.cjs {{snapshot}}")
    assert answer["ending"] == ending
    assert answer["next_steps"][0]["do"].startswith(step)


@pytest.mark.node
@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_heap_snapshot_is_made_on_request(
    kind: SandboxKind, user: User, snapshot: Path, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> None:
    sandbox_for(kind)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; apt install nodejs")
    user.writes("grow.cjs", "const all = []; for (;;) all.push({ number: String(all.length) });")
    words = ("reproduce", snapshot, "--memory", "256MiB", "--sandbox", kind, "--heap-snapshot")
    command = f"{node} --max-old-space-size=16 grow.cjs {{snapshot}}"
    answer = user.asks(*words, "--command", command)
    assert answer["ending"] == "heap_exhausted"
    (file,) = answer["heap_snapshots"]
    document = json.loads((Path(answer["evidence_dir"]) / file).read_bytes())
    assert len(document["nodes"]) > 1000
    refused = {
        command.replace("=16", "=300"): "--heap-snapshot: a snapshot of a heap of 300 MiB needs",
        f"{sys.executable} -c pass": "starts no Node.js",
    }
    for asked, why in refused.items():
        done = user.runs(*words, "--ceiling", "512MiB", "--command", asked)
        assert done.returncode == 2, done.stderr
        assert why in done.stderr
