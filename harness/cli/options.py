"""Errors that name a scenario's key, told by the option that stands for it on a command line."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Final

SOURCE: Final = "command line"


@contextlib.contextmanager
def as_options(options: Mapping[str, str]) -> Iterator[None]:
    """Let errors name the options that stand for a scenario's keys on the command line.

    `options` are these, by the key: ``{"limits.memory": "--memory"}``.
    """
    from harness.core.errors import InputError

    keys = "|".join(map(re.escape, options))
    try:
        yield
    except InputError as error:
        text = re.sub(
            rf"^{SOURCE}: ({keys})(?:\[\d+\])?(?=:)",
            lambda match: options[match[1]],
            str(error),
        )
        raise InputError(text) from error
