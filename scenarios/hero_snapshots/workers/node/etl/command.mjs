// The workers' command lines, which differ only in how they read a snapshot.

import { statSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import { withDatabase } from "./database.mjs";
import { RefusedError, SnapshotError, UsageError, WorkerError } from "./errors.mjs";
import { load } from "./loading.mjs";

const PROGRAM = basename(process.argv[1]);
const USAGE = `usage: ${PROGRAM} SNAPSHOT [SNAPSHOT ...] [options]

  --output DIR      folder of heroes.sqlite (default: $OOMPROOF_OUTPUT, else the current folder)
  --batch-size N    rows of a table that wait in memory to be upserted together (default: 100)
  --max-bytes N     refuse a larger snapshot with exit code 75, before anything is read`;

// Loads every snapshot in order, and returns the exit code; errors are one line on stderr.
export async function main({ read }) {
  try {
    const job = jobOf(process.argv.slice(2));
    if (job === null) {
      console.log(USAGE);
      return 0;
    }
    guard(job);
    await withDatabase(job.output, async (database) => {
      for (const path of job.snapshots) {
        console.log(await loadOne(path, { read, database, batchSize: job.batchSize }));
      }
    });
  } catch (error) {
    // An error of the system has the name of the call that failed.
    if (!(error instanceof WorkerError) && error.syscall === undefined) {
      throw error;
    }
    console.error(`${PROGRAM}: ${error.message.split(/\s+/).join(" ")}`);
    return error.exitCode ?? 1;
  }
  return 0;
}

function jobOf(words) {
  const { values, positionals } = parsed(words);
  if (values.help) {
    return null;
  }
  if (positionals.length === 0) {
    throw new UsageError("name a snapshot, or --help");
  }
  return {
    snapshots: positionals,
    output: values.output ?? process.env.OOMPROOF_OUTPUT ?? ".",
    batchSize: positive("batch-size", values["batch-size"]),
    maxBytes: positive("max-bytes", values["max-bytes"]),
  };
}

function parsed(words) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        output: { type: "string" },
        "batch-size": { type: "string", default: "100" },
        "max-bytes": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error.message, { cause: error });
  }
}

function positive(option, text) {
  if (text !== undefined && !/^0*[1-9]\d*$/.test(text)) {
    throw new UsageError(`--${option}: ${text} is not a number of 1 or more`);
  }
  return text === undefined ? null : Number(text);
}

function guard({ snapshots, maxBytes }) {
  for (const path of snapshots) {
    const size = statSync(path).size;
    if (maxBytes !== null && size > maxBytes) {
      throw new RefusedError(
        `${path}: refused: ${size} bytes are more than --max-bytes ${maxBytes};` +
          " quarantine it, or give it to a worker with more memory",
      );
    }
  }
}

async function loadOne(path, { read, database, batchSize }) {
  try {
    return await load(await read(path), { database, batchSize });
  } catch (error) {
    if (error instanceof SnapshotError) {
      throw new SnapshotError(`${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
