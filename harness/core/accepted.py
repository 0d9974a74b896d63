"""What a baseline keeps of profiles: small, in order, and only where they are of its peaks."""

from collections.abc import Iterable
from typing import Final

import msgspec

from harness.core.baseline import Baseline, BaselineEntry
from harness.core.encoding import lay_out
from harness.core.noise import growth_floor_bytes
from harness.core.sites import (
    MOST_ROWS,
    AcceptedProfile,
    CaseProfile,
    shortened_paths,
    shortened_sites,
)

# Of one scenario's file: larger ones are read by nobody in a review.
MOST_BYTES: Final = 50_000
_STEPS: Final = (MOST_ROWS, 15, 10, 7, 5, 3, 2, 1)


def with_profiles(
    baseline: Baseline, profiles: Iterable[CaseProfile], before: Baseline | None
) -> Baseline:
    """Return a baseline whose entries say what held their memory, as far as that is known.

    A case without a profile of this report keeps the one of the baseline `before`, where that is of
    the same snapshot and of a peak that is the same but for noise.
    """
    made = {profile.case: profile for profile in profiles}
    earlier = {entry.case: entry for entry in before.entries} if before else {}
    sandbox = baseline.conditions.sandbox
    entries = tuple(
        msgspec.structs.replace(
            entry, profile=_profile(entry, made.get(entry.case), earlier.get(entry.case), sandbox)
        )
        for entry in baseline.entries
    )
    return _fitted(msgspec.structs.replace(baseline, entries=entries))


def _profile(
    entry: BaselineEntry, made: CaseProfile | None, earlier: BaselineEntry | None, sandbox: str
) -> AcceptedProfile | None:
    kept = _kept(entry, earlier, sandbox)
    if made is None or made.sites is None:
        return kept
    paths = made.paths or (kept.paths if kept else None)
    return AcceptedProfile(peak_bytes=entry.peak_bytes, sites=made.sites, paths=paths)


def _kept(
    entry: BaselineEntry, earlier: BaselineEntry | None, sandbox: str
) -> AcceptedProfile | None:
    """Return what of an earlier profile is still true of an entry."""
    if (
        earlier is None
        or earlier.profile is None
        or earlier.snapshot_sha256 != entry.snapshot_sha256
    ):
        return None
    floor_bytes = growth_floor_bytes(sandbox, earlier.profile.peak_bytes)
    if abs(entry.peak_bytes - earlier.profile.peak_bytes) <= floor_bytes:
        return earlier.profile
    # The input is the same; who holds what of it may not be.
    return msgspec.structs.replace(earlier.profile, sites=None)


def _fitted(baseline: Baseline) -> Baseline:
    """Return a baseline with as many rows in each table as its file has room for."""
    for most in _STEPS:
        fitted = _with_rows(baseline, most)
        if len(lay_out(fitted)) <= MOST_BYTES:
            return fitted
    bare = [msgspec.structs.replace(entry, profile=None) for entry in baseline.entries]
    return msgspec.structs.replace(baseline, entries=tuple(bare))


def _with_rows(baseline: Baseline, most: int) -> Baseline:
    entries = tuple(
        msgspec.structs.replace(
            entry,
            profile=msgspec.structs.replace(
                entry.profile,
                sites=shortened_sites(entry.profile.sites, most) if entry.profile.sites else None,
                paths=shortened_paths(entry.profile.paths, most) if entry.profile.paths else None,
            ),
        )
        if entry.profile
        else entry
        for entry in baseline.entries
    )
    return msgspec.structs.replace(baseline, entries=entries)
