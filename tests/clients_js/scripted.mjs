/** A real WebSocket server that says what the test tells it to, so that every break can be staged. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../clients/js/package.json", import.meta.url));
export const WebSocket = require("ws");
export const CLIENT = new URL("../../clients/js/", import.meta.url);

/** Short delays; a scripted server may be silent, and a busy machine slow. */
export const FAST = {
  minDelay: 10,
  maxDelay: 80,
  stableAfter: 60,
  openWithin: 10_000,
  silence: 30_000,
  pongWithin: 60,
};

const STAMP = "2026-01-01T00:00:00.000Z";

export function event(agentId, seq, content = `line ${seq}`, more = {}) {
  return {
    type: "agent:output",
    payload: { agentId, content, role: "assistant", ...more },
    timestamp: stamp(seq),
    seq,
  };
}

export function stamp(seq) {
  return new Date(Date.parse(STAMP) + seq).toISOString();
}

export function subscribed(id, requestId, payload = {}) {
  return {
    type: "subscribed",
    id: requestId,
    payload: { type: "agent", id, seq: 0, oldest: 1, complete: true, state: {}, ...payload },
    timestamp: STAMP,
  };
}

/** Things that arrive one by one, for whoever waits for them. */
class Mailbox {
  #arrived = [];
  #waiting = [];

  put(item) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#arrived.push(item);
  }

  take() {
    if (this.#arrived.length) return Promise.resolve(this.#arrived.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get length() {
    return this.#arrived.length;
  }
}

class Peer {
  #mailbox = new Mailbox();

  constructor(socket, request) {
    this.socket = socket;
    this.url = request.url;
    this.closed = once(socket, "close");
    socket.on("message", (data) => this.#mailbox.put(JSON.parse(data)));
  }

  /** The client's next message. */
  next() {
    return this.#mailbox.take();
  }

  get unread() {
    return this.#mailbox.length;
  }

  /** Sends the messages in one frame. */
  send(...messages) {
    this.socket.send(messages.map((message) => JSON.stringify(message)).join("\n"));
  }

  close(code) {
    this.socket.close(code);
  }

  /** As a killed server or a cut cable: no close frame. */
  kill() {
    this.socket.terminate();
  }
}

export async function serve(t, { onrequest } = {}) {
  const http = createServer(onrequest);
  const sockets = new WebSocket.Server({ server: http, handleProtocols: (offered) => [...offered][0] });
  const mailbox = new Mailbox();
  sockets.on("connection", (socket, request) => mailbox.put(new Peer(socket, request)));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  return {
    url: `ws://127.0.0.1:${http.address().port}/ws/`,
    /** The next connection. */
    next: () => mailbox.take(),
    get unread() {
      return mailbox.length;
    },
  };
}

export function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when the stream is in `state`. */
export function until(stream, state) {
  if (stream.state === state) return Promise.resolve();
  return new Promise((resolve) => {
    const off = stream.on("state", (now) => {
      if (now !== state) return;
      off();
      resolve();
    });
  });
}
