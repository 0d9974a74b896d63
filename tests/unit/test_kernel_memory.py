"""Texts of memory groups from several kernels."""

import pytest

from harness.sandbox.kernel import (
    MemoryParts,
    flat_keyed,
    limit_bytes,
    parts_v1,
    parts_v2,
    pss_bytes,
    read_offset,
    stalled_us,
    status_bytes,
)

V1_5_10 = """\
cache 45056
rss 10485760
rss_huge 0
shmem 4096
mapped_file 12288
dirty 0
pgpgin 3
inactive_anon 4096
hierarchical_memory_limit 536870912
hierarchical_memsw_limit 536870912
total_cache 90112
total_rss 20971520
total_rss_huge 0
total_shmem 8192
total_mapped_file 24576
total_pgfault 5000
"""
V1_6_18 = V1_5_10 + "total_swapcached 0\ntotal_workingset_refault_anon 0\n"
V2_5_15 = """\
anon 104857600
file 20480000
kernel_stack 32768
pagetables 245760
percpu 720
sock 4096
shmem 409600
file_mapped 8192
file_dirty 0
slab_reclaimable 900000
slab_unreclaimable 100000
slab 1000000
workingset_refault_anon 0
"""
V2_6_1 = """\
anon 104857600
file 20480000
kernel 2000000
kernel_stack 32768
pagetables 245760
sec_pagetables 0
percpu 720
sock 4096
vmalloc 0
shmem 409600
zswap 0
file_mapped 8192
slab_reclaimable 900000
slab_unreclaimable 100000
slab 1000000
"""


@pytest.mark.parametrize("text", [V1_5_10, V1_6_18])
def test_parts_of_v1_include_the_groups_below(text: str) -> None:
    assert parts_v1(text, "4194304\n") == MemoryParts(
        anon_bytes=20971520,
        shmem_bytes=8192,
        kernel_bytes=4194304,
        file_bytes=90112 - 8192,
        rss_bytes=20971520 + 24576,
    )


def test_a_v1_group_may_count_no_kernel_memory() -> None:
    assert parts_v1(V1_5_10, "").kernel_bytes == 0
    assert parts_v1("", "0\n") == MemoryParts(
        anon_bytes=0, shmem_bytes=0, kernel_bytes=0, file_bytes=0, rss_bytes=0
    )


@pytest.mark.parametrize(
    ("text", "kernel_bytes"),
    [
        # Without a `kernel` line, its parts: stack, page tables, per-CPU, slab that stays; sockets.
        (V2_5_15, 32768 + 245760 + 720 + 100000 + 4096),
        # With one, sockets are still not in it.
        (V2_6_1, 2000000 - 900000 + 4096),
    ],
)
def test_parts_of_v2_leave_out_what_can_be_reclaimed(text: str, kernel_bytes: int) -> None:
    assert parts_v2(text) == MemoryParts(
        anon_bytes=104857600,
        shmem_bytes=409600,
        kernel_bytes=kernel_bytes,
        file_bytes=20480000 - 409600,
        rss_bytes=104857600 + 8192,
        slab_bytes=900000,
    )


def test_counters_read_at_different_moments_make_nothing_negative() -> None:
    parts = parts_v2("anon 5\nfile 10\nshmem 20\nkernel 7\nslab_reclaimable 30\n")
    assert (parts.file_bytes, parts.kernel_bytes) == (0, 0)
    assert parts_v1("total_cache 1\ntotal_shmem 5\n", "0").file_bytes == 0


def test_flat_keyed_files() -> None:
    assert flat_keyed("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == {
        "oom_kill_disable": 0,
        "under_oom": 0,
        "oom_kill": 3,
    }
    assert flat_keyed("") == {}
    assert flat_keyed("a\nb c d\ne -1\nf x\n") == {}


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("max\n", None),
        ("536870912\n", 536870912),
        ("0\n", 0),
        ("9223372036854771712\n", None),
        ("9223372036854710272\n", None),
        ("-1\n", None),
    ],
)
def test_limits(text: str, limit: int | None) -> None:
    assert limit_bytes(text) == limit


def test_pressure() -> None:
    text = (
        "some avg10=0.00 avg60=0.12 avg300=0.05 total=123456\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n"
    )
    assert stalled_us(text) == 123456
    assert stalled_us("") is None


def test_offsets() -> None:
    assert read_offset("pos:\t5242880\nflags:\t0100000\nmnt_id:\t29\nino:\t12\n") == 5242880
    assert read_offset("") is None


def test_sizes_of_a_process() -> None:
    text = "Name:\tpython3\nUmask:\t0022\nVmHWM:\t   20480 kB\nRssAnon:\t 1024 kB\nThreads:\t1\n"
    assert status_bytes(text) == {"VmHWM": 20480 * 1024, "RssAnon": 1024 * 1024}


def test_a_process_may_take_a_name_like_a_size() -> None:
    assert "RssAnon" not in status_bytes("Name:\tRssAnon:\t9 kB\nState:\tR (running)\n")


@pytest.mark.parametrize(
    ("text", "share_bytes"),
    [
        ("Rss: 9 kB\nPss: 8 kB\nPss_Anon: 5 kB\nPss_File: 1 kB\nPss_Shmem: 2 kB\n", 7 * 1024),
        ("Rss: 9 kB\nPss: 8 kB\nPss_Anon: 5 kB\n", 5 * 1024),
        ("Rss: 9 kB\nPss: 8 kB\n", 8 * 1024),
        ("", 0),
    ],
)
def test_proportional_shares(text: str, share_bytes: int) -> None:
    assert pss_bytes(text) == share_bytes
