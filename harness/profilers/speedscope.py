"""A heap profile as speedscope reads it: https://www.speedscope.app/file-format-schema.json."""

from collections.abc import Iterator, Sequence

import msgspec

from harness.core.attribution import Attribution, StackChange
from harness.core.encoding import encode_json
from harness.core.profile import Frame, Profile

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    file: str = ""
    line: int | None = None


class _Shared(msgspec.Struct, frozen=True, kw_only=True):
    frames: tuple[_Frame, ...]


class _Samples(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Each sample is a stack, outermost frame first, by the frames' numbers; weights are bytes."""

    type: str = "sampled"
    name: str
    unit: str = "bytes"
    start_value: int = 0
    end_value: int
    samples: tuple[tuple[int, ...], ...]
    weights: tuple[int, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, rename={"schema": "$schema"}):
    schema: str = _SCHEMA
    shared: _Shared
    profiles: tuple[_Samples, ...]
    name: str
    exporter: str = "oomproof"


def render_speedscope(profile: Profile, *, name: str) -> bytes:
    """Return the sites of a profile in speedscope's form, under a name for people."""
    numbers: dict[Frame, int] = {}
    samples = tuple(
        tuple(numbers.setdefault(frame, len(numbers)) for frame in reversed(site.stack))
        for site in profile.sites
    )
    weights = tuple(site.bytes for site in profile.sites)
    frames = tuple(
        _Frame(name=frame.function or frame.file, file=frame.file, line=frame.line or None)
        for frame in numbers
    )
    told = _Samples(name=name, end_value=sum(weights), samples=samples, weights=weights)
    return encode_json(_File(shared=_Shared(frames=frames), profiles=(told,), name=name))


def render_growth(attributions: Sequence[Attribution], *, name: str) -> bytes:
    """Return differential flame graphs of cases, each as four profiles over the same frames.

    They hold what the stacks held in the baseline, what they hold now, by how much those grew that
    grew, and by how much those shrank that shrank.
    """
    numbers: dict[str, int] = {}
    told = tuple(
        profile for found in attributions if found.stacks for profile in _four(found, numbers)
    )
    frames = tuple(_Frame(name=frame) for frame in numbers)
    return encode_json(_File(shared=_Shared(frames=frames), profiles=told, name=name))


def _four(found: Attribution, numbers: dict[str, int]) -> Iterator[_Samples]:
    grown = [(stack, stack.new_bytes - stack.old_bytes) for stack in found.stacks]
    for what, weighed in (
        ("grown", grown),
        ("now", [(stack, stack.new_bytes) for stack in found.stacks]),
        ("baseline", [(stack, stack.old_bytes) for stack in found.stacks]),
        ("shrunk", [(stack, -size) for stack, size in grown]),
    ):
        yield _weighed(f"{found.case}: {what}", weighed, numbers)


def _weighed(
    name: str, weighed: Sequence[tuple[StackChange, int]], numbers: dict[str, int]
) -> _Samples:
    positive = [(stack, size) for stack, size in weighed if size > 0]
    return _Samples(
        name=name,
        end_value=sum(size for _, size in positive),
        samples=tuple(
            tuple(numbers.setdefault(frame, len(numbers)) for frame in stack.stack)
            for stack, _ in positive
        ),
        weights=tuple(size for _, size in positive),
    )
