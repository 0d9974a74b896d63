"""The answer: the steps that follow from it, and the page that it makes."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.advice import advise
from harness.core.answer import Against, Answer, ProfileSummary, SiteShare, top_sites
from harness.core.autopsy import StoppedAt
from harness.core.case import Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending, Killed
from harness.core.estimate import Estimate
from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.reconcile import Reconciliation
from harness.core.requirement import Method, Requirement
from harness.core.run import Run
from harness.reporters.answer import (
    render_answer,
    render_answer_json,
    render_answer_markdown,
    sections_of,
)

MIB = 2**20
WHOLE = StoppedAt(snapshot="s", offset_bytes=100, size_bytes=100, reason="Read to its end.")
PART = StoppedAt(snapshot="s", offset_bytes=50, size_bytes=100, path="$.a[7].b")


@pytest.fixture
def make_answer(make_snapshot: Callable[..., Snapshot]) -> Callable[..., Answer]:
    def make(**changes: object) -> Answer:
        answer = Answer(
            oomproof="0",
            started_at="2026-01-01T00:00:00Z",
            command=("python", "w.py", "{snapshot}"),
            snapshot=make_snapshot(50),
            limit_bytes=256 * MIB,
            ceiling_bytes=8192 * MIB,
            conditions=Conditions(sandbox="cgroup"),
            ending=Ending.OOM_KILLED,
            reason="the kernel killed it",
            ended_after_s=1.5,
            peak_bytes=255 * MIB,
            peak_is_lower_bound=True,
            requirement_bytes=400 * MIB,
            requirement=Requirement(requirement_bytes=400 * MIB, method=Method.CONFIRMED),
            stopped_at=WHOLE,
            stack=("load (/app/w.py:3)",),
        )
        return msgspec.structs.replace(answer, **changes)

    return make


def steps(answer: Answer) -> str:
    return " | ".join(f"{step.do} {step.why}" for step in advise(answer))


def test_a_full_parse_is_to_be_streamed(make_answer: Callable[..., Answer]) -> None:
    text = steps(make_answer())
    assert text.startswith("Parse the large arrays as a stream")
    assert "batch" not in text
    assert "Raise the limit to 440 MiB only if" in text


def test_what_could_not_be_seen_is_not_said_to_have_been_read(
    make_answer: Callable[..., Answer],
) -> None:
    assert "whole snapshot had been read" in steps(make_answer())
    for offset in (None, 0):
        unknown = msgspec.structs.replace(WHOLE, offset_bytes=offset, reason="Mapped.")
        text = steps(make_answer(stopped_at=unknown))
        assert "could not be seen" in text
        assert "whole snapshot had been read" not in text


def test_a_streaming_worker_keeps_something(make_answer: Callable[..., Answer]) -> None:
    text = steps(make_answer(stopped_at=PART))
    assert text.startswith("Look at what is kept while $.a[7].b is read")
    assert "Halve the batch size" in text
    assert "as a stream" not in text


@pytest.mark.parametrize(
    ("ending", "words"),
    [(Ending.COMPLETED, "Use `s.py`"), (Ending.OOM_KILLED, "Do not expect `s.py`")],
)
def test_what_was_tried_counts_more_than_advice(
    ending: Ending, words: str, make_answer: Callable[..., Answer]
) -> None:
    against = Against(
        command=("s.py",),
        ending=ending,
        reason="",
        peak_bytes=MIB,
        peak_is_lower_bound=False,
        wall_seconds=1,
    )
    assert steps(make_answer(against=against)).startswith(words)


def test_a_size_guard_is_no_larger_than_what_was_tried(
    make_answer: Callable[..., Answer],
) -> None:
    largest = Estimate(snapshot_bytes=90_000_000, base_bytes=MIB, slope=1, reason="")
    assert "guard to 50.0 MB" in steps(make_answer(largest_snapshot=largest))


def test_a_killed_child_means_fewer_processes(
    make_answer: Callable[..., Answer], make_run: Callable[..., Run]
) -> None:
    run = msgspec.structs.replace(make_run(ending=Ending.OOM_KILLED), killed=Killed.CHILD)
    assert "Run one process" in steps(make_answer(runs=(run,)))


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.HEAP_EXHAUSTED, "Set --max-old-space-size to about three quarters"),
        (Ending.COMPLETED, "something differs"),
        (Ending.REFUSED, "high-memory worker"),
        (Ending.TIMED_OUT, "more time"),
        (Ending.CRASHED, "error stream"),
        (Ending.KILLED_FROM_OUTSIDE, "nothing else limits"),
        (None, "nothing else limits"),
    ],
)
def test_every_ending_has_a_step(
    ending: Ending | None, words: str, make_answer: Callable[..., Answer]
) -> None:
    assert words in steps(make_answer(ending=ending))


def test_sites_are_shares_of_all_that_was_seen() -> None:
    frames = [Frame(function="f", file="/app/w.py", line=n) for n in (1, 2)]
    profile = Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=400,
        sites=tuple(
            Site(stack=(f,), bytes=b, count=1) for f, b in zip(frames, (300, 50), strict=True)
        ),
    )
    assert [(site.at, site.share) for site in top_sites(profile)] == [
        ("/app/w.py:1", 0.75),
        ("/app/w.py:2", 0.125),
    ]


def test_most_that_no_profile_shows_comes_first(make_answer: Callable[..., Answer]) -> None:
    summary = ProfileSummary(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=MIB,
        processes=1,
        capture_bytes=1,
        is_cut=False,
    )
    heap = Reconciliation(
        requested_bytes=MIB,
        resident_bytes=40 * MIB,
        base_bytes=3 * MIB,
        profiler_bytes=5 * MIB,
        kernel_bytes=0,
        others_bytes=30 * MIB,
        remainder_bytes=MIB,
    )
    site = SiteShare(at="/app/w.py:1", stack=(), bytes=MIB, count=1, share=0.8)
    answer = make_answer(profile=summary, heap=heap, sites=(site,))
    (held,) = (section for section in sections_of(answer) if section.label == "Held by")
    assert "30 MiB  processes without a heap profile" in held.lines[0]
    assert "80.0 %" in held.lines[1]
    page = " ".join(render_answer(answer).split())
    assert (
        "40 MiB resident = 1 MiB requested + 3 MiB held before the profiler began + 5 MiB the "
        "profiler's own + 30 MiB held by processes without a profile + 1 MiB slack of the "
        "allocator." in page
    )
    assert "not seen by tracemalloc, or slack" in render_answer(
        msgspec.structs.replace(
            answer, profile=msgspec.structs.replace(summary, profiler=Profiler.TRACEMALLOC)
        ),
        width=500,
    )
    assert "allocated after the capture's end, or slack" in render_answer(
        msgspec.structs.replace(answer, profile=msgspec.structs.replace(summary, is_cut=True)),
        width=500,
    )


def test_the_page_is_plain_and_harmless(make_answer: Callable[..., Answer]) -> None:
    hostile = "\x1b[31mred\x1b[0m\nrow | <script>"
    site = SiteShare(at=f"/{hostile}:1", stack=(hostile,), bytes=MIB, count=1, share=0.5)
    answer = make_answer(command=(hostile,), stack=(hostile,), at=hostile, sites=(site,))
    page = render_answer(answer, width=80)
    assert "\x1b" not in page
    assert all(len(line) <= 130 for line in page.splitlines())
    assert [section.label for section in sections_of(answer)][:3] == [
        "Ended",
        "Stack",
        "In the JSON",
    ]
    markdown = render_answer_markdown(answer)
    assert "\x1b" not in markdown
    assert "\n<script>" not in markdown
    decoded = msgspec.json.decode(render_answer_json(answer))
    assert decoded["stopped_at"]["offset"] == 100
    assert decoded["requirement_bytes"] == 400 * MIB
