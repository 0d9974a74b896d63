"""What the kernel read back of the limits, and whose limit a kill was for."""

import os

import pytest

from harness.core.ending import LimitReached
from harness.core.errors import SandboxError
from harness.sandbox.group import check_limits, cpu_quota, swap_is_shut
from harness.sandbox.kills import LIMIT_SLACK_BYTES, kills_v2, whose_limit_v1

LIMIT = 512 * 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")
OWN, OTHER, UNKNOWN = LimitReached


@pytest.mark.parametrize(
    "limits",
    [
        {"memory.max": str(LIMIT), "memory.swap.max": "0"},
        {"memory.limit_in_bytes": str(LIMIT), "memory.memsw.limit_in_bytes": str(LIMIT)},
        {"memory.max": str(LIMIT - PAGE + 1), "memory.swap.max": "0"},
    ],
)
def test_limits_that_hold(limits: dict[str, str]) -> None:
    assert check_limits(limits, LIMIT) == limits


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"memory.max": "max", "memory.swap.max": "0"},
        {"memory.max": str(LIMIT * 2), "memory.swap.max": "0"},
        {"memory.max": str(LIMIT - PAGE), "memory.swap.max": "0"},
        {"memory.limit_in_bytes": "9223372036854771712"},
    ],
)
def test_a_limit_that_was_discarded_is_no_verdict(limits: dict[str, str]) -> None:
    with pytest.raises(SandboxError, match="reads back as"):
        check_limits(limits, LIMIT)


def test_nothing_is_held_where_nothing_was_asked() -> None:
    assert check_limits({}, None) == {}


@pytest.mark.parametrize(
    ("limits", "is_shut"),
    [
        ({"memory.swap.max": "0"}, True),
        ({"memory.swap.max": "max"}, False),
        ({"memory.limit_in_bytes": "5", "memory.memsw.limit_in_bytes": "5"}, True),
        ({"memory.limit_in_bytes": "5", "memory.memsw.limit_in_bytes": "6"}, False),
        ({"memory.limit_in_bytes": "5"}, False),
        ({}, False),
    ],
)
def test_swap(limits: dict[str, str], is_shut: bool) -> None:
    assert swap_is_shut(limits) is is_shut


@pytest.mark.parametrize(
    ("limit", "high_water_bytes", "hit_above", "whose"),
    [
        (None, LIMIT, False, OTHER),
        (None, None, True, OTHER),
        (LIMIT, None, False, UNKNOWN),
        (LIMIT, LIMIT, False, OWN),
        (LIMIT, LIMIT - LIMIT_SLACK_BYTES, False, OWN),
        (LIMIT, LIMIT - LIMIT_SLACK_BYTES - 1, False, OTHER),
        # Page cache can bring the mark to the limit long before a kill for another's limit.
        (LIMIT, LIMIT, True, UNKNOWN),
        (LIMIT, LIMIT // 2, True, OTHER),
    ],
)
def test_marks_tell_on_v1_where_nobody_listened(
    limit: int | None, high_water_bytes: int | None, hit_above: bool, whose: LimitReached
) -> None:
    for noticed, noticed_above in ((None, None), (None, 0), (None, 1)):
        told = whose_limit_v1(
            limit=limit,
            noticed=noticed,
            noticed_above=noticed_above,
            high_water_bytes=high_water_bytes,
            hit_above=hit_above,
        )
        assert told is whose


@pytest.mark.parametrize(
    ("noticed", "noticed_above", "whose"),
    [
        (1, 0, OWN),
        (7, 0, OWN),
        (0, 0, OTHER),  # the machine was short of memory
        (1, 1, OTHER),  # what comes to a group above comes to this one as well
        (0, 1, OTHER),
        (2, 1, UNKNOWN),
    ],
)
@pytest.mark.parametrize("mark_bytes", [None, LIMIT // 2, LIMIT])
@pytest.mark.parametrize("hit_above", [False, True])
def test_notices_tell_on_v1_whatever_page_cache_did(
    noticed: int,
    noticed_above: int,
    whose: LimitReached,
    mark_bytes: int | None,
    hit_above: bool,
) -> None:
    told = whose_limit_v1(
        limit=LIMIT,
        noticed=noticed,
        noticed_above=noticed_above,
        high_water_bytes=mark_bytes,
        hit_above=hit_above,
    )
    assert told is whose


def test_the_engines_word_stands_for_a_notice() -> None:
    for hit_above, whose in ((False, OWN), (True, UNKNOWN)):
        told = whose_limit_v1(
            limit=LIMIT,
            noticed=1,
            noticed_above=None,
            high_water_bytes=None,
            hit_above=hit_above,
        )
        assert told is whose


@pytest.mark.parametrize(
    ("events", "local", "count", "whose"),
    [
        ("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n", None, 1, OWN),
        ("max 9\noom 1\noom_kill 2\noom_group_kill 0\n", None, 2, OWN),
        ("max 0\noom 0\noom_kill 1\n", None, 1, OTHER),
        ("max 9\noom 1\noom_kill 1\n", "max 0\noom 0\noom_kill 0\n", 1, OTHER),
        ("max 9\noom 1\noom_kill 1\n", "max 9\noom 1\noom_kill 1\n", 1, OWN),
        ("max 9\noom 0\noom_kill 0\n", None, 0, OTHER),
    ],
)
def test_kills_on_v2(events: str, local: str | None, count: int, whose: LimitReached) -> None:
    kills = kills_v2(events, local)
    assert kills.count == count
    if count:
        assert kills.limit_reached is whose


@pytest.mark.parametrize(("cpus", "quota_us"), [(1, 100_000), (0.01, 1000), (2.5, 250_000)])
def test_processor_time(cpus: float, quota_us: int) -> None:
    assert cpu_quota(cpus) == (quota_us, 100_000)
