"""A small snapshot without the white space between its tokens."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    rb'(?P<text>"(?:[^"\\]|\\.)*")|(?P<open>[\[{])|(?P<close>[\]}])|(?P<space>[ \t\r\n]+)',
    re.DOTALL,
)


def compacted(text: bytes) -> bytes:
    """Return JSON text without the white space that it can do without.

    Values on lines of their own stay on lines of their own.
    """
    depth = 0

    def token(match: re.Match[bytes]) -> bytes:
        nonlocal depth
        match match.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "space":
                return b"\n" if not depth and b"\n" in match[0] else b""
        return match[0]

    return _TOKEN.sub(token, text).strip(b"\n")
