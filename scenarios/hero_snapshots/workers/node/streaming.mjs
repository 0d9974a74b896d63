// The worker that survives: it never holds more of a snapshot than one element and one batch.
//
// It reads 64 KiB at a time; stream-json makes tokens of them, and its assembler an element.

import { closeSync, createReadStream, openSync, readSync } from "node:fs";

import { main } from "./etl/command.mjs";
import { SnapshotError, WorkerError } from "./etl/errors.mjs";
import { SECTIONS } from "./etl/rows.mjs";

const READ_BYTES = 64 * 1024;
const HEAD = new Set(["schema", "snapshot_id", "exported_at", "player"]);

const { Assembler, jsonParser, none, verifierOf } = await streamJson();

async function streamJson() {
  try {
    const [core, parser, assembler, verifier] = await Promise.all([
      import("stream-chain/core"),
      import("stream-json/core/parser.js"),
      import("stream-json/core/assembler.js"),
      import("stream-json/core/utils/verifier.js"),
    ]);
    return {
      none: core.none,
      jsonParser: parser.jsonParser,
      Assembler: assembler.Assembler,
      verifierOf: verifier.jsonVerifier,
    };
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") {
      throw error;
    }
    const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
    console.error(`streaming.mjs: stream-json is not installed: npm ci --prefix ${folder}`);
    process.exit(1);
  }
}

// The head is read until all of its fields have been seen. An export begins with them, so that this
// reads 64 KiB; where they come later, or one is missing, it passes over the arrays once more: rows
// cannot be written without the snapshot's id.
async function readSnapshot(path) {
  const head = {};
  for await (const [name, value] of fieldsOf(path, { wanted: HEAD })) {
    head[name] = value;
    if (Object.keys(head).length === HEAD.size) {
      break;
    }
  }
  return { head, elements: fieldsOf(path, { wanted: new Set(SECTIONS), takeApart: true }) };
}

// Yields [name, value] of the wanted fields of the outermost object; to take one apart is to yield
// each element of its array instead.
async function* fieldsOf(path, { wanted, takeApart = false }) {
  const fields = new Fields({ wanted, takeApart });
  for await (const tokens of tokensOf(path)) {
    for (const token of tokens) {
      if (fields.take(token)) {
        yield [fields.name, fields.value];
      }
    }
  }
}

// Follows where in the document a token is, and assembles the values that are wanted.
class Fields {
  constructor({ wanted, takeApart }) {
    this.wanted = wanted;
    this.takeApart = takeApart;
    this.depth = 0;
    this.name = null;
    this.value = undefined;
    this.assembler = null;
  }

  // Returns whether the token completed a value.
  take(token) {
    const opens = token.name === "startObject" || token.name === "startArray";
    if (this.depth === 0 && token.name !== "startObject") {
      throw new SnapshotError("the document: expected an object");
    }
    if (token.name === "endObject" || token.name === "endArray") {
      this.depth -= 1;
    }
    const before = this.depth;
    if (opens) {
      this.depth += 1;
    }
    if (before === 1 && token.name === "keyValue") {
      this.name = token.value;
      return false;
    }
    return this.#isAbove(token, before, opens) ? false : this.#assemble(token, opens);
  }

  // Whether a token is none of a value that is wanted, but around it.
  #isAbove(token, before, opens) {
    if (before === 0 || !this.wanted.has(this.name)) {
      return true;
    }
    if (!this.takeApart || before > 1) {
      return false;
    }
    if (token.name === "startArray" || token.name === "endArray" || token.name === "nullValue") {
      return true;
    }
    throw new SnapshotError(`.${this.name}: expected an array`);
  }

  #assemble(token, opens) {
    if (this.assembler === null && !opens) {
      this.value = token.name === "numberValue" ? Number(token.value) : token.value;
      return true;
    }
    this.assembler ??= new Assembler();
    this.assembler.consume(token);
    if (!this.assembler.done) {
      return false;
    }
    this.value = this.assembler.current;
    this.assembler = null;
    return true;
  }
}

// Yields the tokens of each piece of the file that was read.
async function* tokensOf(path) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const parse = jsonParser({ streamValues: false });
  for await (const bytes of createReadStream(path, { highWaterMark: READ_BYTES })) {
    yield tokensIn(path, () => parse(decoder.decode(bytes, { stream: true })));
  }
  yield tokensIn(path, () => parse(decoder.decode()));
  yield tokensIn(path, () => parse(none));
}

function tokensIn(path, parse) {
  try {
    const tokens = parse();
    return tokens === none ? [] : tokens.values;
  } catch (error) {
    if (error.code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
      throw new SnapshotError("not UTF-8", { cause: error });
    }
    if (error instanceof WorkerError || error.constructor !== Error) {
      throw error;
    }
    throw new SnapshotError(`${error.message} (byte ${failingByte(path)})`, { cause: error });
  }
}

// Returns where the parser gave up, which it does not say: stream-json's verifier, which counts
// characters, reads the file once more. In its last 64 KiB characters are counted as bytes.
function failingByte(path) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const verify = verifierOf();
  const bytes = Buffer.alloc(READ_BYTES);
  const file = openSync(path);
  let [text, textStart, read] = ["", 0, 0];
  let characters = 0;
  try {
    for (let size = 1; size > 0; ) {
      size = readSync(file, bytes, 0, READ_BYTES, null);
      characters += text.length;
      textStart = read;
      text = decoder.decode(bytes.subarray(0, size), { stream: size > 0 });
      read += size;
      verify(size > 0 ? text : none);
    }
    return read;
  } catch (error) {
    const inText = (error.offset ?? characters + text.length) - characters;
    return textStart + Buffer.byteLength(text.slice(0, Math.max(0, inText)));
  } finally {
    closeSync(file);
  }
}

process.exitCode = await main({ read: readSnapshot });
