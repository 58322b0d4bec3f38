// Tells the Agentstream collector what opencode does. `agentstream connect opencode` wrote this file, and `agentstream disconnect`
// removes it. It never fails, prints nothing, and does nothing once the folder below is gone.
//   PID.json    what this process does now: its session, state, cost
//   PID-….jsonl what is said and done, one event a line
//   ../asks, ../answers: permissions and questions that a person may answer on the agent's page
import { Buffer } from "node:buffer";
import { appendFile, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers";

const FOLDER = "{folder}";
const HOOKS = join(FOLDER, "..");
// Bytes of events that one process may leave for a collector that is away.
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_KNOWN = 10_000;
const KEPT_MS = 3 * 24 * 3600 * 1000;
const ANSWER_MS = 250;

export const Agentstream = async ({ client, directory }) => {
  // One process is one agent; a run that is shown already needs no second one.
  if (globalThis.agentstream || process.env.AGENTSTREAM_SHOWN) return {};
  globalThis.agentstream = true;
  const quietly = (work) => work().catch(() => {});
  const started = await startTime();
  const entry = join(FOLDER, `${process.pid}.json`);
  const events = join(FOLDER, `${process.pid}-${started || Date.now()}.jsonl`);
  const state = { pid: process.pid, started, began: Date.now() / 1000, cwd: directory, session: "", status: "idle" };
  const children = new Map(); // sub-agents' sessions, with the calls that started them
  const known = new Set(); // what has been written
  const asked = new Set();
  const limits = new Map();
  let turn = Promise.resolve(); // writes happen one after the other
  let bytes = 0;
  let dirty = false;

  const inTurn = (work) => (turn = turn.then(() => quietly(work)));

  const tell = () => {
    if (dirty) return;
    dirty = true;
    inTurn(async () => {
      dirty = false;
      await writeFile(`${entry}.new`, JSON.stringify({ ...state, events }), { mode: 0o600 });
      await rename(`${entry}.new`, entry);
    });
  };

  const record = (event, once) => {
    if (once && known.has(once)) return;
    if (once) known.add(once);
    if (known.size > MOST_KNOWN) known.delete(known.values().next().value);
    const parent = children.get(event.properties.sessionID);
    const line = JSON.stringify({ timestamp: new Date().toISOString(), parent, ...event }) + "\n";
    bytes += Buffer.byteLength(line);
    if (bytes <= MOST_BYTES) inTurn(() => appendFile(events, line, { mode: 0o600 }));
  };

  const limitOf = async (provider, model) => {
    if (!limits.has(provider)) {
      limits.set(provider, {});
      const found = await client.config.providers();
      for (const one of found.data.providers) limits.set(one.id, one.models);
    }
    return limits.get(provider)?.[model]?.limit?.context;
  };

  const isMain = (session) => session === state.session;

  const enter = (session, change) => {
    if (isMain(session) || children.has(session)) return;
    Object.assign(state, { session, change, title: undefined, cost: undefined, tokens: undefined, used: undefined });
    tell();
  };

  const heard = {
    "session.created": ({ info }) => {
      if (info.parentID) children.set(info.id, children.get(info.id));
      else enter(info.id, "started");
    },
    "session.updated": ({ info }) => {
      if (!isMain(info.id)) return;
      const { title, version, cost, tokens, model } = info;
      Object.assign(state, { title, version, cost, tokens, model: model?.id });
      tell();
    },
    "session.status": ({ sessionID, status }) => {
      if (!isMain(sessionID)) return;
      if (status.type === "busy") state.error = undefined;
      Object.assign(state, { status: status.type, message: status.message });
      tell();
    },
    "session.error": ({ sessionID, error }, event) => {
      record(event);
      if (isMain(sessionID) && error?.name !== "MessageAbortedError") state.error = error?.name;
      tell();
    },
    "session.compacted": (_, event) => record(event),
    "message.updated": async ({ sessionID, info }) => {
      if (!isMain(sessionID) || info.role !== "assistant" || !info.tokens?.output) return;
      const { input, output, reasoning, cache } = info.tokens;
      state.used = input + output + reasoning + cache.read + cache.write;
      state.limit = await limitOf(info.providerID, info.modelID);
      tell();
    },
    "message.part.updated": ({ part }, event) => {
      if (part.type === "tool") called(part, event);
      else if (part.type === "text" || part.type === "reasoning") {
        if (part.time ? part.time.end : !part.synthetic) record(event, part.id);
      }
    },
    "permission.asked": (asks, event) => ask(asks, event),
    "permission.replied": ({ requestID }) => forget(requestID),
    "question.asked": (asks, event) => ask(asks, event),
    "question.replied": ({ requestID }) => forget(requestID),
    "question.rejected": ({ requestID }) => forget(requestID),
  };

  const called = (part, event) => {
    const { status, metadata } = part.state;
    if (part.tool === "task" && metadata?.sessionId) children.set(metadata.sessionId, part.callID);
    if (status !== "pending") record(event, `${part.callID} ${status}`);
  };

  // What is asked, and the answers

  const named = (id) => `opencode_${id}-${process.pid}`;

  const ask = ({ id }, event) => {
    asked.add(id);
    inTurn(async () => {
      await writeFile(join(HOOKS, "answers", named(id)), "", { mode: 0o600 });
      const told = { hook_event_name: event.type, session_id: state.session, ...event.properties };
      await writeFile(join(HOOKS, "asks", named(id)), JSON.stringify(told), { mode: 0o600 });
    });
    await_(id, event.type.split(".")[0]);
  };

  const await_ = (id, kind) => {
    if (!asked.has(id)) return;
    quietly(async () => {
      const said = await readFile(join(HOOKS, "answers", named(id)), "utf8").catch(() => "");
      if (said) await answer(kind, id, JSON.parse(said));
    }).then(() => setTimeout(() => await_(id, kind), ANSWER_MS).unref?.());
  };

  const answer = (kind, id, { path = "reply", ...body }) => {
    asked.delete(id);
    const headers = { "Content-Type": "application/json" };
    return client._client.post({ url: `/${kind}/${encodeURIComponent(id)}/${path}`, body, headers });
  };

  const forget = (id) => {
    asked.delete(id);
    inTurn(async () => {
      await rm(join(HOOKS, "asks", named(id)), { force: true });
      await rm(join(HOOKS, "answers", named(id)), { force: true });
    });
  };

  process.once("exit", () => {
    try {
      unlinkSync(entry);
    } catch {}
  });
  quietly(() => clean(FOLDER));
  if (await isConnected()) tell();

  return {
    event: async ({ event }) => {
      await quietly(async () => heard[event.type]?.(event.properties, event));
    },
    "chat.message": async ({ sessionID }) => {
      await quietly(async () => enter(sessionID, "resumed"));
    },
    dispose: async () => {
      for (const id of asked) forget(id);
      inTurn(() => rm(entry, { force: true }));
      await turn;
    },
  };
};

const isConnected = () =>
  stat(FOLDER).then(
    () => true,
    () => false,
  );

// When the process started, as the kernel counts it: a process id may be used again.
const startTime = () =>
  readFile("/proc/self/stat", "utf8").then(
    (text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19],
    () => "",
  );

// Remove what processes have left that ended long ago.
const clean = async (folder) => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (Date.now() - (await stat(path)).mtimeMs > KEPT_MS && !isAlive(parseInt(name))) await rm(path, { force: true });
  }
};

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
