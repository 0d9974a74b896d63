// Loading: the elements of a snapshot through normalising into the database, batch by batch.

import { within } from "./errors.mjs";
import { elementRows, headRows, snapshotIdOf } from "./rows.mjs";
import { TABLES } from "./tables.mjs";

// Upserts the rows of a snapshot ({ head, elements }), and returns one line: how many each table was
// given. What is committed before an error stays. No more rows wait than batchSize for each table.
export async function load(snapshot, { database, batchSize }) {
  const batches = new Batches({ database, batchSize });
  const snapshotId = snapshotIdOf(snapshot.head);
  batches.addAll(headRows(snapshot.head));
  const seen = {};
  for await (const [section, element] of snapshot.elements) {
    const position = seen[section] ?? 0;
    within(`.${section}[${position}]`, () =>
      batches.addAll(elementRows(snapshotId, section, element)),
    );
    seen[section] = position + 1;
  }
  batches.flush();
  return `${snapshotId}: ${batches.summary()}`;
}

// Rows waiting for their turn, by table.
class Batches {
  #waiting = new Map(TABLES.map((table) => [table.name, []]));
  #written = new Map(TABLES.map((table) => [table.name, 0]));

  constructor({ database, batchSize }) {
    this.database = database;
    this.batchSize = batchSize;
  }

  // Takes rows, and writes all batches when one is full: all of them, in the order of TABLES, so no
  // commit holds a child without its parent.
  addAll(rows) {
    for (const [table, values] of rows) {
      const waiting = this.#waiting.get(table);
      waiting.push(values);
      if (waiting.length >= this.batchSize) {
        this.flush();
      }
    }
  }

  flush() {
    this.database.upsert(this.#waiting);
    for (const [table, rows] of this.#waiting) {
      this.#written.set(table, this.#written.get(table) + rows.length);
      rows.length = 0;
    }
  }

  summary() {
    const counts = [...this.#written].map(([table, count]) => `${table}=${count}`).join(" ");
    const total = [...this.#written.values()].reduce((sum, count) => sum + count, 0);
    return `${total} rows: ${counts}`;
  }
}
