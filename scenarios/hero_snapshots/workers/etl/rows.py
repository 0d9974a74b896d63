"""Normalising: the rows of the tables that one element of a snapshot becomes."""

from collections.abc import Callable, Iterator
from typing import Any

from .errors import SnapshotError
from .fields import Json, array, as_object, identity, integer, mapping, real, text, texts

Value = str | int | float | None
Row = tuple[str, tuple[Value, ...]]
"""A table's name, and the values of its columns in the order of ``tables.TABLES``."""


def head_rows(head: Json) -> Iterator[Row]:
    """Yield the snapshot's own row and its player's."""
    snapshot_id = snapshot_id_of(head)
    player = mapping(head, "player")
    try:
        player_id = identity(player)
    except SnapshotError as error:
        raise SnapshotError(f".player{error}") from None
    yield "snapshots", (snapshot_id, integer(head, "schema"), text(head, "exported_at"))
    name, level, guild = text(player, "name"), integer(player, "level"), text(player, "guild")
    yield "players", (snapshot_id, player_id, name, level, guild)


def snapshot_id_of(head: Json) -> str:
    """Return the snapshot's id, with which every key begins."""
    value = text(head, "snapshot_id")
    if value is None:
        raise SnapshotError(".snapshot_id: missing; it is the key that a replay overwrites")
    return value


def _troop_rows(snapshot_id: str, troop: Json) -> Iterator[Row]:
    troop_id = identity(troop)
    stats = mapping(troop, "stats")
    yield (
        "troops",
        (
            snapshot_id,
            troop_id,
            text(troop, "name"),
            text(troop, "kind"),
            integer(troop, "level"),
            real(troop, "power"),
            integer(troop, "count"),
            integer(stats, "hp"),
            integer(stats, "attack"),
            integer(stats, "defense"),
        ),
    )
    for position, tag in enumerate(texts(troop, "tags")):
        yield "troop_tags", (snapshot_id, troop_id, position, tag)


def _pet_rows(snapshot_id: str, pet: Json) -> Iterator[Row]:
    pet_id = identity(pet)
    yield (
        "pets",
        (
            snapshot_id,
            pet_id,
            text(pet, "name"),
            text(pet, "species"),
            integer(pet, "level"),
            real(pet, "bond"),
            integer(pet, "owner_hero"),
        ),
    )
    for position, trait in enumerate(texts(pet, "traits")):
        yield "pet_traits", (snapshot_id, pet_id, position, trait)


def _hero_rows(snapshot_id: str, hero: Json) -> Iterator[Row]:
    hero_id = identity(hero)
    yield (
        "heroes",
        (
            snapshot_id,
            hero_id,
            text(hero, "name"),
            text(hero, "class"),
            integer(hero, "level"),
            integer(hero, "xp"),
            real(hero, "power"),
            text(hero, "lore"),
        ),
    )
    key = (snapshot_id, hero_id)
    yield from _rows_of_each(hero, "gear", lambda gear: _gear_rows(key, gear))
    yield from _rows_of_each(hero, "skills", lambda skill: _skill_rows(key, skill))


def _gear_rows(hero_key: tuple[str, int], gear: Json) -> Iterator[Row]:
    key = (*hero_key, identity(gear))
    yield (
        "gear",
        (
            *key,
            text(gear, "slot"),
            text(gear, "item"),
            text(gear, "rarity"),
            integer(gear, "level"),
            real(gear, "durability"),
        ),
    )
    stats = mapping(gear, "stats")
    for stat in stats:
        yield "gear_stats", (*key, stat, real(stats, stat))
    for position, socket in enumerate(array(gear, "sockets")):
        filled = {} if socket is None else as_object(socket, f".sockets[{position}]")
        yield "gear_sockets", (*key, position, text(filled, "gem"), integer(filled, "grade"))


def _skill_rows(hero_key: tuple[str, int], skill: Json) -> Iterator[Row]:
    yield "skills", (*hero_key, identity(skill), text(skill, "name"), integer(skill, "rank"))


def _rows_of_each(
    record: Json, name: str, rows_of: Callable[[Json], Iterator[Row]]
) -> Iterator[Row]:
    for position, element in enumerate(array(record, name)):
        try:
            yield from rows_of(as_object(element))
        except SnapshotError as error:
            raise SnapshotError(f".{name}[{position}]{error}") from None


_ROWS_OF = {"troops": _troop_rows, "pets": _pet_rows, "heroes": _hero_rows}

SECTIONS = tuple(_ROWS_OF)
"""The arrays of a snapshot."""


def element_rows(snapshot_id: str, section: str, element: Any) -> Iterator[Row]:
    """Yield the rows of one element of a section, parents before their children."""
    return _ROWS_OF[section](snapshot_id, as_object(element))
