"""A text that is learned in halves has the shape that it has as a whole."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.learning import halves, second_half
from synthetic.learning.halves import can_be_halved, read_in_halves
from synthetic.learning.learner import Learner, learn
from synthetic.learning.parts import Part
from synthetic.making.checks import problems
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Kinds
from synthetic.scan.outline import cut_behind, key_before
from synthetic.shape import Arrays, Objects, Place, Shape
from synthetic.shape_text import text_of_shape

LEAST = 3
"""Of less text nothing is scanned yet: it might be a byte order mark."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
keys = st.sampled_from(["id", "name", "größe", 'a"b', "tags"]) | texts
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=60,
)  # fmt: skip


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def learned_in_halves(text: bytes, target: int, size: int) -> Shape | None:
    """Return the shape as two learners find it; None if there is no comma behind the target."""
    cut = cut_behind(pieces(text, size), max(target, LEAST))
    if cut is None:
        return None
    raw_keys: list[bytes | None] = [None]
    for around, opening in zip(cut.openings, cut.openings[1:], strict=False):
        key = key_before(io.BytesIO(text), opening.offset) if around.is_object else None
        assert (key is not None) == around.is_object
        raw_keys.append(key)
    first, second = Learner(), Learner()
    for _ in first.read_to_comma(pieces(text[: cut.offset + 1], size)):
        pass
    contexts = np.array([opening.context for opening in cut.openings], np.uint8)
    assert first.is_behind_comma(contexts)
    second.resume(cut, raw_keys)
    for _ in second.read(pieces(text[cut.offset + 1 :], size)):
        pass
    part = msgspec.msgpack.decode(msgspec.msgpack.encode(second.part()), type=Part)
    first.join(part, contexts)
    return first.shape(rename_keys=False)


def without_distinct(shape: Shape) -> str:
    """Return the text of a shape without its estimates of different values."""
    root = without_key_sets(shape.root)
    assert root is not None
    text = text_of_shape(msgspec.structs.replace(shape, root=root)).decode()
    return "".join(re.sub(r'"(distinct|commonest)": (\[[^]]*\]|[^,}\s]+),?|[\s,]', "", text))


def without_key_sets(place: Place | None) -> Place | None:
    """Return a place without its sets of keys, and their order: those of cut objects are lost."""
    if place is None:
        return None
    arrays, objects, maps = place.arrays, place.objects, place.maps
    if arrays is not None:
        arrays = bare(arrays, elements=without_key_sets(arrays.elements))
    if objects is not None:
        members = tuple(
            bare(member, place=without_key_sets(member.place))
            for member in sorted(objects.members, key=lambda member: member.key)
        )
        objects = bare(objects, members=members, key_sets=())
    if maps is not None:
        # Which places are first depends on the order of members, too.
        keys = bare(maps.keys, fresh=None)
        maps = bare(maps, keys=keys, values=without_key_sets(maps.values))
    return bare(place, arrays=arrays, objects=objects, maps=maps)


bare = msgspec.structs.replace


@settings(max_examples=300, deadline=None)
@given(
    value=values,
    share=st.floats(0, 1),
    size=st.sampled_from([3, 50, 1000]),
    indent=st.sampled_from([None, 2]),
)
def test_any_value(value: object, share: float, size: int, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    found = learned_in_halves(text, int(share * len(text)), size)
    if found is None:
        return
    whole = learn(pieces(text, size))
    assert list(problems(found)) == []
    assert without_key_sets(found.root) == without_key_sets(whole.root)
    assert (found.bytes, found.style.blanks) == (whole.bytes, whole.style.blanks)


def rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "id": number,
            "name": "né" * (number % 30),
            **({"note": "x" * 200} if number % 3 else {}),
            "counts": {f"key-{number}-{inner}": inner for inner in range(number % 4)},
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_records_maps_and_giants(share: float) -> None:
    value = {
        "first": rows(4000),
        "giant": ["y" * 200_000, list(range(60_000))],
        "map": {f"key-{number}": {"x": number, "y": [number]} for number in range(3000)},
        "last": rows(10),
    }
    text = json.dumps(value, ensure_ascii=False).encode()
    found, whole = (
        learned_in_halves(text, int(share * len(text)), 50_000),
        learn(pieces(text, 50_000)),
    )
    assert found is not None
    assert found.root.objects is not None
    assert whole.root.objects is not None
    assert without_distinct(found) == without_distinct(whole)
    found_sets = rest(found.root.objects, "first").key_sets
    whole_sets = rest(whole.root.objects, "first").key_sets
    assert [one.keys for one in found_sets] == [one.keys for one in whole_sets]
    lost = sum(one.count for one in whole_sets) - sum(one.count for one in found_sets)
    assert 0 <= lost <= 1  # the one that is cut


def rest(objects: Objects, key: str) -> Objects:
    """Return the objects that are the elements of a member."""
    place = next(member.place for member in objects.members if member.key == key)
    assert isinstance(place.arrays, Arrays)
    assert place.arrays.elements is not None
    assert place.arrays.elements.objects is not None
    return place.arrays.elements.objects


def test_lines_of_values() -> None:
    text = b"\n".join(json.dumps({"id": number, "n": [1, 2]}).encode() for number in range(3000))
    found = learned_in_halves(text, len(text) // 2, 10_000)
    assert found is not None
    assert found.style.is_lines
    assert found.root.count == 3000


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that is large enough to be halved."""
    monkeypatch.setattr(halves, "_LEAST_BYTES", 1000)
    monkeypatch.setattr(halves, "_LOOKED_AT_BYTES", 1000)
    path = tmp_path / "large.json"
    path.write_text(json.dumps(rows(8000)), "utf-8")
    return path


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """Return the parts that were taken in from other programs."""
    found: list[Part] = []
    join = Learner.join

    def noted(learner: Learner, part: Part, contexts: Kinds) -> None:
        found.append(part)
        join(learner, part, contexts)

    monkeypatch.setattr(Learner, "join", noted)
    return found


def test_two_programs_find_the_shape_of_one(large: Path, joined: list[Part]) -> None:
    learner = Learner()
    size = large.stat().st_size
    done = list(read_in_halves(learner, large))
    assert len(joined) == 1
    assert done == sorted(done)
    assert 0 < done[-1] <= size
    found, whole = learner.shape(rename_keys=False), learn(pieces(large.read_bytes(), 262_144))
    assert without_key_sets(found.root) == without_key_sets(whole.root)
    assert found.style == whole.style


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_the_error_of_either_half_is_that_of_the_whole(large: Path, share: float) -> None:
    text = large.read_bytes()
    place = text.index(b'"id": ', int(share * len(text))) + len(b'"id": ')
    large.write_bytes(text[:place] + b"NaN" + text[place:])
    with pytest.raises(InvalidJsonError) as caught:
        list(read_in_halves(Learner(), large))
    assert caught.value.offset == place


def test_a_file_without_a_second_half_is_read_by_one(large: Path) -> None:
    large.write_text(json.dumps(["x" * 100_000, 1, 2, "y" * 500_000]), "utf-8")
    learner = Learner()
    list(read_in_halves(learner, large))
    assert learner.shape(rename_keys=False).bytes == large.stat().st_size


def test_a_file_that_is_cut_while_it_is_read_ends(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_FIRST_SHARE", 10)
    learner = Learner()
    list(read_in_halves(learner, large))
    assert learner.shape(rename_keys=False).bytes == large.stat().st_size


def test_a_file_of_many_paths_is_read_by_one(
    large: Path, joined: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_MOST_PATHS", 3)
    learner = Learner()
    list(read_in_halves(learner, large))
    assert joined == []
    assert learner.shape(rename_keys=False) == learn(pieces(large.read_bytes(), 262_144))


def no_answer(*_: object) -> int:
    return 1


def killed(*_: object) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def cut_short(_file: object, _target: int, stream: BinaryIO) -> int:
    stream.write((1000).to_bytes(second_half.LENGTH_BYTES, "little") + b"not as many")
    return 0


def raising(*_: object) -> int:
    raise MemoryError


@pytest.mark.parametrize("end", [no_answer, killed, cut_short, raising])
def test_a_helper_that_dies_costs_nothing_but_time(
    large: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[..., int]
) -> None:
    monkeypatch.setattr(second_half, "_answered", end)
    learner = Learner()
    list(read_in_halves(learner, large))
    assert learner.shape(rename_keys=False) == learn(pieces(large.read_bytes(), 262_144))


def children() -> list[str]:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


def test_no_helper_is_left_when_nobody_reads_on(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_half, "_answered", lambda *_: time.sleep(600))
    before = children()
    with contextlib.closing(read_in_halves(Learner(), large)) as reading:
        next(reading)
        next(reading)
        assert len(children()) == len(before) + 1
    assert children() == before


def test_a_helper_ends_with_its_program_and_runs_no_handler_of_it(
    large: Path, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    program = f"""
import atexit, os, pathlib, signal, sys, time
from synthetic.learning import halves, second_half
halves._LEAST_BYTES = halves._LOOKED_AT_BYTES = 1
second_half._answered = lambda *_: time.sleep(600)
def mark(*_):
    with open({str(marks)!r}, "a") as file:
        file.write(str(os.getpid()) + " ")
signal.signal(signal.SIGTERM, mark)
atexit.register(mark)
reading = halves.read_in_halves(halves.Learner(), pathlib.Path(sys.argv[1]))
next(reading)
next(reading)
print(pathlib.Path("/proc/self/task/%d/children" % os.getpid()).read_text(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(large)], stdout=-1) as process:
        assert process.stdout is not None
        helper = int(process.stdout.readline())
        os.kill(helper, signal.SIGTERM)
        time.sleep(0.2)
        assert not marks.exists()
        process.kill()
    deadline = time.monotonic() + 10
    while is_running(helper) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(helper)
    assert not marks.exists()


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def test_only_large_files_are_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.json"
    path.write_bytes(b"[1, 2]")
    assert not can_be_halved(path)
    monkeypatch.setattr(halves, "_LEAST_BYTES", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert can_be_halved(path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert not can_be_halved(path)
    assert not can_be_halved(tmp_path)
