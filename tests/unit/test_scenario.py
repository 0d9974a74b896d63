import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.core.scenario import SandboxKind, Scenario, read_scenario, scenario_of

HERO = Path(__file__).parents[2] / "scenarios" / "hero_snapshots" / "scenario.toml"
Documents = Callable[..., dict[str, Any]]


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        scenario_of(document, source="s.toml")
    return str(caught.value)


def test_the_scenario_of_the_repository_is_read() -> None:
    scenario = read_scenario(HERO.read_text("utf-8"), source="scenario.toml")
    assert [worker.name for worker in scenario.worker] == ["full-parse", "streaming"]
    assert [size.bytes for size in scenario.snapshots.sizes] == [5_000_000, 50_000_000, 200_000_000]
    assert scenario.limits.memory[0].bytes == 512 * 2**20
    assert scenario.worker[0].expect[0].ending is Ending.OOM_KILLED
    budget = scenario.budget[0]
    assert budget.peak is not None
    assert budget.growth is not None
    assert (budget.peak.bytes, budget.growth.fraction) == (64 * 2**20, 0.02)


def test_what_is_left_out_has_a_default(make_document: Documents) -> None:
    document = make_document()
    del document["limits"]
    scenario = scenario_of(document, source="s.toml")
    assert [limit.text for limit in scenario.limits.memory] == ["unlimited"]
    assert scenario.limits.memory[0].bytes is None
    assert scenario.limits.timeout.seconds == 120
    assert (scenario.repeat, scenario.sandbox.kind) == (1, SandboxKind.AUTO)


WORKER = {"name": "streaming", "command": ["{python}", "w.py", "{snapshot}"]}
SHAPE = {"shape": "hero_snapshot", "sizes": ["5MB"]}


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"schema": 2}, "schema", "newer"),
        ({"schema": 0}, "schema", "write `schema = 1`"),
        ({"schema": "1"}, "schema", "write `schema = 1`"),
        ({"schema": True}, "schema", "int"),
        ({"name": "a/b"}, "name", "folder"),
        ({"name": ".."}, "name", "folder"),
        ({"name": ""}, "name", "folder"),
        ({"name": "demo\n"}, "name", "folder"),
        ({"name": 5}, "name", "str"),
        ({"repeat": 0}, "repeat", "at least once"),
        ({"repeat": 10**9}, "repeat", "at most 1000"),
        ({"repeat": "3"}, "repeat", "int"),
        ({"extra": 1}, "extra", "unknown key"),
        ({"snapshots": {}}, "snapshots", "either `shape`"),
        ({"snapshots": {**SHAPE, "files": ["a"]}}, "snapshots", "either `shape`"),
        ({"snapshots": {"shape": "hero_snapshot"}}, "snapshots.sizes", "needs sizes"),
        ({"snapshots": {"files": ["a"], "sizes": ["1B"]}}, "snapshots.sizes", "take this key away"),
        ({"snapshots": {**SHAPE, "sizes": ["5Mb"]}}, "snapshots.sizes[0]", "is not a size"),
        ({"snapshots": {**SHAPE, "sizes": [5]}}, "snapshots.sizes[0]", "no unit"),
        ({"snapshots": {**SHAPE, "sizes": ["0B"]}}, "snapshots.sizes", "no bytes"),
        ({"snapshots": {**SHAPE, "sizes": ["5MB", "5000kB"]}}, "snapshots.sizes", "twice"),
        ({"snapshots": {**SHAPE, "seed": -1}}, "snapshots.seed", "negative"),
        ({"snapshots": {**SHAPE, "size": ["5MB"]}}, "snapshots.size", "unknown key"),
        ({"snapshots": {"files": ["a\0"]}}, "snapshots.files", "null character"),
        ({"sandbox": {"kind": "dokcer"}}, "sandbox.kind", "docker, cgroup, process"),
        ({"sandbox": {"kind": "process", "image": "python:3.13"}}, "sandbox.image", "no images"),
        ({"sandbox": {"kind": "cgroup", "image": "python:3.13"}}, "sandbox.image", "no images"),
        ({"sandbox": {"image": ""}}, "sandbox.image", "is no image"),
        ({"sandbox": {"cpus": 0}}, "sandbox.cpus", "0.01 or more"),
        ({"sandbox": {"cpus": -1.0}}, "sandbox.cpus", "0.01 or more"),
        ({"sandbox": {"cpus": 0.001}}, "sandbox.cpus", "0.01 or more"),
        ({"sandbox": {"cpus": float("nan")}}, "sandbox.cpus", "0.01 or more"),
        ({"sandbox": {"cpus": float("inf")}}, "sandbox.cpus", "0.01 or more"),
        ({"sandbox": {"mounts": ["data"]}}, "sandbox.mounts[0]", "not an absolute path"),
        ({"sandbox": {"mounts": [":rw"]}}, "sandbox.mounts[0]", "not an absolute path"),
        ({"sandbox": {"env": {"A": "1", "B": 1}}}, "sandbox.env.B", "str"),
        ({"sandbox": {"env": {"A=B": "1"}}}, "sandbox.env", "name of a variable"),
        ({"sandbox": {"env": {"": "1"}}}, "sandbox.env", "name of a variable"),
        ({"sandbox": {"env": {"A": "\0"}}}, "sandbox.env", "null character"),
        ({"limits": {"memory": []}}, "limits.memory", "at least one"),
        ({"limits": {"memory": ["0B"]}}, "limits.memory[0]", "zero"),
        ({"limits": {"memory": ["1GiB", "0.5B"]}}, "limits.memory[1]", "zero"),
        ({"limits": {"memory": ["512"]}}, "limits.memory[0]", 'meant is "512MiB"?'),
        ({"limits": {"memory": ["100kB"]}}, "limits.memory[0]", "less than any program needs"),
        ({"limits": {"memory": ["512Mb"]}}, "limits.memory[0]", '"512MiB" or "512MB"'),
        ({"limits": {"memory": ["never"]}}, "limits.memory[0]", '"unlimited"'),
        ({"limits": {"memory": [512]}}, "limits.memory[0]", "no unit"),
        ({"limits": {"memory": "512MiB"}}, "limits.memory", "array"),
        ({"limits": {"memory": ["1GiB", "1GiB"]}}, "limits.memory[1]", "twice"),
        ({"limits": {"timeout": "120"}}, "limits.timeout", "is not a duration"),
        ({"limits": {"timeout": 120}}, "limits.timeout", '"120s"'),
        ({"limits": {"timeout": "0s"}}, "limits.timeout", "some time"),
        ({"limits": {"swap": "1GiB"}}, "limits.swap", "unknown key"),
        ({"budget": [{"worker": "nobody", "peak": "1GiB"}]}, "budget[0].worker", '"streaming"'),
        ({"budget": [{"worker": "streaming"}]}, "budget[0]", "allow something"),
        (
            {"budget": [{"worker": "streaming", "growth_per_snapshot": "1MiB"}]},
            "budget[0].growth_per_snapshot",
            "one snapshot at a time; write {snapshots}",
        ),
        (
            {"worker": [{"name": "w", "command": ["w", "{snapshot}"], "passes": 2}]},
            "worker[0].passes",
            "only a command with {snapshots}",
        ),
        (
            {"worker": [{"name": "w", "command": ["w", "{snapshots}"], "passes": 0}]},
            "worker[0].passes",
            "once at least",
        ),
        ({"budget": [{"peak": "1GiB"}]}, "budget[0].worker", "missing"),
        ({"budget": [{"worker": "streaming", "pek": "1GiB"}]}, "budget[0].pek", "unknown key"),
        ({"budget": [{"worker": "streaming", "peak": "0MiB"}]}, "budget[0].peak", "no memory"),
        ({"budget": [{"worker": "streaming", "peak": "64"}]}, "budget[0].peak", '"64MiB"'),
        ({"budget": [{"worker": "streaming", "growth": 2}]}, "budget[0].growth", '"2%"'),
        ({"budget": [{"worker": "streaming", "growth": "2"}]}, "budget[0].growth", "percentage"),
        *(
            (
                {"budget": [{"worker": "streaming", "per_input_byte": slope}]},
                "budget[0].per_input_byte",
                "cannot be held",
            )
            for slope in (-0.1, float("nan"), float("inf"))
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(
    changes: dict[str, Any], key: str, words: str, make_document: Documents
) -> None:
    message = refusal(make_document(**changes))
    assert message.startswith(f"s.toml: {key}: ")
    assert words in message


@pytest.mark.parametrize(
    ("worker", "key", "words"),
    [
        ({"name": "w"}, "worker[0]", "either `command` or `callable`"),
        ({"name": "w", "command": []}, "worker[0]", "either"),
        ({**WORKER, "callable": "w.py:f"}, "worker[0]", "either"),
        ({"command": ["w", "{snapshot}"]}, "worker[0].name", "missing"),
        ({**WORKER, "name": ""}, "worker[0].name", "cannot be shown"),
        ({**WORKER, "name": "a\x1b[31m"}, "worker[0].name", "cannot be shown"),
        ({**WORKER, "comand": []}, "worker[0].comand", "unknown key"),
        ({**WORKER, "command": "w {snapshot}"}, "worker[0].command", "array"),
        ({**WORKER, "command": ["w", "{snapshoot}"]}, "worker[0].command", "{{snapshoot}}"),
        ({**WORKER, "command": ["w", "a{snapshots}"]}, "worker[0].command", "word of its own"),
        ({**WORKER, "command": ["sh", "a\0b"]}, "worker[0].command", "null character"),
        ({"name": "w", "callable": "w.py"}, "worker[0].callable", "file.py:function"),
        ({"name": "w", "callable": ":f"}, "worker[0].callable", "file.py:function"),
        ({"name": "w", "callable": "{x}.py:f"}, "worker[0].callable", "nothing fills {x}"),
        ({**WORKER, "sweep": {"n": [1]}}, "worker[0].sweep.n", "no {n}"),
        ({**WORKER, "sweep": {"snapshot": ["a"]}}, "worker[0].sweep.snapshot", "by oomproof"),
        ({**WORKER, "sweep": {"concurrency": [2]}}, "worker[0].sweep.concurrency", "reserved"),
        ({**WORKER, "sweep": {"concurrency": 2}}, "worker[0].sweep.concurrency", "reserved"),
        ({**WORKER, "sweep": {"m": [1], "n": 1}}, "worker[0].sweep.n", "array"),
        ({**WORKER, "sweep": {"m": [1], "n": [1, []]}}, "worker[0].sweep.n[1]", "array"),
        ({**WORKER, "expect": [{"ending": "died"}]}, "worker[0].expect[0].ending", "oom_killed"),
        ({**WORKER, "expect": [{}]}, "worker[0].expect[0].ending", "missing"),
        (
            {**WORKER, "expect": [{"ending": "crashed", "snapshot": "6MB"}]},
            "worker[0].expect[0].snapshot",
            '"6MB" is none of 5MB, 50MB',
        ),
        (
            {**WORKER, "expect": [{"ending": "crashed", "memory": "1GiB"}]},
            "worker[0].expect[0].memory",
            '"1GiB" is none of 512MiB',
        ),
    ],
)
def test_what_is_wrong_with_a_worker(
    worker: dict[str, Any], key: str, words: str, make_document: Documents
) -> None:
    message = refusal(make_document(worker=[worker]))
    assert message.startswith(f"s.toml: {key}: ")
    assert words in message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "at least one"),
        ([1, 1], "twice"),
        ([1, "1"], "twice"),
        ([float("nan")], "finite"),
        ([float("inf")], "finite"),
        (["\0"], "null character"),
    ],
)
def test_what_is_wrong_with_a_sweep(
    values: list[Any], words: str, make_document: Documents
) -> None:
    worker = {"name": "w", "command": ["w", "{n}"], "sweep": {"n": values}}
    message = refusal(make_document(worker=[worker]))
    assert message.startswith("s.toml: worker[0].sweep.n: ")
    assert words in message


def test_workers_are_needed_and_told_apart(make_document: Documents) -> None:
    assert "worker: a scenario needs" in refusal(make_document(worker=[]))
    assert 'worker[1].name: "streaming" names two' in refusal(make_document(worker=[WORKER] * 2))
    without = make_document()
    del without["worker"]
    assert "worker: this key is missing" in refusal(without)


def test_a_callable_gets_one_snapshot_as_a_command_does(
    make_scenario: Callable[..., Scenario],
) -> None:
    scenario = make_scenario(worker=[{"name": "w", "callable": "jobs/w.py:run"}])
    words = scenario.worker[0].command_line()
    assert words[0] == "{python}"
    assert words[-3:] == ("jobs/w.py", "run", "{snapshot}")


@pytest.mark.parametrize(
    "text",
    ["schema = ", "= 1", "[a", "schema = 1\nschema = 1", f"a = {'[' * 9000}", f"a = {'9' * 9000}"],
)
def test_what_is_no_toml_is_said_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^s\.toml: not a TOML file") as caught:
        read_scenario(text, source="s.toml")
    assert "\n" not in str(caught.value)


def test_a_place_in_a_file_of_toml_is_named() -> None:
    text = textwrap.dedent("""\
        schema = 1
        name = "a
        """)
    with pytest.raises(InputError, match="at line 2"):
        read_scenario(text, source="s.toml")


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"image": "python:3.13"}, "docker"),
        ({"kind": "auto", "image": "python:3.13"}, "docker"),
        ({"kind": "auto", "image": "host"}, "auto"),
        ({"kind": "cgroup", "image": "host"}, "cgroup"),
        ({}, "auto"),
    ],
)
def test_an_image_is_run_by_docker_or_not_at_all(
    settings: dict[str, str], kind: str, make_document: Documents
) -> None:
    scenario = scenario_of(make_document(sandbox=settings), source="s.toml")
    assert scenario.sandbox.kind == kind
