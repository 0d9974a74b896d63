"""The speedscope file: frames once, stacks from the outermost on, weights in bytes."""

import json

from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.profilers.speedscope import render_speedscope

MAIN = Frame(function="main", file="/app/worker.py", line=3)
PARSE = Frame(function="parse", file="/app/worker.py", line=9)
BARE = Frame(function="", file="/app/other.py", line=0)


def rendered(*sites: Site) -> dict[str, object]:
    profile = Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=sum(site.bytes for site in sites),
        sites=sites,
    )
    document: dict[str, object] = json.loads(render_speedscope(profile, name="worker"))
    return document


def test_stacks_go_from_the_outermost_frame() -> None:
    document = rendered(
        Site(stack=(PARSE, MAIN), bytes=70, count=2), Site(stack=(BARE,), bytes=5, count=1)
    )
    assert document == {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {
            "frames": [
                {"name": "main", "file": "/app/worker.py", "line": 3},
                {"name": "parse", "file": "/app/worker.py", "line": 9},
                {"name": "/app/other.py", "file": "/app/other.py"},
            ]
        },
        "profiles": [
            {
                "type": "sampled",
                "name": "worker",
                "unit": "bytes",
                "startValue": 0,
                "endValue": 75,
                "samples": [[0, 1], [2]],
                "weights": [70, 5],
            }
        ],
        "name": "worker",
        "exporter": "oomproof",
    }


def test_no_sites_and_odd_names() -> None:
    empty = rendered()
    assert empty["shared"] == {"frames": []}
    odd = Frame(function="lone \udc80", file="/app/\udcff.py", line=1)
    assert "lone" in str(rendered(Site(stack=(odd,), bytes=1, count=1))["shared"])
