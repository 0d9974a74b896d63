-- The tables of the hero snapshots, for SQLite and for PostgreSQL alike. (In SQLite the workers add
-- WITHOUT ROWID, so that a table is the tree of its key and not two trees: a third less to write.)
--
-- Every key begins with the snapshot, so a snapshot's rows are its own: replaying it meets its own
-- keys and no others. Ids need be unique only within their parent: two heroes may wear gear 7.
-- What has no id (tags, traits, sockets) is keyed by its position in its array.

CREATE TABLE IF NOT EXISTS snapshots (
    snapshot_id TEXT NOT NULL PRIMARY KEY,
    schema_version BIGINT,
    exported_at TEXT
);

-- The player as the snapshot shows it: name, level and guild change from one snapshot to the next.
CREATE TABLE IF NOT EXISTS players (
    snapshot_id TEXT NOT NULL PRIMARY KEY REFERENCES snapshots,
    player_id BIGINT NOT NULL,
    name TEXT,
    level BIGINT,
    guild TEXT
);

CREATE TABLE IF NOT EXISTS troops (
    snapshot_id TEXT NOT NULL REFERENCES snapshots,
    troop_id BIGINT NOT NULL,
    name TEXT,
    kind TEXT,
    level BIGINT,
    power DOUBLE PRECISION,
    count BIGINT,
    hp BIGINT,
    attack BIGINT,
    defense BIGINT,
    PRIMARY KEY (snapshot_id, troop_id)
);

CREATE TABLE IF NOT EXISTS troop_tags (
    snapshot_id TEXT NOT NULL,
    troop_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (snapshot_id, troop_id, position),
    FOREIGN KEY (snapshot_id, troop_id) REFERENCES troops
);

-- owner_hero_id is no foreign key: pets come before heroes, and an owner may be gone.
CREATE TABLE IF NOT EXISTS pets (
    snapshot_id TEXT NOT NULL REFERENCES snapshots,
    pet_id BIGINT NOT NULL,
    name TEXT,
    species TEXT,
    level BIGINT,
    bond DOUBLE PRECISION,
    owner_hero_id BIGINT,
    PRIMARY KEY (snapshot_id, pet_id)
);

CREATE TABLE IF NOT EXISTS pet_traits (
    snapshot_id TEXT NOT NULL,
    pet_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    trait TEXT NOT NULL,
    PRIMARY KEY (snapshot_id, pet_id, position),
    FOREIGN KEY (snapshot_id, pet_id) REFERENCES pets
);

CREATE TABLE IF NOT EXISTS heroes (
    snapshot_id TEXT NOT NULL REFERENCES snapshots,
    hero_id BIGINT NOT NULL,
    name TEXT,
    class TEXT,
    level BIGINT,
    xp BIGINT,
    power DOUBLE PRECISION,
    lore TEXT,
    PRIMARY KEY (snapshot_id, hero_id)
);

CREATE TABLE IF NOT EXISTS gear (
    snapshot_id TEXT NOT NULL,
    hero_id BIGINT NOT NULL,
    gear_id BIGINT NOT NULL,
    slot TEXT,
    item TEXT,
    rarity TEXT,
    level BIGINT,
    durability DOUBLE PRECISION,
    PRIMARY KEY (snapshot_id, hero_id, gear_id),
    FOREIGN KEY (snapshot_id, hero_id) REFERENCES heroes
);

-- Which stats a piece of gear has is open, so each is a row.
CREATE TABLE IF NOT EXISTS gear_stats (
    snapshot_id TEXT NOT NULL,
    hero_id BIGINT NOT NULL,
    gear_id BIGINT NOT NULL,
    stat TEXT NOT NULL,
    value DOUBLE PRECISION,
    PRIMARY KEY (snapshot_id, hero_id, gear_id, stat),
    FOREIGN KEY (snapshot_id, hero_id, gear_id) REFERENCES gear
);

-- An empty socket is a row without a gem.
CREATE TABLE IF NOT EXISTS gear_sockets (
    snapshot_id TEXT NOT NULL,
    hero_id BIGINT NOT NULL,
    gear_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    gem TEXT,
    grade BIGINT,
    PRIMARY KEY (snapshot_id, hero_id, gear_id, position),
    FOREIGN KEY (snapshot_id, hero_id, gear_id) REFERENCES gear
);

CREATE TABLE IF NOT EXISTS skills (
    snapshot_id TEXT NOT NULL,
    hero_id BIGINT NOT NULL,
    skill_id BIGINT NOT NULL,
    name TEXT,
    rank BIGINT,
    PRIMARY KEY (snapshot_id, hero_id, skill_id),
    FOREIGN KEY (snapshot_id, hero_id) REFERENCES heroes
);
