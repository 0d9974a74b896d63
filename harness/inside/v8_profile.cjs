// Preloaded by a profiled Node.js worker: keeps on disk, while it runs, which functions hold V8's heap.
//
// Only Node.js's own modules are used, from version 18 on. Whatever goes wrong here stays silent: the
// worker is what counts. Every file is written whole under another name and then renamed, because a
// kill leaves no time to tidy up.
//
// Two threads write. The main thread does around each large JSON.parse: during one V8 answers nobody.
// The other asks V8 every tenth of a second, which is answered also between two steps of a loop; and
// while there is no answer it writes down at least how much memory the process holds.

"use strict";

const { renameSync, writeFileSync } = require("node:fs");
const { Session } = require("node:inspector");
const { join } = require("node:path");
const { isMainThread, Worker, workerData } = require("node:worker_threads");

const SCHEMA = 1;
const SAMPLE_EVERY_BYTES = 32 * 1024;
const STACK_DEPTH = 64;
const TICK_MS = 20;
const PROFILE_EVERY_MS = 100;
const SHARE_OF_TIME = 0.1; // that profiles may take
const LARGE_TEXT = 1024 * 1024;
const GROWN = 1.05;
const MARK = "oomproof v8 profile";

function watchMain(folder) {
  reportFatalErrors(folder);
  const session = new Session();
  session.connect();
  session.post("HeapProfiler.startSampling", {
    samplingInterval: SAMPLE_EVERY_BYTES,
    stackDepth: STACK_DEPTH,
  });
  const file = new StateFile(folder, "main");
  const save = () => ask(session, (tree) => file.save(tree));
  watchParse(folder, save);
  process.on("exit", save);
  const thread = new Worker(__filename, {
    workerData: { mark: MARK, folder },
    env: {}, // no NODE_OPTIONS: nothing else is preloaded there
    execArgv: [],
  });
  thread.on("error", () => {});
  thread.unref();
}

// The report of a fatal error says what V8's heap held. Node.js 22.13 and later leave the
// environment out; of others it is removed as soon as the worker has ended.
function reportFatalErrors(folder) {
  process.report.directory = folder;
  process.report.filename = `report-${process.pid}.json`;
  process.report.reportOnFatalError = true;
  process.report.excludeEnv = true;
}

function watchParse(folder, save) {
  const original = JSON.parse;
  const tell = (call) => writeQuietly(folder, "call", { rss: process.memoryUsage.rss(), call });
  JSON.parse = function parse(text, ...more) {
    if (!(text?.length >= LARGE_TEXT)) {
      return original.call(this, text, ...more);
    }
    // First, because V8 may collect garbage to answer, and give up over it.
    tell({ name: "JSON.parse", characters: text.length, stack: stackAbove(parse) });
    save();
    try {
      return original.call(this, text, ...more);
    } finally {
      tell(null);
      save();
    }
  };
}

function stackAbove(function_) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = STACK_DEPTH;
    Error.prepareStackTrace = (_, sites) =>
      sites.map((site) => ({
        functionName: site.getFunctionName() ?? "",
        url: site.getFileName() ?? "",
        lineNumber: (site.getLineNumber() ?? 0) - 1,
      }));
    const holder = {};
    Error.captureStackTrace(holder, function_);
    return holder.stack;
  } catch {
    return [];
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}

function watchFromThread(folder) {
  const session = new Session();
  session.connectToMainThread();
  const states = new StateFile(folder, "thread");
  let [askedAt, nextAt] = [0, 0];
  setInterval(() => {
    writeQuietly(folder, "beat", { rss: process.memoryUsage.rss() });
    const now = Date.now();
    if (!askedAt && now >= nextAt) {
      askedAt = now;
      ask(session, (tree) => {
        states.save(tree);
        const took = Date.now() - askedAt;
        nextAt = Date.now() + Math.max(PROFILE_EVERY_MS, took / SHARE_OF_TIME);
        askedAt = 0;
      });
    }
  }, TICK_MS);
}

// Gives the sampled tree to `take`; at once where the session is of this thread.
function ask(session, take) {
  session.post("HeapProfiler.getSamplingProfile", (error, answer) => {
    try {
      if (!error) {
        take(counted(answer.profile));
      }
    } catch {
      // A folder that is gone or full.
    }
  });
}

// Puts the number of samples beside the bytes of each node.
function counted({ head, samples = [] }) {
  const counts = new Map();
  for (const { nodeId } of samples) {
    counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  }
  let total = 0;
  const waiting = [head];
  while (waiting.length > 0) {
    const node = waiting.pop();
    node.count = counts.get(node.id) ?? 0;
    total += node.selfSize;
    waiting.push(...node.children);
  }
  return { head, total };
}

// The latest state that one thread saw, and beside it the largest.
class StateFile {
  #folder;
  #name;
  #largest = 0;

  constructor(folder, name) {
    this.#folder = folder;
    this.#name = name;
  }

  save({ head, total }) {
    const state = {
      node: process.versions.node,
      since: Math.round(process.uptime() * 1000),
      rss: process.memoryUsage.rss(),
      total,
      head,
    };
    write(this.#folder, this.#name, state);
    if (total > this.#largest * GROWN) {
      this.#largest = total;
      write(this.#folder, `${this.#name}-peak`, state);
    }
  }
}

function writeQuietly(folder, name, value) {
  try {
    write(folder, name, value);
  } catch {
    // A folder that is gone or full.
  }
}

function write(folder, name, value) {
  const path = join(folder, `v8-${process.pid}.${name}.json`);
  const text = JSON.stringify({ schema: SCHEMA, pid: process.pid, at: Date.now(), ...value });
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

try {
  if (isMainThread && process.env.OOMPROOF_CAPTURE) {
    watchMain(process.env.OOMPROOF_CAPTURE);
  } else if (!isMainThread && workerData?.mark === MARK) {
    watchFromThread(workerData.folder);
  }
} catch {
  // The worker runs unprofiled, and the reader finds no files.
}
