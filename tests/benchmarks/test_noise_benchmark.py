"""Whether gates on growth cry wolf, and what growth they find: on real runs in real sandboxes.

Each case is really run, many times, with all cases in turns. A comparison takes as many of these
runs as there are repeats on each side, chosen by a fixed seed; no run is on both sides of one, or
twice on one. So comparisons share runs with one another, but none is a run against itself.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.core.baseline import peaks_of
from harness.core.change import Change, change_of
from harness.core.run import Purpose, Run
from harness.core.spread import Standing, median_of
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.store import load_report

Tell = Callable[..., None]
Sets = dict[str, list[Run]]
KIB: Final = 1024
ROOT: Final = Path(__file__).parents[2]
KEEPER: Final = Path(__file__).parent / "workers" / "keeper.py"
PARSERS: Final = ("json", "orjson", "ijson")
WRITER: Final = "writer"  # its page cache is far larger than what it needs
NODE: Final = "node"  # collects its garbage when it likes, so that its peak is never the same
WORKERS: Final = ROOT / "scenarios" / "hero_snapshots" / "workers"
REPEATS: Final = (1, 3, 5)
RUNS_OF_ITSELF: Final = 30
RUNS_OF_GROWN: Final = 10
COMPARISONS_OF_ITSELF: Final = 200
COMPARISONS_OF_GROWN: Final = 100
FOUND: Final = 3
# In percent of the peak of json, which is a large one, and in KiB above that of ijson, a small one.
SHARES: Final = (1, 1.5, 2, FOUND, 36)
KEPT_KIB: Final = (1536, 2048, 3072, 4096, 6144)
SEED: Final = 7
SANDBOXES: Final[dict[str, Callable[[], Sandbox]]] = {
    "cgroup": CgroupSandbox,
    "docker": DockerSandbox,
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("cgroup", marks=pytest.mark.cgroup),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    answer = SANDBOXES[name]().availability()
    if not answer.works:
        pytest.skip(answer.reason)
    return name


@pytest.fixture(scope="module")
def itself(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Return runs of cases in which nothing changes."""
    workers = [_keeper(parser, [0]) for parser in PARSERS]
    words = ("{snapshot}", "--output", "{output}")
    workers.append(_worker(WRITER, ["{python}", WORKERS / "full_parse.py", *words]))
    if (WORKERS / "node" / "node_modules").exists():
        script = WORKERS / "node" / "streaming.mjs"
        workers.append(_worker(NODE, ["{node}", "--max-old-space-size=96", script, *words]))
    return _run(tmp_path_factory.mktemp("itself"), kind, workers, RUNS_OF_ITSELF)


@pytest.fixture(scope="module")
def grown(kind: str, itself: Sets, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Return runs of cases that keep more."""
    peak_bytes = median_of(peaks_of(itself["json 0"]).samples.values_bytes)
    shares = [round(peak_bytes * share / 100 / KIB) for share in SHARES]
    workers = [_keeper("json", shares), _keeper("ijson", KEPT_KIB)]
    return _run(tmp_path_factory.mktemp("grown"), kind, workers, RUNS_OF_GROWN)


def _keeper(parser: str, kept_kib: Sequence[int]) -> str:
    more = f"sweep = {{ keep_kib = {list(kept_kib)} }}"
    return _worker(parser, ["{python}", KEEPER, "{snapshot}", parser, "{keep_kib}"], more)


def _worker(name: str, words: Sequence[object], more: str = "") -> str:
    command = json.dumps([*map(str, words)])
    return f'[[worker]]\nname = "{name}"\ncommand = {command}\n{more}\n'


def _run(folder: Path, kind: str, workers: Sequence[str], repeat: int) -> Sets:
    """Run each worker so many times by the command itself, and return the runs by their case."""
    scenario = folder / "scenario.toml"
    scenario.write_text(
        f'schema = 1\nname = "noise"\nrepeat = {repeat}\nlimits.memory = ["1GiB"]\n'
        '[snapshots]\nshape = "hero_snapshot"\nsizes = ["20MB"]\nseed = 7\n' + "".join(workers)
    )
    words = ("-c", "from harness.cli import main; main()", "run", scenario, "--sandbox", kind)
    done = subprocess.run(
        [sys.executable, *words, "--out", folder / "out"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report, _ = load_report(folder / "out" / "noise" / "latest")
    sets: Sets = {}
    for run in report.runs:
        assert run.purpose is Purpose.VERDICT
        kept = run.case.settings.get("keep_kib")
        sets.setdefault(run.case.worker + ("" if kept is None else f" {kept}"), []).append(run)
    return sets


def _changes(old: Sequence[Run], new: Sequence[Run], repeats: int, count: int) -> Iterator[Change]:
    """Yield comparisons of so many runs of each."""
    choice = random.Random(SEED)  # noqa: S311  (no secret)
    for _ in range(count):
        if old is new:
            both = choice.sample(old, 2 * repeats)
            sides = both[:repeats], both[repeats:]
        else:
            sides = choice.sample(old, repeats), choice.sample(new, repeats)
        before, now = (peaks_of(side) for side in sides)
        yield change_of(before, now, old[0].sandbox)


def _found(old: Sequence[Run], new: Sequence[Run], repeats: int) -> int:
    changes = _changes(old, new, repeats, COMPARISONS_OF_GROWN)
    return sum(change.growth(0.0) is Standing.OVER for change in changes)


def test_a_case_against_itself_is_never_an_alarm(tell: Tell, kind: str, itself: Sets) -> None:
    alarms = 0
    for name, runs in itself.items():
        for repeats in REPEATS:
            changes = [*_changes(runs, runs, repeats, COMPARISONS_OF_ITSELF)]
            over = sum(
                Standing.OVER in {change.growth(0.0), change.shrinkage()} for change in changes
            )
            open_at = {
                allowed: sum(change.growth(allowed) is Standing.OPEN for change in changes)
                for allowed in (0.0, 0.02)
            }
            told = f"{over} alarms of {len(changes)}, cannot tell at 0 and 2 %: "
            tell(**{f"{kind}, {name}, {repeats}": told + f"{open_at[0.0]}, {open_at[0.02]}"})
            alarms += over
    assert alarms == 0


def test_a_worker_that_keeps_3_percent_more_is_always_found(
    tell: Tell, kind: str, itself: Sets, grown: Sets
) -> None:
    """Not by one run against one, which shows no growth of less than a third."""
    sets = [grown[name] for name in grown if name.startswith("json ")]
    runs = sets[SHARES.index(FOUND)]
    for repeats in REPEATS:
        found = _found(itself["json 0"], runs, repeats)
        tell(**{f"{kind}, {repeats} repeats": f"{found} of {COMPARISONS_OF_GROWN}"})
        assert found == COMPARISONS_OF_GROWN or repeats == 1


def test_the_smallest_growth_found(tell: Tell, kind: str, itself: Sets, grown: Sets) -> None:
    for parser, steps in (("json", SHARES), ("ijson", KEPT_KIB)):
        sets = [grown[name] for name in grown if name.startswith(f"{parser} ")]
        for repeats in REPEATS:
            found = [_found(itself[f"{parser} 0"], runs, repeats) for runs in sets]
            told = ", ".join(f"{step}: {count}" for step, count in zip(steps, found, strict=True))
            tell(**{f"{kind}, {parser}, {repeats}": told})
            assert found[-1] == COMPARISONS_OF_GROWN
