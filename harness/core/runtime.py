"""Runtimes that take more memory where they may have more, so that what they take is no need."""

import re
from collections.abc import Sequence
from typing import Final

from harness.core.node import is_node

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
_JAVA: Final = re.compile(r"(?:^|[\s/])java(?=\s|$)")
_DOTNET: Final = re.compile(r"(?:^|[\s/])dotnet(?=\s|$)")
_NODE: Final = re.compile(r"(?:^|[\s/])node(?:js)?(?=\s|$)")
_HEAP: Final = re.compile(r"(?:^|\s)-(?:Xmx\S+|XX:MaxHeapSize=)")


def takes_what_it_gets(command: Sequence[str]) -> bool:
    """Return whether a command's runtime collects garbage the later, the more memory there is.

    V8 sizes its heap by the sandbox's limit, and even with one of its own collects when it has the
    time. A JVM does without ``-Xmx``, and .NET always. Python gives memory back as it goes.
    """
    if not command:
        return False
    if is_node(command):
        return True
    program = command[0].rpartition("/")[2]
    words = " ".join(command) if program in _SHELLS else program
    if _NODE.search(words) or _DOTNET.search(words):
        return True
    return bool(_JAVA.search(words)) and not _HEAP.search(" ".join(command))
