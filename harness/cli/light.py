"""Commands that read plain options without pydantic, which is larger than all else that they need.

Recent versions of typer have pydantic turn every word into its type: 12 MB before anything is done.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


class LightCommand(TyperCommand):
    """A command that reads texts, paths, whole numbers and flags itself."""

    def get_params(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the options and arguments."""
        return _lightened(super().get_params(*args, **kwargs))


class LightGroup(TyperGroup):
    """Commands whose common options are read as those of a light one."""

    def get_params(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the common options."""
        return _lightened(super().get_params(*args, **kwargs))


def _lightened(parameters: list[Any]) -> list[Any]:
    """Return the parameters, with readers of their values that need no pydantic."""
    for parameter in parameters:
        reader: Callable[[], Any] | None = getattr(parameter, "get_runtime_param", None)
        # Older versions of typer have none, and no pydantic.
        if reader is not None and "get_runtime_param" not in vars(parameter):
            light = _LightReader(reader, getattr(parameter, "type_descriptor", None))
            parameter.get_runtime_param = light.itself
    return parameters


class _LightReader:
    """Reads a value that is plain and valid, and leaves all others to typer's own reader."""

    def __init__(self, reader: Callable[[], Any], described: Any) -> None:
        self._reader = reader
        self._type = getattr(described, "annotation", None)
        self._info = getattr(described, "parameter_info", None)

    def itself(self) -> "_LightReader":
        return self

    def coerce(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the value in its type."""
        if value is None or (self._type is str and isinstance(value, str)):
            return value
        if self._type is bool and isinstance(value, bool):
            return value
        if self._type is int and self._is_whole(value):
            return int(value)
        if self._type is Path and isinstance(value, str) and self._is_path(value):
            return Path(value)
        return self._reader().coerce(value, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader(), name)

    def _is_whole(self, value: Any) -> bool:
        is_plain = type(value) is int or (isinstance(value, str) and _WHOLE.fullmatch(value))
        least, most = self._asked("min"), self._asked("max")
        return (
            bool(is_plain)
            and (least is None or int(value) >= least)
            and (most is None or int(value) <= most)
        )

    def _is_path(self, value: str) -> bool:
        """Whether a path needs none of the checks that typer can make of one."""
        if any(self._asked(check) for check in ("exists", "resolve_path", "path_type", "parser")):
            return False
        return value == "-" or not os.path.lexists(value) or os.access(value, os.R_OK | os.W_OK)

    def _asked(self, name: str) -> Any:
        return getattr(self._info, name, None)
