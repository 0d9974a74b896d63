"""The libraries in the page are those that were published, with their licences."""

import hashlib
import json
from pathlib import Path

import pytest

import harness

_FOLDER = Path(harness.__file__).parent / "reporters" / "html" / "vendor"
_PACKAGES = json.loads((_FOLDER / "vendor.json").read_text("utf-8"))


@pytest.mark.parametrize("name", _PACKAGES)
def test_a_vendored_file_is_unchanged(name: str) -> None:
    files = {file["to"]: file["sha256"] for file in _PACKAGES[name]["files"].values()}
    there = {path.name: path for path in (_FOLDER / name).iterdir()}
    assert there.keys() == files.keys()
    for file, path in there.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == files[file]


@pytest.mark.parametrize("name", _PACKAGES)
def test_its_licence_is_with_it(name: str) -> None:
    words = {"Apache-2.0": "Apache License", "ISC": "Permission to use, copy, modify"}
    text = (_FOLDER / name / "LICENSE").read_text("utf-8")
    assert words[_PACKAGES[name]["license"]] in text


def test_no_script_can_end_its_element() -> None:
    scripts = [*_FOLDER.glob("*/*.js"), *_FOLDER.parent.glob("assets/*")]
    assert len(scripts) == 4
    for path in scripts:
        text = path.read_text("utf-8").lower()
        assert "</script" not in text
        assert "</style" not in text
        assert "<!--" not in text
