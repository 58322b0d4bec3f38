/** A small server with a true log, cut at random: whatever happens, each reader ends up with exactly the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { FAST, WebSocket, event, later, serve, subscribed, until } from "./scripted.mjs";

const ID = "c4b1f0de-77aa-4d43-8bb1-5b0d2c6a9e01";

/** Deterministic, so that a failure can be seen again. */
function random(seed) {
  return () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return seed / 2 ** 32;
  };
}

class LogServer {
  log = [];

  constructor(server, chance) {
    this.chance = chance;
    this.peers = new Map();
    this.#accept(server);
  }

  append() {
    this.log.push(
      event(ID, this.log.length + 1, `${this.log.length + 1};`, { messageId: `m${Math.floor(this.log.length / 7)}` }),
    );
    if (this.chance() < 0.7) this.flush();
  }

  flush() {
    for (const peer of this.peers.keys()) this.#write(peer);
  }

  cut() {
    for (const peer of this.peers.keys()) if (this.chance() < 0.7) peer.kill();
  }

  async #accept(server) {
    for (;;) this.#serve(await server.next());
  }

  async #serve(peer) {
    let ended = false;
    peer.closed.then(() => (ended = this.peers.delete(peer) || true));
    for (;;) {
      const { id, type, payload } = await peer.next();
      if (ended) return;
      if (type !== "subscribe:agent") continue;
      await later(this.chance() * 4);
      peer.send(subscribed(ID, id, { seq: this.log.length }));
      this.peers.set(peer, payload.since ?? this.peers.get(peer) ?? this.log.length);
      this.#write(peer);
    }
  }

  /** Sends what follows the peer's cursor, chunks of one message merged wherever that is allowed and chance wants it. */
  #write(peer) {
    const events = [];
    for (const next of this.log.slice(this.peers.get(peer))) {
      const last = events.at(-1);
      const merge = last?.payload.messageId === next.payload.messageId && this.chance() < 0.8;
      if (merge) {
        events[events.length - 1] = {
          ...next,
          payload: { ...next.payload, content: last.payload.content + next.payload.content },
        };
      } else events.push(next);
    }
    this.peers.set(peer, this.log.length);
    if (events.length) peer.send(...events);
  }
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`four readers at different positions, disconnected at random (${seed})`, { timeout: 20_000 }, async (t) => {
    const chance = random(seed);
    const server = new LogServer(await serve(t).then((it) => ((t.url = it.url), it)), chance);
    const stream = new AgentStream(t.url, { WebSocket, timing: { ...FAST, minDelay: 2, maxDelay: 10 } });
    t.after(() => stream.close());
    const readers = [];
    const join = (since) => {
      const reader = { since, text: "" };
      stream.agent(ID, { since }).on("output", ({ content }) => (reader.text += content));
      readers.push(reader);
    };
    join(0);
    for (let step = 0; step < 300; step++) {
      if (chance() < 0.8) server.append();
      if (chance() < 0.03) server.cut();
      if (step === 100) join(0);
      if (step === 150) join(Math.floor(server.log.length / 2));
      if (step === 200) join(0);
      if (chance() < 0.5) await later(1);
    }
    await until(stream, "live");
    server.flush();
    while (readers.some(({ text }) => !text.endsWith(`${server.log.length};`))) await later(5);
    for (const { since, text } of readers) {
      assert.equal(
        text,
        server.log
          .slice(since)
          .map(({ payload }) => payload.content)
          .join(""),
      );
    }
  });
}
