// Fields of parsed JSON as values of a column: of the right type, null where missing, or an error.
//
// An error's text begins with where it is (".stats.hp: ..."), and callers put their part before.

import { SnapshotError } from "./errors.mjs";

export function text(record, name) {
  const value = record[name] ?? null;
  if (value !== null) {
    needText(value, `.${name}`);
  }
  return value;
}

// JSON.parse rounds an integer beyond 2^53 and says nothing; a wrong id is worse than an error.
export function integer(record, name) {
  const value = record[name] ?? null;
  if (value === null || Number.isSafeInteger(value)) {
    return value;
  }
  throw unexpected(`.${name}`, "an integer of 53 bits", value);
}

export function real(record, name) {
  const value = record[name] ?? null;
  if (value === null || typeof value === "number") {
    return value;
  }
  throw unexpected(`.${name}`, "a number", value);
}

// The id must be there: it is a part of the row's key.
export function identity(record) {
  const value = integer(record, "id");
  if (value === null) {
    throw new SnapshotError(".id: missing; every element needs an integer id");
  }
  return value;
}

export function object(record, name) {
  const value = record[name] ?? null;
  return value === null ? {} : asObject(value, `.${name}`);
}

export function array(record, name) {
  const value = record[name] ?? [];
  if (Array.isArray(value)) {
    return value;
  }
  throw unexpected(`.${name}`, "an array", value);
}

export function texts(record, name) {
  const values = array(record, name);
  values.forEach((value, position) => needText(value, `.${name}[${position}]`));
  return values;
}

export function asObject(value, place = "") {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value;
  }
  throw unexpected(place, "an object", value);
}

function needText(value, place) {
  if (typeof value !== "string") {
    throw unexpected(place, "a string", value);
  }
  // SQLite would be given another character for it, and nobody would know. Node.js 18 cannot tell.
  if (value.isWellFormed?.() === false) {
    throw new SnapshotError(`${place}: half a surrogate pair is no character`);
  }
}

function unexpected(place, wanted, value) {
  return new SnapshotError(`${place}: expected ${wanted}, not ${shown(value).slice(0, 40)}`);
}

function shown(value) {
  if (typeof value === "string") {
    return `'${value}'`;
  }
  if (value === null || typeof value !== "object") {
    return String(value);
  }
  return Array.isArray(value) ? "an array" : "an object";
}
