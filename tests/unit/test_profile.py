"""Sites put together: by their stack, and by the user's own line."""

import pytest

from harness.core.profile import Frame, Site, merge_sites, own_frame, sites_by_line

WORKER = Frame(function="main", file="/app/worker.py", line=7)
OTHER = Frame(function="main", file="/app/worker.py", line=9)
LOADS = Frame(function="loads", file="/usr/lib/python3.11/json/__init__.py", line=346)
DECODE = Frame(function="decode", file="/usr/lib/python3.11/json/decoder.py", line=337)


def site(*stack: Frame, size: int = 1, count: int = 1) -> Site:
    return Site(stack=stack, bytes=size, count=count)


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        ("/app/worker.py", True),
        ("worker.py", True),
        ("/home/me/lib/python/worker.py", True),
        ("/usr/lib/python3.11/json/decoder.py", False),
        ("/app/.venv/lib/python3.13/site-packages/ijson/common.py", False),
        ("/usr/lib/python3/dist-packages/numpy/core/numeric.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("node:internal/modules/cjs/loader", False),
        ("/app/node_modules/stream-json/Parser.js", False),
        ("", False),
    ],
)
def test_whose_code_it_is(file: str, is_own: bool) -> None:
    assert Frame(function="f", file=file, line=1).is_own is is_own


def test_the_line_of_a_site_is_the_innermost_of_the_users() -> None:
    assert site(DECODE, LOADS, WORKER, OTHER).line == WORKER
    assert site(DECODE, LOADS).line == DECODE
    assert site().line is None


def test_sites_of_one_stack_are_one_site() -> None:
    merged = merge_sites([site(WORKER, size=2), site(OTHER, size=9), site(WORKER, size=8, count=3)])
    assert merged == (site(WORKER, size=10, count=4), site(OTHER, size=9))


def test_sites_of_one_line_keep_the_stack_of_the_largest() -> None:
    grouped = sites_by_line(
        [site(LOADS, WORKER, size=2), site(DECODE, WORKER, size=5), site(OTHER)]
    )
    assert grouped == (site(DECODE, WORKER, size=7, count=2), site(OTHER))


def test_sites_of_one_size_have_an_order() -> None:
    assert merge_sites([site(OTHER), site(WORKER)]) == merge_sites([site(WORKER), site(OTHER)])


def frame(file: str, line: int = 1) -> Frame:
    return Frame(function="f", file=file, line=line)


PACKAGES = "/app/.venv/lib/python3.12/site-packages"
JSON = frame("/usr/lib/python3.12/json/decoder.py")
ENTRY = frame("/app/.venv/bin/etl-worker", 8)


@pytest.mark.parametrize(
    ("stack", "own"),
    [
        ([JSON, WORKER, OTHER], WORKER),
        ([JSON, frame(f"{PACKAGES}/etl/load.py", 7), frame(f"{PACKAGES}/etl/main.py"), ENTRY], 7),
        ([frame(f"{PACKAGES}/ijson/common.py"), frame(f"{PACKAGES}/etl/main.py", 5), ENTRY], 5),
        ([JSON, frame(f"{PACKAGES}/etl/main.py", 5), frame("<frozen runpy>")], 5),
        ([JSON, WORKER, frame(f"{PACKAGES}/celery/app.py"), ENTRY], WORKER),
        ([JSON, frame("<string>", 3)], 3),
        ([frame(f"{PACKAGES}/ijson/common.py", 9), frame("<string>", 3)], 3),
        ([frame("<string>", 3), frame(f"{PACKAGES}/etl/main.py", 5), frame("<frozen runpy>")], 5),
        ([JSON, frame("<string>", 4), WORKER], WORKER),
        ([JSON, ENTRY], ENTRY),
        ([JSON, frame("/app/bin/worker.py", 2)], 2),
        ([JSON], JSON),
        ([], None),
    ],
)
def test_an_installed_worker_has_own_code_too(stack: list[Frame], own: Frame | int | None) -> None:
    found = own_frame(stack)
    assert own in {found, found.line if found else None}
