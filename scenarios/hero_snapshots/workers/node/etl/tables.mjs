// The tables as the workers see them: columns in order, and the statement that upserts a row.

function table(name, key, others) {
  const keys = ["snapshot_id", ...words(key)];
  const columns = [...keys, ...words(others)];
  const replaced = words(others).map((column) => `${column} = excluded.${column}`);
  // Only names from this file are put in; the values travel beside the statement.
  const upsert =
    `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})` +
    ` ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${replaced.join(", ")}`;
  return { name, upsert };
}

function words(text) {
  return text === "" ? [] : text.split(" ");
}

// Parents before their children: batches are written in this order, for the sake of foreign keys.
export const TABLES = [
  table("snapshots", "", "schema_version exported_at"),
  table("players", "", "player_id name level guild"),
  table("troops", "troop_id", "name kind level power count hp attack defense"),
  table("troop_tags", "troop_id position", "tag"),
  table("pets", "pet_id", "name species level bond owner_hero_id"),
  table("pet_traits", "pet_id position", "trait"),
  table("heroes", "hero_id", "name class level xp power lore"),
  table("gear", "hero_id gear_id", "slot item rarity level durability"),
  table("gear_stats", "hero_id gear_id stat", "value"),
  table("gear_sockets", "hero_id gear_id position", "gem grade"),
  table("skills", "hero_id skill_id", "name rank"),
];
