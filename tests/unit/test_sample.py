"""The committed sample report and the README's pictures are what oomproof makes today.

Where one of these fails, `nox -s sample` makes all of them again by a real run.
"""

import importlib.util
import re
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from PIL import Image

from harness.core.ending import Ending
from harness.core.report import Report
from harness.reporters.document import render_json
from harness.reporters.junit import render_junit
from harness.reporters.markdown import render_markdown
from harness.reporters.metrics import render_metrics
from harness.reporters.words import sentence_of
from harness.store import load_report

ROOT: Final = Path(__file__).parents[2]
SAMPLE: Final = ROOT / "reports" / "sample"
IMAGES: Final = ROOT / "docs" / "images"
ASSETS: Final = ROOT / "harness" / "reporters" / "html" / "assets"
README: Final = (ROOT / "README.md").read_text("utf-8")
# A page to look at in a browser, and not one that every clone pays for.
MOST_BYTES: Final = 600_000
# Folders of the machine that the run was made on.
FOLDERS: Final = re.compile(r"(?<![\w.~])/(home|root|tmp|usr|opt|work|srv|mnt|var|Users)/")


@pytest.fixture(scope="module")
def report() -> Report:
    return load_report(SAMPLE)[0]


@pytest.fixture(scope="module")
def page() -> str:
    return (SAMPLE / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def renewing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("renew", ROOT / "reports" / "renew_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_says_what_the_sample_shows(report: Report, page: str) -> None:
    sentence = sentence_of(report)
    assert sentence.removesuffix(".") in README
    assert sentence in unescape(page)
    killed = [run.case for run in report.runs if run.ending is Ending.OOM_KILLED]
    assert {(case.worker, case.snapshot_label) for case in killed} == {("full-parse", "200MB")}
    assert killed[0].memory_limit_label == "512MiB"
    for name in ("run.svg", "report-light.png", "report-dark.png"):
        assert f"docs/images/{name}" in README


def test_what_needs_the_report_alone_is_rendered_as_today(
    report: Report, renewing: ModuleType
) -> None:
    assert (SAMPLE / "report.json").read_bytes() == render_json(report)
    assert (SAMPLE / "report.md").read_text("utf-8") == render_markdown(report)
    assert (SAMPLE / "junit.xml").read_bytes() == render_junit(report)
    assert (SAMPLE / "metrics.prom").read_bytes() == render_metrics(report)
    assert (IMAGES / "run.svg").read_text("utf-8") == renewing.terminal_picture(SAMPLE)


def test_the_page_is_of_this_report_and_looks_as_today(report: Report, page: str) -> None:
    assert report.started_at in page
    assert len(page.encode()) <= MOST_BYTES
    for name in ("report.css", "report.js"):
        assert (ASSETS / name).read_text("utf-8") in page, name
    for part in ("cases", "scaling", "details", "json", "machine"):
        assert f'<section id="{part}"' in page
    assert "Flame graph" in page


def test_it_shows_what_held_the_memory(report: Report) -> None:
    assert {profile.case for profile in report.profiles} == {
        run.case.name for run in report.runs if run.purpose == "verdict"
    }
    tables = [profile.sites for profile in report.profiles]
    assert all(table is not None and table.rows for table in tables)
    assert any(profile.paths is not None for profile in report.profiles)


def test_nothing_in_it_is_of_one_machines_folders() -> None:
    for path in (*SAMPLE.iterdir(), IMAGES / "run.svg"):
        if path.suffix != ".png":
            assert not FOLDERS.search(path.read_text("utf-8")), path.name


def test_the_pictures_are_of_one_size() -> None:
    light, dark = (Image.open(IMAGES / f"report-{scheme}.png") for scheme in ("light", "dark"))
    assert light.size == dark.size
    for image in (light, dark):
        corner = image.convert("L").getpixel((0, 0))
        assert isinstance(corner, int | float)
        assert (corner > 200) == (image is light)
