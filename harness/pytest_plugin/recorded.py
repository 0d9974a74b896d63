"""Warnings of a test: written in the sandbox, and recorded again in the session outside."""

import builtins
import importlib
import warnings
from typing import Any

import pytest


def describe(warning: warnings.WarningMessage, nodeid: str, location: object) -> dict[str, Any]:
    """Return a warning as JSON can hold it."""
    return {
        "text": str(warning.message),
        "module": warning.category.__module__,
        "category": warning.category.__qualname__,
        "file": warning.filename,
        "line": warning.lineno,
        "nodeid": nodeid,
        "location": location,
    }


def record(described: dict[str, Any], config: pytest.Config) -> None:
    """Record a warning in this session, as if the test had been run in it."""
    category = _category(described["module"], described["category"])
    message = warnings.WarningMessage(
        message=category(described["text"]),
        category=category,
        filename=described["file"],
        lineno=described["line"],
    )
    location = described["location"]
    config.hook.pytest_warning_recorded.call_historic(
        kwargs={
            "warning_message": message,
            "when": "runtest",
            "nodeid": described["nodeid"],
            "location": None if location is None else tuple(location),
        }
    )


def _category(module: str, name: str) -> type[Warning]:
    """Return the class of a warning; a plain one where its own cannot be had or made here."""
    try:
        found = getattr(builtins if module == "builtins" else importlib.import_module(module), name)
        found("can be made of a text")
    except Exception:  # noqa: BLE001  (whatever a module of the user's does when it is imported)
        return UserWarning
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning
