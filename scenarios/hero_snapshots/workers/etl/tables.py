"""The tables as the workers see them: columns in order, and the statement that upserts a row."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of schema.sql; its rows are tuples of the key and then the other columns."""

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...]

    def upsert(self, placeholder: str) -> str:
        """Return the statement for a row: insert it, or replace the row that has its key."""
        columns = (*self.key, *self.others)
        values = ", ".join([placeholder] * len(columns))
        replaced = ", ".join(f"{name} = excluded.{name}" for name in self.others)
        # Only names from this file are put in; the values travel beside the statement.
        return (
            f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608
            f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {replaced}"
        )


def _table(name: str, key: str, others: str) -> Table:
    return Table(name=name, key=("snapshot_id", *key.split()), others=tuple(others.split()))


# Parents before their children: batches are written in this order, for the sake of foreign keys.
TABLES = (
    _table("snapshots", "", "schema_version exported_at"),
    _table("players", "", "player_id name level guild"),
    _table("troops", "troop_id", "name kind level power count hp attack defense"),
    _table("troop_tags", "troop_id position", "tag"),
    _table("pets", "pet_id", "name species level bond owner_hero_id"),
    _table("pet_traits", "pet_id position", "trait"),
    _table("heroes", "hero_id", "name class level xp power lore"),
    _table("gear", "hero_id gear_id", "slot item rarity level durability"),
    _table("gear_stats", "hero_id gear_id stat", "value"),
    _table("gear_sockets", "hero_id gear_id position", "gem grade"),
    _table("skills", "hero_id skill_id", "name rank"),
)
