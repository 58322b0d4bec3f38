/** A browser opens six connections to one HTTP/1.1 server; some are left for everything else. */
const MOST = 4;
/** How long one of more streams than that keeps its connection at least. */
const TURN = 500;

/**
 * Stands in for a WebSocket where those are blocked: streams come as server-sent events, and take turns where they are many.
 * It takes and gives the same messages, so nothing else has to know. Publishing is not offered.
 */
export class EventStreamSocket {
  #api;
  #headers;
  #streams = new Map();
  #waiting = [];
  #open = 0;
  #over = new AbortController();

  constructor(address, token) {
    this.#api = new URL("../api/", address);
    this.#api.protocol = this.#api.protocol.replace("ws", "http");
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.#probe(() => this.onopen?.());
  }

  send(text) {
    const { id, type, payload = {} } = JSON.parse(text);
    const [action, kind] = type.split(":");
    if (action === "ping") return void this.#probe(() => this.#hear({ type: "pong", payload: {} }));
    const key = payload[`${kind}Id`];
    const before = this.#streams.get(key);
    this.#leave(before);
    // To ask without `since` moves nobody's place.
    if (action === "subscribe") this.#join({ id, kind, key, seq: payload.since ?? before?.seq });
  }

  close() {
    this.#over.abort();
    for (const stream of [...this.#streams.values()]) this.#leave(stream);
  }

  #join(stream) {
    this.#streams.set(stream.key, stream);
    this.#waiting.push(stream);
    this.#next();
  }

  #leave(stream) {
    if (!stream) return;
    this.#streams.delete(stream.key);
    this.#waiting = this.#waiting.filter((one) => one !== stream);
    stream.request?.abort();
  }

  #next() {
    while (this.#open < MOST && this.#waiting.length) this.#read(this.#waiting.shift());
  }

  /** Does the server answer at all? */
  async #probe(then) {
    const response = await fetch(new URL("../healthz", this.#api), { signal: this.#over.signal }).catch(() => null);
    if (response?.ok) then();
    else this.#lost();
  }

  async #read(stream) {
    this.#open++;
    stream.request = new AbortController();
    stream.caughtUp = stream.turnOver = false;
    const timer = setTimeout(() => this.#yield(stream, (stream.turnOver = true)), TURN);
    await this.#relay(stream).catch(() => {});
    clearTimeout(timer);
    this.#open--;
    if (this.#streams.get(stream.key) === stream) {
      if (stream.yielded) this.#waiting.push(stream);
      else this.#lost();
    }
    stream.yielded = false;
    this.#next();
  }

  /** Lets another stream have the connection, once this one has all there is. */
  #yield(stream) {
    if (!stream.turnOver || !stream.caughtUp || !this.#waiting.length) return;
    stream.yielded = true;
    stream.request.abort();
  }

  async #relay(stream) {
    const address = new URL(`${stream.kind}s/${stream.key}/stream`, this.#api);
    if (stream.seq !== undefined) address.searchParams.set("since", stream.seq);
    const { signal } = stream.request;
    const response = await fetch(address, { headers: this.#headers, credentials: "include", signal });
    if (response.status === 401) return this.#lost(4401);
    if (!response.ok) return this.#refuse(stream, await response.json().catch(() => ({ code: "UNAVAILABLE" })));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", read; !(read = await reader.read()).done; ) {
      const parts = (text + read.value).split("\n\n");
      text = parts.pop();
      for (const part of parts) if (!signal.aborted) this.#take(stream, part);
    }
  }

  #take(stream, part) {
    if (part.startsWith(":")) return this.#hear({ type: "pong", payload: {} });
    const message = JSON.parse(part.slice(part.indexOf("data: ") + 6));
    if (message.type === "subscribed") this.#subscribed(stream, message);
    else this.#hear(message);
    if (message.type === "unsubscribed") this.#leave(stream);
    stream.seq = message.seq ?? stream.seq;
    stream.caughtUp = stream.seq >= stream.newest;
    this.#yield(stream);
  }

  /** The first answer is the client's to hear; that to a later turn only where something is gone. */
  #subscribed(stream, message) {
    const { seq, complete } = message.payload;
    if (!complete && stream.answered) return this.#lost();
    if (!stream.answered) this.#hear({ ...message, id: stream.id });
    stream.answered = true;
    stream.newest = seq;
    stream.seq ??= seq;
  }

  #refuse(stream, { code, message }) {
    this.#leave(stream);
    this.#hear({ id: stream.id, type: "error", payload: { code, message } });
  }

  #hear(message) {
    if (!this.#over.signal.aborted) this.onmessage?.({ data: JSON.stringify(message) });
  }

  #lost(code = 1006) {
    if (this.#over.signal.aborted) return;
    this.close();
    this.onclose?.({ code });
  }
}
