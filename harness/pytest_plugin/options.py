"""What pytest is told in the sandbox: the options of this session, less what is for a whole one."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from harness.pytest_plugin import INSIDE

# What chooses among tests, spreads them, stops at failures, opens debuggers or writes reports was
# heeded outside. What measures would measure itself.
_OTHERWISE: Final[Mapping[str, object]] = {
    "basetemp": None,
    "benchmark_disable": True,
    "benchmark_only": False,
    "cacheclear": False,
    "cacheshow": None,
    "collectonly": False,
    "deselect": None,
    "dist": "no",
    "distload": False,
    "durations": None,
    "failedfirst": False,
    "keyword": "",
    "lf": False,
    "log_file": None,
    "looponfail": False,
    "markexpr": "",
    "maxfail": 0,
    "memray": False,
    "newfirst": False,
    "no_cov": True,
    "numprocesses": None,
    "pastebin": None,
    "pyargs": False,
    "reruns": 0,
    "setuponly": False,
    "setupplan": False,
    "setupshow": False,
    "showfixtures": False,
    "stepwise": False,
    "stepwise_skip": False,
    "timeout": 0,
    "trace": False,
    "tx": [],
    "usepdb": False,
    "xmlpath": None,
}


def inner_options(config: pytest.Config) -> dict[str, Any]:
    """Return the options for pytest in the sandbox, by their names; those that JSON can hold."""
    options = {name: value for name, value in vars(config.option).items() if _can_be_written(value)}
    options.update((name, value) for name, value in _OTHERWISE.items() if name in options)
    options.pop("file_or_dir", None)
    options["rootdir"] = str(config.rootpath)
    options["inifilename"] = str(config.inipath) if config.inipath else None
    # What a test printed should be known also if it is killed, so it goes through as it comes.
    options["capture"] = "no" if options.get("capture") == "no" else "tee-sys"
    options[INSIDE] = True
    return options


def _can_be_written(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
