/** Browsers open six connections to an HTTP/1.1 server; this leaves some for everything else. */
const MAX_CONNECTIONS = 4;
/** With more streams than connections they take turns, each at least this long. */
const MIN_TURN_MS = 500;

/**
 * Stands in for a WebSocket where those are blocked: streams arrive as server-sent events. Sends and receives the same
 * messages as a WebSocket, except for publishing.
 */
export class EventStreamSocket {
  readyState = 1; // once it has called `onopen`
  #api;
  #headers;
  #streams = new Map();
  #waiting = [];
  #open = 0;
  #over = new AbortController();
  /** @type {(() => void) | undefined} */
  onopen;
  /** @type {((event: { data: string }) => void) | undefined} */
  onmessage;
  /** @type {((event: { code: number }) => void) | undefined} */
  onclose;

  constructor(address, token) {
    this.#api = new URL("../api/", address);
    this.#api.protocol = this.#api.protocol.replace("ws", "http");
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.#probe(() => this.onopen?.());
  }

  send(text) {
    const { id, type, payload = {} } = JSON.parse(text);
    const [action, kind] = type.split(":");
    if (action === "ping") return void this.#probe(() => this.#emit({ type: "pong", payload: {} }));
    const key = payload[`${kind}Id`] ?? kind; // an inbox has no id
    const before = this.#streams.get(key);
    this.#unsubscribe(before);
    // A request without `since` keeps the position.
    if (action === "subscribe") this.#subscribe({ id, kind, key, seq: payload.since ?? before?.seq });
  }

  close() {
    this.#over.abort();
    for (const stream of [...this.#streams.values()]) this.#unsubscribe(stream);
  }

  #subscribe(stream) {
    this.#streams.set(stream.key, stream);
    this.#waiting.push(stream);
    this.#startNext();
  }

  #unsubscribe(stream) {
    if (!stream) return;
    this.#streams.delete(stream.key);
    this.#waiting = this.#waiting.filter((one) => one !== stream);
    stream.request?.abort();
  }

  #startNext() {
    while (this.#open < MAX_CONNECTIONS && this.#waiting.length) this.#read(this.#waiting.shift());
  }

  /** Checks that the server answers. */
  async #probe(then) {
    const response = await fetch(new URL("../healthz", this.#api), { signal: this.#over.signal }).catch(() => null);
    if (response?.ok) then();
    else this.#lost();
  }

  async #read(stream) {
    this.#open++;
    stream.request = new AbortController();
    stream.caughtUp = stream.turnOver = false;
    const timer = setTimeout(() => {
      stream.turnOver = true;
      this.#yield(stream);
    }, MIN_TURN_MS);
    await this.#relay(stream).catch(() => {});
    clearTimeout(timer);
    this.#open--;
    if (this.#streams.get(stream.key) === stream) {
      if (stream.yielded) this.#waiting.push(stream);
      else this.#lost();
    }
    stream.yielded = false;
    this.#startNext();
  }

  /** Gives the connection to another stream once this one has caught up. */
  #yield(stream) {
    if (!stream.turnOver || !stream.caughtUp || !this.#waiting.length) return;
    stream.yielded = true;
    stream.request.abort();
  }

  async #relay(stream) {
    const path = stream.key === stream.kind ? stream.kind : `${stream.kind}s/${stream.key}`;
    const address = new URL(`${path}/stream`, this.#api);
    if (stream.seq !== undefined) address.searchParams.set("since", stream.seq);
    const { signal } = stream.request;
    const response = await fetch(address, { headers: this.#headers, credentials: "include", signal });
    if (response.status === 401) return this.#lost(4401);
    if (!response.ok) return this.#refuse(stream, await response.json().catch(() => ({ code: "UNAVAILABLE" })));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", read; !(read = await reader.read()).done;) {
      const parts = (text + read.value).split("\n\n");
      text = parts.pop();
      for (const part of parts) if (!signal.aborted) this.#parse(stream, part);
    }
  }

  #parse(stream, part) {
    if (part.startsWith(":")) return this.#emit({ type: "pong", payload: {} });
    const message = JSON.parse(part.slice(part.indexOf("data: ") + 6));
    if (message.type === "subscribed") this.#answered(stream, message);
    else this.#emit(message);
    if (message.type === "unsubscribed") this.#unsubscribe(stream);
    stream.seq = message.seq ?? stream.seq;
    stream.caughtUp = stream.seq >= stream.newest;
    this.#yield(stream);
  }

  /** Passes the first answer on; an answer to a later turn ends the connection if events are gone. */
  #answered(stream, message) {
    const { seq, complete } = message.payload;
    if (!complete && stream.answered) return this.#lost();
    if (!stream.answered) this.#emit({ ...message, id: stream.id });
    stream.answered = true;
    stream.newest = seq;
    stream.seq ??= seq;
  }

  #refuse(stream, { code, message }) {
    this.#unsubscribe(stream);
    this.#emit({ id: stream.id, type: "error", payload: { code, message } });
  }

  #emit(message) {
    if (!this.#over.signal.aborted) this.onmessage?.({ data: JSON.stringify(message) });
  }

  #lost(code = 1006) {
    if (this.#over.signal.aborted) return;
    this.close();
    this.onclose?.({ code });
  }
}
