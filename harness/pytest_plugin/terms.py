"""What a test's mark asks for, read strictly: a misspelt budget must not pass for none."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.core.quantity import Size
from harness.core.scenario import SandboxKind
from harness.core.units import parse_size

UNLIMITED: Final = "unlimited"
_KNOWN: Final = ("memory", "peak", "snapshot", "timeout", "ending", "sandbox")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of one test.

    Attributes:
        memory: the limit of its sandbox, pytest included; a size or ``unlimited``.
        peak: by how much its memory may rise above what pytest itself holds; None for any.
        snapshot: a file that it reads.
        timeout: how long it may take, such as ``120s``.
        ending: how it is to end.
        sandbox: where it runs.

    """

    memory: str = UNLIMITED
    peak: Size | None = None
    snapshot: Path | None = None
    timeout: str = "120s"
    ending: Ending = Ending.COMPLETED
    sandbox: str = SandboxKind.AUTO


def terms_of(
    arguments: tuple[object, ...], named: Mapping[str, Any], *, folder: Path, sandbox: str
) -> Terms:
    """Return the terms that a mark states.

    A snapshot's path starts from `folder`; `sandbox` is where tests run whose mark does not say.

    Raises:
        InputError: the mark asks for something that is not known, or in a way that is not.

    """
    if arguments:
        raise InputError(f"its terms have names, such as memory=: {arguments[0]!r} has none")
    for name, value in named.items():
        if name not in _KNOWN:
            raise InputError(f'"{name}" is not known; there are {", ".join(_KNOWN)}')
        if not isinstance(value, str | Path):
            raise InputError(f'{name}: {value!r} is no text; write for example "64MiB"')
    texts = {name: str(value) for name, value in named.items()}
    if not {"memory", "peak"} & texts.keys():
        raise InputError('state `memory`, `peak` or both, such as memory="256MiB"')
    return Terms(
        memory=texts.get("memory", UNLIMITED),
        peak=_peak(texts.get("peak")),
        snapshot=folder / texts["snapshot"] if "snapshot" in texts else None,
        timeout=texts.get("timeout", Terms.timeout),
        ending=_ending(texts.get("ending", Ending.COMPLETED)),
        sandbox=texts.get("sandbox", sandbox),
    )


def _peak(text: str | None) -> Size | None:
    if text is None:
        return None
    try:
        return Size(text=text, bytes_=parse_size(text))
    except ValueError as error:
        raise InputError(f"peak: {error}") from None


def _ending(text: str) -> Ending:
    try:
        return Ending(text)
    except ValueError:
        raise InputError(f'ending: "{text}" is none of {", ".join(Ending)}') from None
