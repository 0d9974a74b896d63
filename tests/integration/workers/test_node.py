"""The Node.js workers leave the tables that the Python workers leave, and refuse the same."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.node_program import find_node

pytestmark = pytest.mark.node

Tables = dict[str, list[tuple[Any, ...]]]
LoadTables = Callable[..., Tables]
Generated = Callable[..., Path]
Written = Callable[..., Path]
RunNode = Callable[..., subprocess.CompletedProcess[str]]

WORKERS = Path(__file__).parents[3] / "scenarios" / "hero_snapshots" / "workers" / "node"
HEAD = '"snapshot_id": "s-1", "player": {"id": 9, "name": "Zoë"}'
SIZE_BYTES = 2_000_000


@pytest.fixture(scope="session")
def node_modules() -> None:
    """Skip where the workers' packages are not installed."""
    if not (WORKERS / "node_modules" / "stream-json").is_dir():
        pytest.skip(f"the Node workers' packages are not there: npm ci --prefix {WORKERS}")


@pytest.fixture(params=["of the machine", "of the package"])
def run_each_node(request: pytest.FixtureRequest, node_modules: None) -> RunNode:  # noqa: ARG001
    """Run a worker with the machine's node, and with the one of the package: old and new."""
    return runner(find_node(use_package=request.param == "of the package"))


@pytest.fixture
def run_node(node_modules: None) -> RunNode:  # noqa: ARG001
    """Run a worker with the node that oomproof takes."""
    return runner(find_node())


def runner(node: str | None) -> RunNode:
    if node is None:
        pytest.skip("there is no Node.js here")

    def run(worker: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [node, str(WORKERS / worker), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
        )

    return run


@pytest.fixture(params=["full_parse.mjs", "streaming.mjs"])
def worker(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def typed(tables: Tables) -> dict[str, list[str]]:
    """Return the rows as text, so that 5 and 5.0 differ."""
    return {name: [repr(row) for row in rows] for name, rows in tables.items()}


def test_tables_are_those_of_the_python_workers(
    run_each_node: RunNode,
    worker: str,
    generated: Generated,
    load_tables: LoadTables,
    read_tables: Callable[[Path], Tables],
    tmp_path: Path,
) -> None:
    snapshot = generated(SIZE_BYTES)
    wanted = load_tables("streaming.py", snapshot, output=tmp_path / "python")

    for batch_size in (100, 7):  # the second replays over the first
        done = run_each_node(
            worker, snapshot, "--output", tmp_path / "node", "--batch-size", batch_size
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert typed(read_tables(tmp_path / "node")) == typed(wanted)

    rows = sum(map(len, wanted.values()))
    assert done.stdout.startswith(f"{wanted['snapshots'][0][0]}: {rows} rows: snapshots=1 ")


def test_what_is_odd_is_as_in_python(
    run_each_node: RunNode,
    worker: str,
    written: Written,
    load_tables: LoadTables,
    read_tables: Callable[[Path], Tables],
    tmp_path: Path,
) -> None:
    snapshot = written(
        {
            "heroes.item": {"id": 99, "heroes": [{"id": 98}]},
            "season": {"troops": [{"no": "id"}], "numbers": [1, 2.5, None, True]},
            "pets": None,
            "troops": [{"id": 2**53 - 1, "name": "𠮷野 🧙‍♀️ \u2028\x7f\x01", "tags": ["b", "a"]}],
            "heroes": [
                {"id": 2, "power": 5, "gear": [{"id": 7, "stats": {"luck": None}}], "skills": []},
                {"id": 3, "gear": [{"id": 7, "sockets": [None, {"gem": "ruby", "grade": 2}]}]},
            ],
        }
    )
    wanted = load_tables("streaming.py", snapshot, output=tmp_path / "python")

    done = run_each_node(worker, snapshot, "--output", tmp_path / "node")

    assert (done.returncode, done.stderr) == (0, "")
    assert typed(read_tables(tmp_path / "node")) == typed(wanted)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "the document: expected an object"),
        (f'{{{HEAD}, "heroes": {{}}}}', ".heroes: expected an array"),
        (f'{{{HEAD}, "pets": [5]}}', ".pets[0]: expected an object"),
        (f'{{{HEAD}, "troops": [{{"id": 1}}, {{"name": "x"}}]}}', ".troops[1].id: missing"),
        (
            f'{{{HEAD}, "heroes": [{{"id": 1, "gear": [{{"id": 2}}, {{"id": null}}]}}]}}',
            ".heroes[0].gear[1].id: missing",
        ),
        (f'{{{HEAD}, "troops": [{{"id": "1"}}]}}', ".troops[0].id: expected an integer"),
        (f'{{{HEAD}, "troops": [{{"id": {2**53 + 1}}}]}}', ".troops[0].id: expected an integer"),
        (
            f'{{{HEAD}, "troops": [{{"id": 1, "tags": ["a", 2]}}]}}',
            ".troops[0].tags[1]: expected a string, not 2",
        ),
        ('{"snapshot_id": "s-1"}', ".player.id: missing"),
        ('{"player": {"id": 9}}', ".snapshot_id: missing"),
        (b'{"snapshot_id": "\xff", "player": {"id": 9}}', "not UTF-8"),
        (f'{{{HEAD}, "troops": [{{"id": tru}}]}}', ""),
        (f'{{{HEAD}, "troops": [{{"id": ', ""),
    ],
)
def test_what_is_not_a_hero_snapshot_names_the_place(
    text: str | bytes,
    complaint: str,
    run_node: RunNode,
    worker: str,
    written: Written,
    tmp_path: Path,
) -> None:
    snapshot = written(text)

    done = run_node(worker, snapshot, "--output", tmp_path)

    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{worker}: {snapshot}: {complaint}" in line


def test_malformed_json_far_into_the_file_names_the_byte(
    run_node: RunNode, generated: Generated, tmp_path: Path
) -> None:
    text = generated(300_000).read_bytes()
    fault = text.index(b'"lore"', 250_000)
    broken = tmp_path / "broken.json"
    broken.write_bytes(text[:fault] + b"@" + text[fault:])

    done = run_node("streaming.mjs", broken, "--output", tmp_path)

    assert re.search(r"\(byte (\d+)\)$", done.stderr.strip())
    assert done.stderr.strip().endswith(f"(byte {fault})")


def test_a_snapshot_over_the_guard_is_refused_untouched(
    run_node: RunNode, worker: str, written: Written, tmp_path: Path
) -> None:
    done = run_node(worker, written("{" * 2000), "--max-bytes", 1999, "--output", tmp_path / "o")

    assert (done.returncode, done.stdout) == (75, "")
    assert "written.json: refused: 2000 bytes are more than --max-bytes 1999" in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("arguments", [(), ("x", "--batch-size", "0"), ("x", "--no-such")])
def test_wrong_usage(run_node: RunNode, worker: str, arguments: tuple[str, ...]) -> None:
    done = run_node(worker, *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_a_file_that_is_no_database_is_an_error(
    run_each_node: RunNode, worker: str, written: Written, tmp_path: Path
) -> None:
    (tmp_path / "heroes.sqlite").write_text("not a database, by far" * 100)

    done = run_each_node(worker, written({}), "--output", tmp_path)

    assert done.returncode == 1
    assert "file is not a database" in done.stderr
