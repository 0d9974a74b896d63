"""What the container's init says of its child: the one witness of how it ended.

An engine reports 137 for an exit with 137 and for a death by SIGKILL alike. Docker's init (tini)
is asked to tell them apart: at verbosity 2 it writes two last lines on the standard output when
its child has ended. Where they are missing, the init itself was killed.
"""

import re
import signal
from typing import Final

import msgspec

ASK: Final = {"TINI_VERBOSITY": "2"}
# The two lines together, with the longest name of a program in one of them.
LENGTH_BYTES: Final = 8192
_TAG: Final = r"\[INFO  tini \(\d+\)\] "
_WORDS: Final = re.compile(
    rf"{_TAG}Spawned child process '.*' with pid '\d+'\n"
    rf"{_TAG}Main child exited (?:normally \(with status '(?P<code>\d+)'\)"
    r"|with signal \(with signal '(?P<signal>[^']*)'\))\n\Z"
)


class InitWords(msgspec.Struct, frozen=True, kw_only=True):
    """The init's words, and the output without them.

    Attributes:
        spoken: whether the init said anything.
        signal: that ended its child, or None where it exited.
        length_bytes: of the init's own lines.

    """

    text: str
    spoken: bool = False
    signal: int | None = None
    length_bytes: int = 0


def read_init_words(stdout_tail: str) -> InitWords:
    """Return what the init said at the end of the standard output."""
    # Only so much of the end is looked at: a worker can print what takes hours to search through.
    begin = max(0, len(stdout_tail) - LENGTH_BYTES)
    match = _WORDS.search(stdout_tail, begin)
    if match is None:
        return InitWords(text=stdout_tail)
    return InitWords(
        text=stdout_tail[: match.start()],
        spoken=True,
        signal=_number(match["signal"]) if match["signal"] else None,
        length_bytes=len(match[0].encode()),
    )


def _number(description: str) -> int | None:
    """Return the signal that the C library describes so: "Killed" is SIGKILL."""
    for number in signal.valid_signals():
        if signal.strsignal(number) == description:
            return int(number)
    return None
