"""What an engine says of a path in an image."""

import base64
import json

import pytest

from harness.sandbox.image_programs import may_be_run


def said(**stat: object) -> str:
    return base64.b64encode(json.dumps(stat).encode()).decode()


@pytest.mark.parametrize(
    ("stat", "may"),
    [
        (said(name="sh", mode=0o755), True),
        (said(name="sh", mode=0o100), True),
        (said(name="data", mode=0o644), False),
        (said(name="bin", mode=1 << 31 | 0o755), False),
        (said(name="python3", mode=1 << 27 | 0o777, linkTarget="/usr/bin/python3.13"), True),
        (said(name="sh"), True),
        (base64.b64encode(b"[]").decode(), True),
        ("", True),
        ("!", True),
    ],
)
def test_what_may_be_run(stat: str, may: bool) -> None:
    assert may_be_run(stat) is may
