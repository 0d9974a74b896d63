"""The one way in: find a shape, built in or given as a document, and stream documents of it."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from importlib import resources

from synthetic.hero_snapshot import hero_snapshot
from synthetic.making.making import MAKING_VERSION, make
from synthetic.making.reading import read_shape
from synthetic.shape import Shape

_HERO_SNAPSHOT = "hero_snapshot"
_FOLDER = "shapes"
_SUFFIX = ".json"

VERSION = 1
"""Raised whenever `hero_snapshot` in the same size and of the same seed has other bytes."""

SHAPES = (
    _HERO_SNAPSHOT,
    "deep_nesting",
    "giant_array",
    "giant_object",
    "giant_record",
    "long_strings",
    "ndjson",
    "tiny_integer_arrays",
    "unicode_heavy",
)
"""The names of the built-in shapes."""


class UnknownShapeError(ValueError):
    """No built-in shape has the asked name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generator:
    """What makes documents of a shape.

    Attributes:
        name: what people call the shape.
        identity: changes whenever the same size and seed would give other bytes; fit for a file's
            name.
        original_bytes: the size of the file that the shape was learned from, if it was.

    """

    name: str
    identity: str
    original_bytes: int | None
    make: Callable[..., Iterator[bytes]]

    def chunks(self, *, size_bytes: int, seed: int) -> Iterator[bytes]:
        """Return the chunks of one document, ``size_bytes`` long to the byte.

        Chunks are at most about 1 MiB, and memory does not grow with the size. The same shape, size
        and seed give the same bytes on every machine.

        Raises ValueError for a size that the shape cannot have or a negative seed, at once.
        """
        if seed < 0:
            raise ValueError(f"seed: {seed} is negative; use 0 or more")
        return self.make(size_bytes=size_bytes, seed=seed)


def built_in(name: str) -> Generator:
    """Return what makes documents of a built-in shape.

    Raises UnknownShapeError for a name that is not in SHAPES.
    """
    if name not in SHAPES:
        known = ", ".join(SHAPES)
        raise UnknownShapeError(f'no shape is called "{name}"; the built-in shapes are: {known}')
    if name == _HERO_SNAPSHOT:
        return Generator(
            name=name, identity=f"{name}-v{VERSION}", original_bytes=None, make=hero_snapshot
        )
    text = (resources.files("synthetic") / _FOLDER / f"{name}{_SUFFIX}").read_bytes()
    return dataclasses.replace(of_document(text, name=name), original_bytes=None)


def of_document(text: bytes | bytearray, *, name: str) -> Generator:
    """Return what makes documents of the shape that a JSON text describes.

    Raises ShapeError where it is no shape, or does not agree with itself.
    """
    shape = read_shape(text)
    digest = hashlib.sha256(text).hexdigest()[:16]
    return Generator(
        name=name,
        identity=f"shape-{digest}-v{MAKING_VERSION}",
        original_bytes=shape.bytes,
        make=_maker(shape),
    )


def _maker(shape: Shape) -> Callable[..., Iterator[bytes]]:
    def made(*, size_bytes: int, seed: int) -> Iterator[bytes]:
        return make(shape, size_bytes=size_bytes, seed=seed)

    return made


def generate(shape: str, *, size_bytes: int, seed: int) -> Iterator[bytes]:
    """Return the chunks of one document of a built-in shape, as its generator makes them.

    Raises UnknownShapeError for a shape not in SHAPES, and ValueError for a size below the smallest
    document or a negative seed; all at once, before the first chunk is asked for.
    """
    return built_in(shape).chunks(size_bytes=size_bytes, seed=seed)
