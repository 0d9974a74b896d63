"""Requests to end, such as Ctrl-C: one that was swallowed where it struck is heeded a little later.

Python raises KeyboardInterrupt wherever the program is. In a finaliser, or in compiled code that is
being imported, it may be dropped with a mere message.
"""

import threading
from typing import Final, NoReturn

_asked: Final = threading.Event()


def interrupt(*_: object) -> NoReturn:
    """Be asked to end, as a signal's handler.

    Raises:
        KeyboardInterrupt: always.

    """
    _asked.set()
    raise KeyboardInterrupt


def insist() -> None:
    """Go on unless asked to end.

    Raises:
        KeyboardInterrupt: it was asked to end before, and nobody heard.

    """
    if _asked.is_set():
        raise KeyboardInterrupt
