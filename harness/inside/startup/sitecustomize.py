"""Starts a heap profiler in each Python process of a worker, then makes way for the user's own.

Python imports the first ``sitecustomize`` on its path before it does anything of the worker's. This
one takes itself off the path, starts what the environment asks for, and imports the next: where
there is none, Python learns so as if this file had never been here. What is written here must be
understood by every Python, also by one too old to be profiled, and must never stop a worker.
"""

import os
import sys

# What this process holds before anything is loaded for us, in bytes.
_BASE_BYTES = 0
try:
    with open("/proc/self/status", "rb") as _file:
        for _line in _file:
            if _line.startswith((b"RssAnon:", b"RssShmem:")):
                _BASE_BYTES += int(_line.split()[1]) * 1024
except Exception:
    pass

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_NAME = "_oomproof_inside"
# Held, because an old Python empties a module that nobody holds.
_MODULE = sys.modules.pop(__name__, None)
sys.path[:] = [_entry for _entry in sys.path if os.path.abspath(_entry) != _FOLDER]

try:
    if sys.version_info >= (3, 9):
        import importlib.util

        _INSIDE = os.path.dirname(_FOLDER)
        _SPEC = importlib.util.spec_from_file_location(
            _NAME, os.path.join(_INSIDE, "__init__.py"), submodule_search_locations=[_INSIDE]
        )
        if _SPEC is not None:
            sys.modules[_NAME] = importlib.util.module_from_spec(_SPEC)
            try:
                importlib.import_module(_NAME + ".begin").begin(dict(os.environ), _BASE_BYTES)
            finally:
                for _name in [name for name in sys.modules if name.startswith(_NAME)]:
                    del sys.modules[_name]
    elif os.environ.get("OOMPROOF_CAPTURE"):
        _STEM = os.path.join(os.environ["OOMPROOF_CAPTURE"], "process-%d" % os.getpid())
        _SAID = '{"pid": %d, "python": "%d.%d", "reasons": ["%s"]}' % (
            os.getpid(),
            sys.version_info[0],
            sys.version_info[1],
            "profiling needs Python 3.9 or later",
        )
        with open(_STEM + ".status.json", "w") as _file:
            _file.write(_SAID)
except Exception:
    pass

__import__("sitecustomize")
