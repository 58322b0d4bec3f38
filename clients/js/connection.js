const SUBPROTOCOL = "agentstream.v1";
const ABNORMAL = 1006;
/** Close codes after which the same connection would be closed again. */
const TERMINAL = new Set([1009, 4400, 4401, 4403]);

/** In milliseconds. */
const TIMING = {
  minDelay: 500,
  maxDelay: 20_000,
  /** A connection that lasted this long resets the backoff. */
  stableAfter: 5_000,
  openWithin: 15_000,
  /** The server sends a heartbeat every 30 s: after two missed ones the connection counts as dead. */
  silence: 75_000,
  pongWithin: 5_000,
};

/** Exponential backoff with full jitter, so that the viewers of a restarted server don't all reconnect at once. */
export function backoff(attempt, { minDelay, maxDelay } = TIMING, random = Math.random) {
  return random() * Math.min(maxDelay, minDelay * 2 ** attempt);
}

/**
 * Keeps one WebSocket open: detects dead connections and reconnects. Knows nothing of streams.
 * The listener's methods are `onopen`, `onmessages(list)` and `onchange` (`retryAt`, `closeCode` or `closed` changed, or `open` ended).
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
  /** Whether a WebSocket was ever open: then they aren't blocked. */
  #everOpened = false;
  #listener;
  #timing;
  #socket = null;
  #attempts = 0;
  #openedAt = Infinity;
  #deadline = 0;
  #watchdog;
  #retry;
  #listening = new AbortController();

  /**
   * `address` returns the URL, and is called before every attempt because a ticket works only once. `fallback`, if given,
   * loads a function that makes something like a WebSocket from an address.
   */
  constructor({ address, WebSocket, fallback, timing, ...listener }) {
    this.#address = address;
    this.#WebSocket = WebSocket;
    this.#fallback = fallback;
    this.#timing = { ...TIMING, ...timing };
    this.#listener = listener;
  }

  start() {
    this.#listen();
    this.#attempt();
  }

  send(message) {
    // A socket may be closing for a while before it says so, and browsers then complain.
    if (this.open && this.#socket.readyState < 2) this.#socket.send(JSON.stringify(message));
  }

  /** The network may have changed: reconnect at once, or check that the server still answers. */
  wake() {
    if (this.retryAt !== null) {
      this.#attempt();
    } else if (this.open) {
      this.send({ type: "ping" });
      this.#setDeadline(this.#timing.pongWithin);
    }
  }

  close(code = 1000) {
    if (this.closed) return;
    this.#discardSocket();
    this.#listening.abort();
    this.closed = true;
    this.closeCode = code;
    this.#listener.onchange();
  }

  #listen() {
    const { signal } = this.#listening;
    const { document } = globalThis;
    globalThis.addEventListener?.("online", () => this.wake(), { signal });
    document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.wake(), {
      signal,
    });
  }

  async #attempt() {
    this.#discardSocket();
    this.#setDeadline(this.#timing.openWithin);
    const attempt = (this.#socket = { close() {} }); // represents this attempt until there is a socket
    this.#listener.onchange();
    try {
      const make = await this.#socketFactory();
      const address = await this.#address();
      if (this.#socket === attempt) this.#connect(make(address));
    } catch (error) {
      if (this.#socket === attempt) this.#lost(error?.closeCode);
    }
  }

  /** Until a WebSocket has opened, every third attempt uses the fallback. */
  #socketFactory() {
    if (this.#fallback && !this.#everOpened && this.#attempts % 3 === 2) return this.#fallback();
    return (address) => new this.#WebSocket(address, [SUBPROTOCOL]);
  }

  #connect(socket) {
    this.#socket = socket;
    socket.onopen = () => {
      this.open = true;
      this.#everOpened ||= socket instanceof this.#WebSocket;
      this.#openedAt = Date.now();
      this.#setDeadline(this.#timing.silence);
      this.#listener.onopen();
    };
    socket.onmessage = ({ data }) => {
      this.#deadline = Date.now() + this.#timing.silence;
      this.#receive(data);
    };
    socket.onclose = ({ code }) => this.#lost(code);
    socket.onerror = () => {}; // a close always follows; npm's ws throws without a listener
  }

  #receive(data) {
    let messages;
    try {
      messages = data
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    } catch {
      return this.#lost(); // an unreadable frame is a gap in every stream; reconnecting with `since` fills it
    }
    this.#listener.onmessages(messages);
  }

  #lost(code = ABNORMAL) {
    if (TERMINAL.has(code)) return this.close(code);
    this.#discardSocket();
    if (Date.now() - this.#openedAt >= this.#timing.stableAfter) this.#attempts = 0;
    this.#openedAt = Infinity;
    this.closeCode = code;
    const delay = backoff(this.#attempts++, this.#timing);
    this.retryAt = Date.now() + delay;
    this.#retry = setTimeout(() => this.#attempt(), delay);
    this.#listener.onchange();
  }

  /** Gives up the current socket without waiting for a close handshake that a dead connection would never answer. */
  #discardSocket() {
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

  #setDeadline(ms) {
    clearTimeout(this.#watchdog);
    this.#deadline = Date.now() + ms;
    this.#watchdog = setTimeout(() => this.#check(), ms);
  }

  /** Messages only move the deadline, so that they need no new timer each. */
  #check() {
    const left = this.#deadline - Date.now();
    if (left > 0) this.#watchdog = setTimeout(() => this.#check(), left);
    else this.#lost();
  }
}
