"""The built-in shape ``hero_snapshot``: a game's export of a player, troops, pets and heroes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthetic.draws import Dice, DrawStream
from synthetic.filling import fill
from synthetic.hero_pools import HeroSnapshotPools, hero_snapshot_pools, opening
from synthetic.identities import Identities, Table
from synthetic.names import sentence
from synthetic.pools import drawn, drawn_columns, skewed_counts
from synthetic.records import Records
from synthetic.rows import Rows, beside, rows_of

_TROOPS_PERCENT = 28
_PETS_PERCENT = 12
_SLACK_BYTES = 512
_HEROES_SLACK_BYTES = 2048  # at most this much lore is left for the last hero
_BATCH = 2048  # as many make a chunk of about 700 kB; the batches never show in the bytes
_HEROES_BATCH = 512

_MOST_IN_HERO = (64, 8, 12)  # gear, skills and sentences of lore
_LONGEST_HERO_BYTES = 30_000
_MOST_OWNERS = 4096

_END = b'"}]}'


class _Heroes:
    """Heroes in order, with their gear, skills and lore; hero 0 is kept to close the document."""

    def __init__(self, pools: HeroSnapshotPools, *, identities: Identities, seed: int) -> None:
        self._heads = Records(Table.HERO, pools.hero, identities=identities, seed=seed)
        self._gear = Records(Table.GEAR, pools.gear, identities=identities, seed=seed)
        self._skills = Records(Table.SKILL, pools.skill, identities=identities, seed=seed)
        self._sentences = (pools.sentence,)
        self._lore = DrawStream(seed, "lore")
        self._counts = DrawStream(seed, "counts")
        self._count_pools = tuple(skewed_counts(limit=limit) for limit in _MOST_IN_HERO)

    def take(self, count: int) -> Rows:
        draws = self._counts.rows(count, width=len(self._count_pools))
        gear, skills, sentences = drawn(self._count_pools, draws)
        lore = rows_of(drawn_columns(self._sentences, self._lore, int(sentences.sum())))
        return beside(
            self._heads.take(count),
            self._gear.take_groups(gear),
            _repeated(b'],"skills":[', count),
            self._skills.take_groups(skills),
            _repeated(b'],"lore":"', count),
            lore.grouped(sentences),
            _repeated(b'"},', count),
        )

    def take_closing(self) -> bytes:
        """Return a hero without gear and skills, up to the text of its lore."""
        return self._heads.take(1).joined() + b'],"skills":[],"lore":"'


def hero_snapshot(*, size_bytes: int, seed: int) -> Iterator[bytes]:
    """Return the chunks of a hero snapshot of exactly ``size_bytes``; ValueError for too few."""
    identities = Identities(seed)
    pools = hero_snapshot_pools(seed, owners=_owners(identities, size_bytes))
    troops = Records(Table.TROOP, pools.troop, identities=identities, seed=seed)
    pets = Records(Table.PET, pools.pet, identities=identities, seed=seed)
    heroes = _Heroes(pools, identities=identities, seed=seed)
    frame = _Frame(
        opening=opening(seed, player_id=identities.one(Table.PLAYER, 0)).encode(),
        after_troops=_last(troops) + b'],"pets":[',
        after_pets=_last(pets) + b'],"heroes":[',
        last_hero=heroes.take_closing(),
    )
    if size_bytes < frame.length_bytes:
        raise ValueError(
            f"size_bytes: {size_bytes} is too small for a hero_snapshot of seed {seed}; "
            f"the smallest is {frame.length_bytes} bytes"
        )
    tables = _Tables(troops=troops, pets=pets, heroes=heroes)
    return _chunks(frame, tables, spare_bytes=size_bytes - frame.length_bytes, seed=seed)


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """The parts that every document has, down to the smallest; between them go more records."""

    opening: bytes
    after_troops: bytes
    after_pets: bytes
    last_hero: bytes

    @property
    def length_bytes(self) -> int:
        parts = (self.opening, self.after_troops, self.after_pets, self.last_hero, _END)
        return sum(len(part) for part in parts)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    troops: Records
    pets: Records
    heroes: _Heroes


def _chunks(frame: _Frame, tables: _Tables, *, spare_bytes: int, seed: int) -> Iterator[bytes]:
    heroes_bytes = spare_bytes
    yield frame.opening
    for records, percent, after in (
        (tables.troops, _TROOPS_PERCENT, frame.after_troops),
        (tables.pets, _PETS_PERCENT, frame.after_pets),
    ):
        budget_bytes = spare_bytes * percent // 100
        heroes_bytes -= budget_bytes
        heroes_bytes += yield from fill(
            records.take, batch=_BATCH, budget_bytes=budget_bytes, slack_bytes=_SLACK_BYTES
        )
        yield after
    lore_bytes = yield from fill(
        tables.heroes.take,
        batch=_HEROES_BATCH,
        budget_bytes=heroes_bytes,
        slack_bytes=_HEROES_SLACK_BYTES,
    )
    yield frame.last_hero + _lore(seed, lore_bytes) + _END


def _last(records: Records) -> bytes:
    """Return a record to end an array with, without the comma that records end in."""
    return records.take(1).joined().removesuffix(b",")


def _owners(identities: Identities, size_bytes: int) -> list[int]:
    """Return ids of heroes that the document is sure to have, though pets come before heroes.

    Heroes are passed over only when the budget nears its end, and none is longer than the bound.
    """
    sure = size_bytes // 2 // _LONGEST_HERO_BYTES
    numbers = np.arange(min(sure + 1, _MOST_OWNERS), dtype=np.int64)
    return [int(id_) for id_ in identities.ids(Table.HERO, numbers)]


def _lore(seed: int, length_bytes: int) -> bytes:
    """Return a text of exactly this many bytes, which brings the document to its size."""
    dice = Dice(seed, "last lore")
    text = ""
    while len(text) < length_bytes:
        text += sentence(dice)
    whole = text.encode()[:length_bytes].decode(errors="ignore")  # no half of a character
    return whole.encode().ljust(length_bytes, b".")


def _repeated(piece: bytes, count: int) -> Rows:
    return rows_of([np.full(count, piece, dtype=object)])
