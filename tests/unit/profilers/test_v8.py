"""What the reader makes of the files that a profiled Node.js process left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import InputError
from harness.core.profile import Frame, Moment, Profile
from harness.profilers import v8
from harness.profilers.v8_snapshot import HeapSnapshotInstrument, check_snapshot_room
from harness.sandbox.contract import MountRequest, Order

MIB = 2**20
ROOT = Frame(function="main", file="/w/my worker.mjs", line=5)
LINE = Frame(function="load", file="/w/my worker.mjs", line=8)


def node(
    function: str, url: str, line: int, size: int, *children: dict[str, Any]
) -> dict[str, Any]:
    return {
        "callFrame": {"functionName": function, "url": url, "lineNumber": line, "columnNumber": 1},
        "selfSize": size,
        "count": 2,
        "id": 1,
        "children": children,
    }


URL = "file:///w/my%20worker.mjs"
HEAD = node(
    "(root)", "", -1, 0,
    node("main", URL, 4, MIB, node("parse", "/x/inside/v8_profile.cjs", 70, 8 * MIB)),
)  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def save(name: str, pid: int = 7, at: int = 1000, **more: Any) -> None:
        document = {"schema": 1, "pid": pid, "at": at, "rss": 50 * MIB, **more}
        (tmp_path / f"v8-{pid}.{name}.json").write_text(json.dumps(document))

    return save


def state(**more: Any) -> dict[str, Any]:
    return {"node": "24.1.0", "since": 1500, "total": 9 * MIB, "head": HEAD, **more}


def read(folder: Path, *, died: bool = True) -> Profile:
    profile = v8.read(folder, died=died)
    assert isinstance(profile, Profile)
    return profile


def test_the_tree_becomes_sites(write: Callable[..., None], tmp_path: Path) -> None:
    write("thread", **state())
    profile = read(tmp_path)
    parse = Frame(function="JSON.parse", file="<native>", line=0)
    assert [(site.stack, site.bytes, site.count) for site in profile.sites] == [
        ((parse, ROOT), 8 * MIB, 2),
        ((ROOT,), MIB, 2),
    ]
    assert profile.sites[0].line == ROOT
    assert (profile.version, profile.moment) == ("Node.js 24.1.0", Moment.DEATH)
    assert (profile.total_bytes, profile.processes) == (9 * MIB, 1)
    assert any("1.5 s after its start: 9 MiB in its heap" in note for note in profile.notes)


def test_of_the_dead_the_latest_counts_and_of_others_the_largest(
    write: Callable[..., None], tmp_path: Path
) -> None:
    small = node("(root)", "", -1, 0, node("main", URL, 4, MIB))
    write("thread-peak", at=1000, **state())
    write("main", at=2000, **state(total=MIB, head=small))
    assert read(tmp_path).total_bytes == MIB
    alive = read(tmp_path, died=False)
    assert (alive.total_bytes, alive.moment) == (9 * MIB, Moment.HIGH_WATER)


def test_processes_are_merged(write: Callable[..., None], tmp_path: Path) -> None:
    write("thread", **state())
    write("thread", pid=8, **state())
    profile = read(tmp_path)
    assert (profile.processes, profile.sites[0].bytes) == (2, 16 * MIB)


CALL = {
    "name": "JSON.parse",
    "characters": 4_000_000,
    "stack": [{"functionName": "load", "url": URL, "lineNumber": 7}],
}


def test_a_call_that_did_not_return_gets_what_was_not_seen(
    write: Callable[..., None], tmp_path: Path
) -> None:
    write("call", at=1000, call=CALL)
    write("main", at=1001, **state())
    write("beat", at=1300, rss=250 * MIB)
    profile = read(tmp_path)
    assert profile.sites[0].bytes == 200 * MIB
    assert profile.sites[0].line == LINE
    (called, unseen) = profile.notes[-2:]
    assert "JSON.parse of a text of 4,000,000 characters, called from load (/w/my" in called
    assert "200 MiB that came after V8's last answer are known as a sum only, of resident" in unseen


def test_v8_that_gives_up_before_it_answers_is_said_with_the_call(
    write: Callable[..., None], tmp_path: Path
) -> None:
    report = {"header": {"processId": 7}, "javascriptHeap": {"usedMemory": 100 * MIB}}
    (tmp_path / "report-7.json").write_text(json.dumps(report))
    assert v8.read(tmp_path, died=True) == "V8 gave up before its profiler's first answer"
    write("call", at=1000, call=CALL)
    said = str(v8.read(tmp_path, died=True))
    assert "as JSON.parse of a text of 4,000,000 characters, called from load (" in said


def test_what_came_before_the_call_is_not_blamed_on_it(
    write: Callable[..., None], tmp_path: Path
) -> None:
    write("thread", at=900, **state())
    write("call", at=1000, rss=150 * MIB, call=CALL)
    write("beat", at=1300, rss=250 * MIB)
    (unseen, *_) = read(tmp_path).sites
    assert (unseen.stack[0].function, unseen.bytes) == ("(since V8's last answer)", 200 * MIB)


def test_a_report_knows_the_heap_and_loses_the_environment(
    write: Callable[..., None], tmp_path: Path
) -> None:
    report = {
        "header": {"processId": 7, "host": "me", "commandLine": ["node", "w.mjs"]},
        "javascriptHeap": {"usedMemory": 100 * MIB},
        "environmentVariables": {"TOKEN": "sesame"},
    }
    path = tmp_path / "report-7.json"
    path.write_text(json.dumps(report))
    (tmp_path / "report-8.json").write_text('{"header": {}, "environmentVar')
    write("call", at=1000, call=CALL)
    write("main", at=1001, **state())

    assert read(tmp_path).sites[0].bytes == 91 * MIB

    kept = json.loads(path.read_text())
    assert kept == {
        "header": {"processId": 7, "commandLine": ["node", "w.mjs"]},
        "javascriptHeap": {"usedMemory": 100 * MIB},
    }
    assert not (tmp_path / "report-8.json").exists()


def test_files_that_are_not_whole_are_named(write: Callable[..., None], tmp_path: Path) -> None:
    write("thread", **state())
    for number, text in enumerate(["", "{", "[]", '{"pid": "x"}', "\xff"]):
        (tmp_path / f"v8-{number}.thread.json").write_text(text, "latin-1")
    (tmp_path / "v8-7.beat.json").write_text("")
    profile = read(tmp_path)
    assert "v8-0.thread.json, v8-1.thread.json" in profile.notes[-1]
    assert profile.total_bytes == 9 * MIB


def test_an_empty_folder_is_a_reason(tmp_path: Path) -> None:
    assert "no process of the worker was Node.js" in str(v8.read(tmp_path, died=True))


@pytest.fixture
def order() -> Order:
    return Order(
        command=("node", "--max-old-space-size=64", "w.mjs"),
        environment={"NODE_OPTIONS": '--require "/a b/c.cjs"', "A": "1"},
        working_folder=Path("/w"),
        output_folder=Path("/o"),
        snapshots=(),
        memory_limit_bytes=1024 * MIB,
        timeout_s=1,
    )


def test_an_order_keeps_the_workers_own_options(order: Order) -> None:
    asked = v8.instrument(order, Path("/my capture"))
    options = asked.environment["NODE_OPTIONS"]
    assert options.endswith('v8_profile.cjs --require "/a b/c.cjs"')
    assert asked.environment["OOMPROOF_CAPTURE"] == "/my capture"
    assert asked.environment["A"] == "1"
    (inside, capture) = asked.mounts
    assert (inside.path / "v8_profile.cjs").is_file()
    assert not inside.writable
    assert capture == MountRequest(path=Path("/my capture"), writable=True)


def test_a_heap_snapshot_is_made_only_where_it_fits() -> None:
    command = ("node", "--max-old-space-size=64", "w.mjs", "{snapshot}")
    check_snapshot_room(command, "", 1600 * MIB)
    with pytest.raises(InputError, match=r"64 MiB needs about 1.6 GiB of memory, 25 times"):
        check_snapshot_room(command, "", 1599 * MIB)
    with pytest.raises(InputError, match="needs a known heap limit"):
        check_snapshot_room(("node", "w.mjs"), "", 9999 * MIB)
    check_snapshot_room(("node", "w.mjs"), "--max-old-space-size=64", 9999 * MIB)
    with pytest.raises(InputError, match=r"starts no Node\.js"):
        check_snapshot_room(("python3", "w.py"), "--max-old-space-size=64", 9999 * MIB)


def test_a_heap_snapshot_that_is_not_whole_is_removed(order: Order, tmp_path: Path) -> None:
    folder = tmp_path / "my heaps"
    instrument = HeapSnapshotInstrument(folder=folder)
    asked = instrument.change(order)
    options = asked.environment["NODE_OPTIONS"]
    assert options == (
        f'--heapsnapshot-near-heap-limit=1 "--diagnostic-dir={folder}" --require "/a b/c.cjs"'
    )
    assert asked.mounts == (MountRequest(path=folder, writable=True),)
    (folder / "Heap.1.heapsnapshot").write_text('{"nodes":[1]}\n')
    (folder / "Heap.2.heapsnapshot").write_text('{"nodes":[1')
    (folder / "Heap.3.heapsnapshot").touch()
    assert instrument.files() == ("Heap.1.heapsnapshot",)
    assert [path.name for path in folder.iterdir()] == ["Heap.1.heapsnapshot"]
