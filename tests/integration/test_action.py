"""The composite action: its file against the published schema, its steps in a runner's shell."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

ROOT: Final = Path(__file__).parents[2]
ACTION: Final = ROOT / "action.yml"
_EXPRESSION: Final = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
_WORKER: Final = "import sys; sys.exit(int(sys.argv[2]))\n"


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(ACTION.read_text("utf-8"))
    return document


class Runner:
    """What the runner of GitHub Actions is to a composite action's steps of a shell."""

    def __init__(self, folder: Path, action: Mapping[str, Any], **inputs: str) -> None:
        defaults = {name: one.get("default", "") for name, one in action["inputs"].items()}
        self._context = {
            **{f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()},
            "github.action_path": str(ROOT),
        }
        self._folder = folder
        self.summary = folder / "summary.md"

    def step(self, step: Mapping[str, Any], **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a step as `shell: bash` does, and take in its outputs."""
        output = self._folder / f"output-{step['id']}"
        output.touch()
        self.summary.touch()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self._folder / self._filled(step.get("working-directory", ".")),
            env={
                **os.environ,
                **{name: self._filled(value) for name, value in step["env"].items()},
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self._folder),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "RUNNER_TEMP": str(self._folder),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        for line in output.read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            self._context[f"steps.{step['id']}.outputs.{name}"] = value
        return done

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._context.get(found[1], ""), text)

    def outputs(self, action: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._filled(one["value"]) for name, one in action["outputs"].items()}


def _steps(action: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {step["id"]: step for step in action["runs"]["steps"] if "id" in step}


def _scenario(folder: Path, exit_code: int) -> str:
    (folder / "work.py").write_text(_WORKER, "utf-8")
    (folder / "export.json").write_text("{}", "utf-8")
    (folder / "scenario.toml").write_text(
        f"""\
schema = 1
name = "gate"
snapshots.files = ["export.json"]
limits.memory = ["1GiB"]
[[worker]]
name = "worker"
command = ["{{python}}", "work.py", "{{snapshot}}", "{exit_code}"]
""",
        "utf-8",
    )
    return "scenario.toml"


def test_the_file_is_as_github_publishes_its_form() -> None:
    words = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions")
    done = subprocess.run([*words, str(ACTION)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_input_is_made_part_of_a_script(action: dict[str, Any]) -> None:
    for step in _steps(action).values():
        assert "${{" not in step["run"]


def test_it_installs_oomproof_for_the_interpreter_that_is_named(
    action: dict[str, Any], tmp_path: Path
) -> None:
    python, packages = _environment(tmp_path)
    runner = Runner(tmp_path, action, python=python)
    done = runner.step(_steps(action)["install"], PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    assert (packages / "harness" / "cli" / "app.py").is_file()
    assert f"python={python}" in (tmp_path / "output-install").read_text("utf-8")


def _environment(folder: Path) -> tuple[str, Path]:
    """Make an environment with pip and all that oomproof needs, but without oomproof.

    Returns its interpreter, and where it keeps its own packages.
    """
    environment, others = folder / "python", folder / "others"
    venv.create(environment, symlinks=True)
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "oomproof" not in path.name:
            (others / path.name).symlink_to(path)
    places = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", vars=places))
    (packages / "others.pth").write_text(f"{others}\n", "utf-8")
    return str(environment / "bin" / "python"), packages


@pytest.mark.parametrize(("exit_code", "verdict", "code"), [(0, "pass", 0), (3, "fail", 1)])
def test_its_step_gates_the_build(
    exit_code: int, verdict: str, code: int, action: dict[str, Any], tmp_path: Path
) -> None:
    runner = Runner(
        tmp_path,
        action,
        scenario=_scenario(tmp_path, exit_code),
        sandbox="process",
        arguments="--no-profile  --worker worker",
    )
    step = dict(_steps(action)["run"])
    step["env"] = {**step["env"], "OOMPROOF_PYTHON": sys.executable}
    done = runner.step(step)
    assert done.returncode == code, done.stderr
    outputs = runner.outputs(action)
    assert (outputs["verdict"], outputs["exit-code"]) == (verdict, str(code))
    assert (Path(outputs["report"]) / "junit.xml").is_file()
    assert "worker" in runner.summary.read_text("utf-8")
    errors = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert bool(errors) == (code == 1)
    assert all(line.startswith("::error file=work.py,") for line in errors)
