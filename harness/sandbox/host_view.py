"""What of this machine a worker must see to run as it does here: folders to bind read-only.

The image ``host`` is empty. The system's programs and libraries, the interpreter with its virtual
environment, and the folder that the command starts in make it this machine's own environment.
"""

import os
import shutil
import site
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.sandbox.files import read_text

# /sbin is left out: the engine puts its own init there.
_SYSTEM: Final = tuple(
    Path(name)
    for name in (
        "/usr",
        "/bin",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/opt",
        "/nix/store",
        "/etc/alternatives",
        "/etc/group",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/localtime",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/etc/ssl",
    )
)
# A folder that holds one of these is a program's own tree, which it needs as a whole.
_MARKS_OF_A_PREFIX: Final = ("lib", "libexec", "pyvenv.cfg", "share", "node_modules")
# A container has these of its own.
_NEVER: Final = frozenset(Path(name) for name in ("/", "/dev", "/proc", "/sys"))
# People's files are shown only where they are named.
_HOMES: Final = frozenset((Path("/home"), Path("/root")))


def host_folders(
    command: Sequence[str], environment: Mapping[str, str], working_folder: Path
) -> tuple[Path, ...]:
    """Return what to bind so that `command` runs in an empty image as it runs here."""
    guessed = (
        *_SYSTEM,
        *_interpreter(),
        *_program(command[0], environment, working_folder),
        *_importable(),
    )
    named = (
        *_named_for_import(environment, working_folder),
        working_folder,
        *_arguments(command, working_folder),
    )
    return outermost((*_plain(guessed, _NEVER | _HOMES), *_plain(named, _NEVER)))


def _plain(paths: Iterable[Path], never: frozenset[Path]) -> Iterable[Path]:
    found = (Path(os.path.normpath(path)) for path in paths if _exists(path))
    return (path for path in found if path not in never)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (unlike Path's, it raises for no name)


def outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return `paths` without those that lie inside another, in order."""
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda path: (len(path.parts), path)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)


def _interpreter() -> Iterable[Path]:
    """Yield the trees of the interpreter that ``{python}`` stands for."""
    yield Path(sys.prefix)
    yield Path(sys.base_prefix)
    yield Path(sys.executable).resolve().parent.parent


def _named_for_import(environment: Mapping[str, str], working_folder: Path) -> Iterable[Path]:
    """Yield the folders that interpreters are told to import from."""
    for name in ("PYTHONPATH", "NODE_PATH"):
        words = environment.get(name, "").split(os.pathsep)
        yield from (working_folder / word for word in words if word)


def _importable() -> Iterable[Path]:
    """Yield the user's own packages, and what else this interpreter imports from."""
    yield Path(site.getusersitepackages())
    # Packages installed for editing lie elsewhere; this interpreter knows where.
    yield from (Path(entry) for entry in sys.path if entry)


def _program(word: str, environment: Mapping[str, str], working_folder: Path) -> Iterable[Path]:
    found = shutil.which(word, path=environment.get("PATH"))
    path = working_folder / (found or word)
    for place in dict.fromkeys((path, path.resolve())):
        yield _tree_of(place)
        yield from _base_of_virtual_environment(place.parent.parent)


def _tree_of(program: Path) -> Path:
    """Return the tree that a program belongs to, or the program alone where there is none."""
    prefix = program.parent.parent
    is_whole = any((prefix / mark).exists() for mark in _MARKS_OF_A_PREFIX)
    return prefix if is_whole and prefix not in _NEVER | _HOMES else program


def _base_of_virtual_environment(prefix: Path) -> Iterable[Path]:
    for line in (read_text(prefix / "pyvenv.cfg") or "").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home":
            yield Path(value.strip()).parent
            yield Path(os.path.realpath(Path(value.strip()) / "python3")).parent.parent


def _arguments(command: Sequence[str], working_folder: Path) -> Iterable[Path]:
    """Yield the files that the command names: its script may lie anywhere, with modules beside."""
    for word in command[1:]:
        path = working_folder / word
        if _is_file(path):
            for place in (Path(os.path.normpath(path)), path.resolve()):
                yield place if place.parent in _NEVER else place.parent


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL, is an argument and no path
        return False
