"""What a marked test takes: one that does nothing, from its turn to that of the next."""

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.process import ProcessSandbox

Tell = Callable[..., None]
COUNT: Final = 20
MOST_S: Final = 1.5
SANDBOXES: Final[dict[SandboxKind, Callable[[], Sandbox]]] = {
    SandboxKind.PROCESS: ProcessSandbox,
    SandboxKind.CGROUP: CgroupSandbox,
    SandboxKind.DOCKER: DockerSandbox,
}
# Each plugin adds its own start to that of each pytest.
OTHERS: Final = ("hypothesispytest", "benchmark", "memray", "xdist", "timeout")
TESTS: Final = f"""
import pytest

@pytest.mark.oomproof(memory="256MiB")
@pytest.mark.parametrize("number", range({COUNT + 1}))
def test_nothing(number):
    pass
"""
TIMES: Final = """
import pathlib, time

import pytest

seconds = []

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol():
    started = time.perf_counter()
    result = yield
    seconds.append(time.perf_counter() - started)
    return result

def pytest_sessionfinish():
    if len(seconds) > 1:  # in a sandbox, there is one test
        pathlib.Path("times").write_text("\\n".join(map(str, seconds)))
"""


@pytest.mark.parametrize("kind", list(SANDBOXES))
def test_a_marked_test_takes_a_second_and_a_half_at_most(
    kind: SandboxKind, tell: Tell, tmp_path: Path
) -> None:
    answer = SANDBOXES[kind]().availability()
    if not answer.works:
        pytest.skip(answer.reason)
    (tmp_path / "test_nothing.py").write_text(TESTS, "utf-8")
    (tmp_path / "conftest.py").write_text(TIMES, "utf-8")
    plugins = (word for name in OTHERS for word in ("-p", f"no:{name}"))
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins)
    done = subprocess.run(
        [*words, f"--oomproof-sandbox={kind}", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    # The first one also looks for the sandbox.
    _, *seconds = map(float, (tmp_path / "times").read_text("utf-8").split())
    assert len(seconds) == COUNT
    median_s = statistics.median(seconds)
    tell(median_s=round(median_s, 2), least_s=round(min(seconds), 2), most_s=round(max(seconds), 2))
    assert median_s <= MOST_S
