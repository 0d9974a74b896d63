"""Characters of several bytes: found, and checked to be UTF-8."""

import dataclasses
from typing import Final

import numpy as np

from synthetic.scan.bits import places_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.kinds import Bytes, Places

LEAST_LEAD: Final = 0xC2
_MOST_LEAD: Final = 0xF4
_LEAST_OTHER: Final = 0x80
_LEAST_FIRST: Final = 0xC0
_SECOND_RANGES: Final = (
    (0xE0, 0xA0, 0xBF),
    (0xED, 0x80, 0x9F),
    (0xF0, 0x90, 0xBF),
    (0xF4, 0x80, 0x8F),
)
"""Of lead bytes, the range of the byte behind: no other forms, surrogates or codes too large."""
_NONE: Final = np.empty(0, np.intp)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leads:
    """The first bytes of the characters of several bytes in a text, and where each is."""

    places: Places
    bytes: Bytes


NO_LEADS: Final = Leads(places=_NONE, bytes=np.empty(0, np.uint8))


def leads_of(text: bytes, padded: Bytes, end: int) -> Leads:
    """Return the characters of several bytes of a text; `padded` are its bytes, and more.

    Raises:
        InvalidJsonError: the text is not UTF-8 before `end`, where a character ends.

    """
    if text.isascii():
        return NO_LEADS
    places = places_of(padded >= _LEAST_OTHER)
    places = places[: np.searchsorted(places, end)]
    others = padded.take(places)
    firsts = (others >= _LEAST_FIRST).nonzero()[0]
    leads = Leads(places=places.take(firsts), bytes=others.take(firsts))
    if not _are_whole(places, others, firsts, leads):
        try:
            text[:end].decode()
        except UnicodeDecodeError as error:
            raise InvalidJsonError(error.start, "the text is not UTF-8") from None
    return leads


def _are_whole(places: Places, others: Bytes, firsts: Places, leads: Leads) -> bool:
    """Whether each lead byte has the bytes behind it that it calls for, and no others are there."""
    if not len(firsts):
        return not len(places)
    more = (leads.bytes >= LEAST_LEAD).astype(np.intp)
    more += leads.bytes >= 0xE0
    more += leads.bytes >= 0xF0
    lasts = firsts + more
    if firsts[0] or int(lasts[-1]) != len(places) - 1 or (lasts[:-1] + 1 != firsts[1:]).any():
        return False
    if (places.take(lasts) != leads.places + more).any():
        return False
    if int(leads.bytes.min()) < LEAST_LEAD or int(leads.bytes.max()) > _MOST_LEAD:
        return False
    for lead, least, most in _SECOND_RANGES:
        at = (leads.bytes == lead).nonzero()[0]
        if len(at):
            seconds = others.take(firsts.take(at) + 1)
            if int(seconds.min()) < least or int(seconds.max()) > most:
                return False
    return True
