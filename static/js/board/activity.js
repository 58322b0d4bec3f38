import { pieces } from "../lib/ansi.js";
import { stream } from "../lib/stream.js";

/** How many events back the last words of an agent are looked for. */
const BACK = 12;
const TAIL = 400;
/** Questions are spread out: the server allows a connection so many messages a second. */
const BATCH = 20;
const PAUSE = 250;
const ASK_AGAIN = 60_000;
/** An agent that runs and says nothing for this long wants a look. */
export const SILENT_AFTER = 10 * 60_000;

/**
 * When each agent last did anything, and its last line. Those in view are followed; of the others one is asked now and then.
 * `onchange(id)` is called after news.
 */
export class Pulse {
  #known = new Map();
  #live = new Map();
  #queue = new Set();
  #onchange;
  #timer;

  constructor(onchange) {
    this.#onchange = onchange;
  }

  /** `{at, line}`: milliseconds since the epoch, and text; undefined where nothing is known. */
  of(id) {
    return this.#known.get(id);
  }

  /** Asks about the agents that were never asked about, and again about the `running`. */
  keep(ids, running) {
    for (const id of ids) {
      const asked = this.#known.get(id)?.asked;
      if (asked === undefined || (running.has(id) && Date.now() - asked > ASK_AGAIN)) this.#queue.add(id);
    }
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    this.#timer ??= setTimeout(() => this.#askSome(), 0);
  }

  follow(id) {
    if (!this.#live.has(id)) this.#live.set(id, this.#subscribe(id));
  }

  leave(id) {
    this.#live.get(id)?.close();
    this.#live.delete(id);
  }

  #askSome() {
    this.#timer = undefined;
    const ids = [...this.#queue].slice(0, BATCH);
    for (const id of ids) {
      this.#queue.delete(id);
      this.#note(id, {});
      if (!this.#live.has(id)) this.#ask(id);
    }
    if (this.#queue.size) this.#timer = setTimeout(() => this.#askSome(), PAUSE);
  }

  #ask(id) {
    const question = this.#subscribe(id, () => question.close());
  }

  #subscribe(id, done = () => {}) {
    const subscription = stream.agent(id);
    subscription.on("subscribed", ({ seq, oldest }) => {
      if (this.#known.get(id)?.seq !== seq) this.#peek(id, Math.max((oldest ?? 1) - 1, seq - BACK), seq);
      done();
    });
    subscription.on("event", (event) => this.#take(id, event));
    return subscription;
  }

  #peek(id, since, until) {
    if (since >= until) return;
    const past = stream.agent(id, { since });
    past.on("event", (event) => {
      this.#take(id, event);
      if (event.seq >= until) past.close();
    });
  }

  #take(id, event) {
    const before = this.#known.get(id);
    if (before?.seq >= event.seq) return;
    const tail = tailOf(event, before?.tail);
    this.#note(id, { seq: event.seq, at: Date.parse(event.timestamp), tail: tail ?? before?.tail, line: tail ? lastLine(tail.text) : before?.line });
    this.#onchange(id);
  }

  #note(id, news) {
    this.#known.set(id, { ...this.#known.get(id), asked: Date.now(), ...news });
  }
}

/** The end of what is being said, which the next chunk of the same message continues. */
function tailOf({ type, payload }, before) {
  if (type === "agent:input") return { text: `${payload.from}: ${payload.content}` };
  if (type === "agent:error") return { text: payload.error.message };
  if (type !== "agent:output" || payload.kind === "thinking") return undefined;
  const { messageId, content } = payload;
  const begin = messageId && before?.messageId === messageId ? before.text : "";
  return { messageId, text: (begin + content).slice(-TAIL) };
}

function lastLine(text) {
  const plain = pieces(text).map(([piece]) => piece).join("");
  return plain.split("\n").findLast((line) => line.trim())?.trim() ?? "";
}
