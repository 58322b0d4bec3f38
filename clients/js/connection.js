const SUBPROTOCOL = "agentstream.v1";
const ABNORMAL = 1006;
/** Coming back unchanged after one of these would only be turned away again. */
const TERMINAL = new Set([1009, 4400, 4401, 4403]);

const TIMING = {
  minDelay: 500,
  maxDelay: 20_000,
  /** A connection that lasted this long shows the server well: the next backoff starts small again. */
  stableAfter: 5_000,
  openWithin: 15_000,
  /** The server speaks at least every 30 s; two heartbeats missed and some slack is a dead line. */
  silence: 75_000,
  pongWithin: 5_000,
};

/** Exponential backoff with full jitter, so that viewers of a restarted server do not all return in the same instant. */
export function backoff(attempt, { minDelay, maxDelay } = TIMING, random = Math.random) {
  return random() * Math.min(maxDelay, minDelay * 2 ** attempt);
}

/**
 * Keeps one WebSocket open, for as long as that makes sense. Knows when a line is dead and when to try again; knows nothing of streams.
 * The owner is told by `onopen`, `onmessages(list)` and `onchange` (one of `retryAt`, `closeCode`, `closed` is new, or `open` is over).
 */
export class Connection {
  open = false;
  closed = false;
  /** When the next attempt starts (ms since the epoch), or null when none is waiting. */
  retryAt = null;
  closeCode = null;

  #address;
  #WebSocket;
  #fallback;
  /** Whether a WebSocket has ever been open: then none is blocked. */
  #reached = false;
  #owner;
  #timing;
  #socket = null;
  #attempts = 0;
  #openedAt = Infinity;
  #deadline = 0;
  #watchdog;
  #retry;
  #listening = new AbortController();

  /**
   * `address` is asked for the URL before every attempt, because a ticket works only once. `fallback`, if given, loads what
   * makes something like a WebSocket of an address.
   */
  constructor({ address, WebSocket, fallback, timing, ...owner }) {
    this.#address = address;
    this.#WebSocket = WebSocket;
    this.#fallback = fallback;
    this.#timing = { ...TIMING, ...timing };
    this.#owner = owner;
  }

  start() {
    this.#listen();
    this.#attempt();
  }

  send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  /** Something says the network may be back, or gone: try at once, or make sure that the line still answers. */
  wake() {
    if (this.retryAt !== null) {
      this.#attempt();
    } else if (this.open) {
      this.send({ type: "ping" });
      this.#expect(this.#timing.pongWithin);
    }
  }

  close(code = 1000) {
    if (this.closed) return;
    this.#drop();
    this.#listening.abort();
    this.closed = true;
    this.closeCode = code;
    this.#owner.onchange();
  }

  #listen() {
    const { signal } = this.#listening;
    const { document } = globalThis;
    globalThis.addEventListener?.("online", () => this.wake(), { signal });
    document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake(), { signal });
  }

  async #attempt() {
    this.#drop();
    this.#expect(this.#timing.openWithin);
    const attempt = (this.#socket = { close() {} }); // stands for this attempt until there is a socket
    this.#owner.onchange();
    try {
      const make = await this.#maker();
      const address = await this.#address();
      if (this.#socket === attempt) this.#connect(make(address));
    } catch (error) {
      if (this.#socket === attempt) this.#lost(error?.closeCode);
    }
  }

  /** Where no WebSocket ever opens, every third attempt is made without. */
  #maker() {
    if (this.#fallback && !this.#reached && this.#attempts % 3 === 2) return this.#fallback();
    return (address) => new this.#WebSocket(address, [SUBPROTOCOL]);
  }

  #connect(socket) {
    this.#socket = socket;
    socket.onopen = () => {
      this.open = true;
      this.#reached ||= socket instanceof this.#WebSocket;
      this.#openedAt = Date.now();
      this.#expect(this.#timing.silence);
      this.#owner.onopen();
    };
    socket.onmessage = ({ data }) => {
      this.#deadline = Date.now() + this.#timing.silence;
      this.#hear(data);
    };
    socket.onclose = ({ code }) => this.#lost(code);
    socket.onerror = () => {}; // a close always follows; npm's ws throws where nobody listens
  }

  #hear(data) {
    let messages;
    try {
      messages = data.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    } catch {
      return this.#lost(); // a frame that cannot be read is a hole in every stream; coming back with `since` fills it
    }
    this.#owner.onmessages(messages);
  }

  #lost(code = ABNORMAL) {
    if (TERMINAL.has(code)) return this.close(code);
    this.#drop();
    if (Date.now() - this.#openedAt >= this.#timing.stableAfter) this.#attempts = 0;
    this.#openedAt = Infinity;
    this.closeCode = code;
    const delay = backoff(this.#attempts++, this.#timing);
    this.retryAt = Date.now() + delay;
    this.#retry = setTimeout(() => this.#attempt(), delay);
    this.#owner.onchange();
  }

  /** Lets go of the present socket without waiting for a close handshake that a dead line would never answer. */
  #drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.retryAt = null;
    this.open = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #expect(ms) {
    clearTimeout(this.#watchdog);
    this.#deadline = Date.now() + ms;
    this.#watchdog = setTimeout(() => this.#check(), ms);
  }

  /** Messages only move the deadline; the timer finds out here, which spares setting one for every message. */
  #check() {
    const left = this.#deadline - Date.now();
    if (left > 0) this.#watchdog = setTimeout(() => this.#check(), left);
    else this.#lost();
  }
}
