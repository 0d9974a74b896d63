"""Importing memray: the harness's own where it fits this interpreter, else the worker's."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXTENSION = "_memray"


class NoMemrayError(Exception):
    """There is no memray that this interpreter can use."""


def load(folder: str | None) -> Any:
    """Import memray from `folder` where it fits, else as the worker would.

    The one from outside comes first, because what it writes can surely be read there.

    Raises:
        NoMemrayError: there is none, or none that fits; the message says why of both.

    """
    reason = "none was lent"
    with _Stubs():
        if folder:
            reason = _misfit(folder)
            if not reason:
                try:
                    return _load_from(folder)
                except Exception as error:
                    _forget()
                    reason = f"{type(error).__name__}: {error}"
        try:
            memray = importlib.import_module("memray")
            importlib.import_module("memray.reporters.module_tools")
        except Exception as error:
            _forget()
            raise NoMemrayError(
                f"{type(error).__name__}: {error}; the harness's own: {reason}"
            ) from None
        return memray


def _misfit(folder: str) -> str:
    """Return why the memray in `folder` cannot be used here; nothing where it can."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(f"{_EXTENSION}.")]
    except OSError as error:
        return str(error)
    if any(_EXTENSION + suffix in names for suffix in importlib.machinery.EXTENSION_SUFFIXES):
        return ""
    built = ", ".join(name for name in names if name.endswith(".so"))
    return f"it is built for another Python ({built or 'nothing here'})"


def _load_from(folder: str) -> Any:
    spec = importlib.util.spec_from_file_location(
        "memray", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise NoMemrayError(f"{folder} is no package")
    module = importlib.util.module_from_spec(spec)
    sys.modules["memray"] = module
    spec.loader.exec_module(module)
    # What a tracker imports as it is made, while the stand-ins are there.
    importlib.import_module("memray.reporters.module_tools")
    return module


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "memray"]:
        del sys.modules[name]


class _Stubs:
    """Empty stand-ins for what memray imports but does not use while it captures.

    The real ones cost 10 MB and 25 ms, and need not be there where memray is lent.
    """

    def __enter__(self) -> None:
        import typing

        self._made: list[str] = []
        sources = {"rich": None, "rich.progress": None, "typing_extensions": typing}
        for name, source in sources.items():
            if name not in sys.modules:
                sys.modules[name] = _Stub(name, source)
                self._made.append(name)

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            sys.modules.pop(name, None)


class _Stub(types.ModuleType):
    """A module that has every name: those of `source`, or `object` for each."""

    def __init__(self, name: str, source: types.ModuleType | None) -> None:
        super().__init__(name)
        self._source = source
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return object if self._source is None else getattr(self._source, name)
