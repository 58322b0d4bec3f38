import { stripAnsi } from "../lib/ansi.js";
import { connection } from "../lib/connection.js";

/** How many events back to look for an agent's last line. */
const EVENTS_BACK = 12;
/** How much of a message is kept to find its last line, in characters. */
const TAIL_LENGTH = 400;
/** Queries are spread out, because the server limits messages per connection and second; this many are made quickly. */
const BATCH_SIZE = 20;
const BATCH_PAUSE_MS = 250;
const QUICK_QUERIES = 200;
/** Later ones are for agents out of view, to find those that have fallen silent. */
const SLOW_BATCH_PAUSE_MS = 4_000;
const QUERY_AGAIN_MS = 60_000;
/** A running agent that reports nothing for this long needs attention. */
export const SILENT_AFTER_MS = 10 * 60_000;

/** The time and the last line of each agent's latest event. Agents in view are followed; the others are queried now and then. */
export class Activity {
  #known = new Map();
  #followed = new Map();
  #queue = new Set();
  #quick = QUICK_QUERIES;
  #onchange;
  #timer;

  /** @param {(id: string) => void} onchange called when an agent has new activity */
  constructor(onchange) {
    this.#onchange = onchange;
  }

  /**
   * @param {string} id
   * @returns {{at?: number, line?: string} | undefined} `at` in milliseconds since the epoch
   */
  of(id) {
    return this.#known.get(id);
  }

  /**
   * Queries the agents that were never queried, and running ones again; forgets all others.
   * @param {Map<string, {status: string}>} agents by id
   */
  refresh(agents) {
    const now = Date.now();
    for (const [id, { status }] of agents) {
      const queried = this.#known.get(id)?.queried;
      if (queried === undefined || (status === "running" && now - queried > QUERY_AGAIN_MS)) this.#queue.add(id);
    }
    for (const id of this.#known.keys()) if (!agents.has(id)) this.#known.delete(id);
    this.#timer ??= setTimeout(() => this.#queryBatch(), 0);
  }

  /** @param {string} id */
  follow(id) {
    if (!this.#followed.has(id)) this.#followed.set(id, this.#subscribe(id));
  }

  /** @param {string} id */
  unfollow(id) {
    this.#followed.get(id)?.close();
    this.#followed.delete(id);
  }

  #queryBatch() {
    this.#timer = undefined;
    const ids = [...this.#queue].filter((id) => !this.#followed.has(id)).slice(0, BATCH_SIZE);
    for (const id of this.#followed.keys()) this.#queue.delete(id);
    for (const id of ids) {
      this.#queue.delete(id);
      this.#update(id, {});
      this.#query(id);
    }
    this.#quick -= ids.length;
    const pause = this.#quick > 0 ? BATCH_PAUSE_MS : SLOW_BATCH_PAUSE_MS;
    if (this.#queue.size) this.#timer = setTimeout(() => this.#queryBatch(), pause);
  }

  #query(id) {
    const subscription = this.#subscribe(id, () => subscription.close());
  }

  #subscribe(id, onanswer = () => {}) {
    const subscription = connection().agent(id);
    subscription.on("subscribed", ({ seq, oldest }) => {
      if (this.#known.get(id)?.seq !== seq) this.#replay(id, Math.max((oldest ?? 1) - 1, seq - EVENTS_BACK), seq);
      onanswer();
    });
    subscription.on("event", (event) => this.#receive(id, event));
    return subscription;
  }

  #replay(id, since, until) {
    if (since >= until) return;
    const subscription = connection().agent(id, { since });
    subscription.on("event", (event) => {
      this.#receive(id, event);
      if (event.seq >= until) subscription.close();
    });
  }

  #receive(id, event) {
    const before = this.#known.get(id);
    if (before?.seq >= event.seq) return;
    const tail = tailOf(event, before?.tail) ?? before?.tail;
    const line = (tail && lastLine(tail.text)) || before?.line;
    this.#update(id, { seq: event.seq, at: Date.parse(event.timestamp), tail, line });
    this.#onchange(id);
  }

  #update(id, fields) {
    this.#known.set(id, { ...this.#known.get(id), queried: Date.now(), ...fields });
  }
}

/** The end of a message, which the next chunk of the same message continues. What people wrote themselves is no news to them. */
function tailOf({ type, payload }, before) {
  if (type === "agent:error") return { text: payload.error.message };
  if (type !== "agent:output" || payload.kind === "thinking" || payload.role === "user") return undefined;
  const { messageId, content } = payload;
  const begin = messageId && before?.messageId === messageId ? before.text : "";
  return { messageId, text: (begin + content).slice(-TAIL_LENGTH) };
}

/** Begins or ends a block of code in Markdown, and says nothing. */
const FENCE = /^\s*(`{3,}|~{3,})\s*[\w+-]*\s*$/;

function lastLine(text) {
  return (
    stripAnsi(text)
      .split("\n")
      .findLast((line) => line.trim() && !FENCE.test(line))
      ?.trim() ?? ""
  );
}
