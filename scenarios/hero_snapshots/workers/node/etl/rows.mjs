// Normalising: the rows of the tables that one element of a snapshot becomes.
//
// A row is [table, values], the values in the order of the columns in tables.mjs.

import { SnapshotError, within } from "./errors.mjs";
import { array, asObject, identity, integer, object, real, text, texts } from "./fields.mjs";

// The snapshot's own row, and its player's.
export function* headRows(head) {
  const id = snapshotIdOf(head);
  const player = object(head, "player");
  const playerId = within(".player", () => identity(player));
  yield ["snapshots", [id, integer(head, "schema"), text(head, "exported_at")]];
  const known = [text(player, "name"), integer(player, "level"), text(player, "guild")];
  yield ["players", [id, playerId, ...known]];
}

// The snapshot's id, with which every key begins.
export function snapshotIdOf(head) {
  const value = text(head, "snapshot_id");
  if (value === null) {
    throw new SnapshotError(".snapshot_id: missing; it is the key that a replay overwrites");
  }
  return value;
}

function troopRows(snapshotId, troop) {
  const key = [snapshotId, identity(troop)];
  const stats = object(troop, "stats");
  const columns = [
    text(troop, "name"),
    text(troop, "kind"),
    integer(troop, "level"),
    real(troop, "power"),
    integer(troop, "count"),
    integer(stats, "hp"),
    integer(stats, "attack"),
    integer(stats, "defense"),
  ];
  const tags = texts(troop, "tags").map((tag, at) => ["troop_tags", [...key, at, tag]]);
  return [["troops", [...key, ...columns]], ...tags];
}

function petRows(snapshotId, pet) {
  const key = [snapshotId, identity(pet)];
  const columns = [
    text(pet, "name"),
    text(pet, "species"),
    integer(pet, "level"),
    real(pet, "bond"),
    integer(pet, "owner_hero"),
  ];
  const traits = texts(pet, "traits").map((trait, at) => ["pet_traits", [...key, at, trait]]);
  return [["pets", [...key, ...columns]], ...traits];
}

function* heroRows(snapshotId, hero) {
  const key = [snapshotId, identity(hero)];
  const columns = [
    text(hero, "name"),
    text(hero, "class"),
    integer(hero, "level"),
    integer(hero, "xp"),
    real(hero, "power"),
    text(hero, "lore"),
  ];
  yield ["heroes", [...key, ...columns]];
  yield* rowsOfEach(hero, "gear", (gear) => gearRows(key, gear));
  yield* rowsOfEach(hero, "skills", (skill) => skillRows(key, skill));
}

function gearRows(heroKey, gear) {
  const key = [...heroKey, identity(gear)];
  const columns = [
    text(gear, "slot"),
    text(gear, "item"),
    text(gear, "rarity"),
    integer(gear, "level"),
    real(gear, "durability"),
  ];
  const stats = object(gear, "stats");
  return [
    ["gear", [...key, ...columns]],
    ...Object.keys(stats).map((stat) => ["gear_stats", [...key, stat, real(stats, stat)]]),
    ...array(gear, "sockets").map((socket, at) => {
      const filled = socket === null ? {} : asObject(socket, `.sockets[${at}]`);
      return ["gear_sockets", [...key, at, text(filled, "gem"), integer(filled, "grade")]];
    }),
  ];
}

function skillRows(heroKey, skill) {
  return [["skills", [...heroKey, identity(skill), text(skill, "name"), integer(skill, "rank")]]];
}

function* rowsOfEach(record, name, rowsOf) {
  for (const [position, element] of array(record, name).entries()) {
    yield* within(`.${name}[${position}]`, () => rowsOf(asObject(element)));
  }
}

const ROWS_OF = { troops: troopRows, pets: petRows, heroes: heroRows };

// The arrays of a snapshot.
export const SECTIONS = Object.keys(ROWS_OF);

// The rows of one element of a section, parents before their children.
export function elementRows(snapshotId, section, element) {
  return ROWS_OF[section](snapshotId, asObject(element));
}
