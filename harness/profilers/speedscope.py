"""A heap profile as speedscope reads it: https://www.speedscope.app/file-format-schema.json."""

import msgspec

from harness.core.encoding import encode_json
from harness.core.profile import Frame, Profile

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    file: str
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
