"""Heap against resident: exact arithmetic, and nothing guessed."""

from hypothesis import given
from hypothesis import strategies as st

from harness.core.autopsy import Process
from harness.core.peaks import Parts, Peak
from harness.core.profile import Moment, Profile, Profiler
from harness.core.reconcile import note_on_others, reconcile

SIZE = st.integers(min_value=0, max_value=2**50)


def profile(total: int, base: int | None) -> Profile:
    return Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=total,
        sites=(),
        base_bytes=base,
    )


def peak(anon: int, kernel: int) -> Peak:
    parts = Parts(
        anon_bytes=anon, kernel_bytes=kernel, shmem_bytes=0, file_bytes=9, rss_bytes=anon + 9
    )
    return Peak(peak_bytes=anon + kernel, peak_upper_bytes=None, parts=parts)


@given(requested=SIZE, base=SIZE, profiler=SIZE, anon=SIZE, kernel=SIZE, others=SIZE)
def test_sum_is_exact(
    requested: int, base: int, profiler: int, anon: int, kernel: int, others: int
) -> None:
    made = reconcile(
        profile(requested, base),
        peak(anon, kernel),
        profiler_bytes=profiler,
        others_bytes=others,
    )
    assert made.unseen_bytes == base + profiler + kernel + others
    assert made.slack_bytes is not None
    assert made.untouched_bytes is not None
    assert made.resident_bytes == (
        requested + made.unseen_bytes + made.slack_bytes - made.untouched_bytes
    )
    assert 0 in {made.slack_bytes, made.untouched_bytes}
    assert not made.unknown


def test_slack_is_what_nobody_requested() -> None:
    made = reconcile(profile(60, 5), peak(80, 4), profiler_bytes=3)
    assert (made.remainder_bytes, made.slack_bytes, made.untouched_bytes) == (12, 12, 0)


def test_untouched_is_what_has_no_page() -> None:
    made = reconcile(profile(900, 5), peak(450, 4), profiler_bytes=3)
    assert (made.remainder_bytes, made.slack_bytes, made.untouched_bytes) == (-458, 0, 458)


def test_unknown_parts_are_not_guessed() -> None:
    made = reconcile(profile(60, None), None, profiler_bytes=None)
    assert made.requested_bytes == 60
    assert made.remainder_bytes is None
    assert made.slack_bytes is None
    assert made.untouched_bytes is None
    assert made.unseen_bytes is None
    assert len(made.unknown) == 3


def test_without_a_profile() -> None:
    made = reconcile(None, peak(80, 4), profiler_bytes=3)
    assert made.resident_bytes == 84
    assert made.remainder_bytes is None
    assert made.unknown == ("There is no heap profile of this run.",)


def process(*command: str, **rollup: int) -> Process:
    return Process(
        pid=1, parent=0, command=command, rollup=rollup, areas=(), open_files=(), threads=()
    )


def test_processes_without_a_profile_are_named_where_they_hold_much() -> None:
    sort = process("sort", "-S", "1G", Pss_Anon=70, Pss_Shmem=5, Anonymous=500)
    shell = process("/bin/sh", Anonymous=1)
    others = (shell, sort)
    size = sum(one.own_share_bytes for one in others)
    assert size == 76, "what several processes share counts once"
    made = reconcile(profile(10, 4), peak(96, 4), profiler_bytes=2, others_bytes=size)
    assert made.remainder_bytes == 100 - 10 - 4 - 2 - 4 - 76
    note = note_on_others(made, others)
    assert "76 B of 100 B (76 %)" in note
    assert "`sort -S 1G`" in note
    small = reconcile(profile(90, 4), peak(96, 4), profiler_bytes=2, others_bytes=1)
    assert note_on_others(small, (shell,)) == ""
