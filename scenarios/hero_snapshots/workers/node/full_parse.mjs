// The worker that dies: it reads a snapshot whole, parses it with JSON.parse, and only then writes it
// to the database. What JSON.parse makes of the file is what the worker needs in memory.

import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

import { main } from "./etl/command.mjs";
import { SnapshotError } from "./etl/errors.mjs";
import { array, asObject } from "./etl/fields.mjs";
import { SECTIONS } from "./etl/rows.mjs";

async function readSnapshot(path) {
  const document = asObject(parse(textOf(path)), "the document");
  return { head: document, elements: elementsOf(document) };
}

function textOf(path) {
  const bytes = readFileSync(path);
  // Decoding would replace what is no UTF-8 and say nothing.
  if (!isUtf8(bytes)) {
    throw new SnapshotError(`not UTF-8 (in a file of ${bytes.length} bytes)`);
  }
  return bytes.toString("utf8");
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
    throw new SnapshotError(`${error.message} (${placeOf(error, text)})`, { cause: error });
  }
}

// V8 counts UTF-16 units, and does not always say where: then the file's size has to do.
function placeOf(error, text) {
  const position = / at position (\d+)/.exec(error.message);
  if (position) {
    return `byte ${Buffer.byteLength(text.slice(0, Number(position[1])))}`;
  }
  return `in a file of ${Buffer.byteLength(text)} bytes`;
}

function* elementsOf(document) {
  for (const section of SECTIONS) {
    for (const element of array(document, section)) {
      yield [section, element];
    }
  }
}

process.exitCode = await main({ read: readSnapshot });
