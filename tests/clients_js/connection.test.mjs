import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { backoff } from "../../clients/js/connection.js";
import { FAST, WebSocket, later, serve, until } from "./scripted.mjs";

function open(t, url, options = {}) {
  const stream = new AgentStream(url, { WebSocket, timing: FAST, ...options });
  t.after(() => stream.close());
  return stream;
}

test("the backoff doubles from half a second to twenty, with full jitter", () => {
  const ceiling = (attempt) => backoff(attempt, undefined, () => 1);
  assert.deepEqual([0, 1, 2, 5, 6, 50].map(ceiling), [500, 1000, 2000, 16_000, 20_000, 20_000]);
  assert.equal(
    backoff(3, undefined, () => 0),
    0,
  );
});

test("it speaks the subprotocol and goes from connecting to live", async (t) => {
  const server = await serve(t);
  const stream = open(t, server.url);
  assert.equal(stream.state, "connecting");
  const peer = await server.next();
  assert.equal(peer.socket.protocol, "agentstream.v1");
  await until(stream, "live");
  assert.equal(stream.closeCode, null);
  assert.equal(stream.retryAt, null);
});

for (const code of [1000, 1001, 1011, 1012, 4408, 4429]) {
  test(`it reconnects after close code ${code}`, async (t) => {
    const server = await serve(t);
    const stream = open(t, server.url);
    const peer = await server.next();
    // Looked at when it is told: on a busy machine it may have reconnected before this test goes on.
    const lost = new Promise((resolve) => {
      stream.on(
        "state",
        (state) =>
          state === "reconnecting" && resolve({ code: stream.closeCode, retryAt: stream.retryAt, at: Date.now() }),
      );
    });
    const before = Date.now();
    peer.close(code);
    const { retryAt, at, ...told } = await lost;
    assert.deepEqual(told, { code });
    assert.ok(retryAt >= before && retryAt <= at + FAST.minDelay, `${before} ${retryAt} ${at}`);
    await server.next();
    await until(stream, "live");
    assert.equal(stream.retryAt, null);
  });
}

for (const code of [1009, 4400, 4401, 4403]) {
  test(`it doesn't reconnect after close code ${code}`, async (t) => {
    const server = await serve(t);
    const stream = open(t, server.url);
    (await server.next()).close(code);
    await until(stream, "closed");
    assert.equal(stream.closeCode, code);
    await later(FAST.maxDelay * 2);
    assert.equal(server.unread, 0);
  });
}

test("it reconnects after a loss without a close frame, and reports 1006", async (t) => {
  const server = await serve(t);
  const stream = open(t, server.url);
  (await server.next()).kill();
  await until(stream, "reconnecting");
  assert.equal(stream.closeCode, 1006);
  await server.next();
});

test("only a stable connection resets the backoff", async (t) => {
  const server = await serve(t);
  const minDelay = 40;
  const stream = open(t, server.url, { timing: { ...FAST, minDelay, maxDelay: 100_000, stableAfter: 80 } });
  t.mock.method(Math, "random", () => 1);
  const delayAfter = async (lifetime) => {
    const peer = await server.next();
    await until(stream, "live");
    await later(lifetime);
    peer.close(1012);
    await until(stream, "reconnecting");
    return Math.round((stream.retryAt - Date.now()) / minDelay);
  };
  assert.deepEqual([await delayAfter(0), await delayAfter(0), await delayAfter(0)], [1, 2, 4]);
  assert.equal(await delayAfter(120), 1);
});

test("retry() does not wait for retryAt", async (t) => {
  const server = await serve(t);
  t.mock.method(Math, "random", () => 1);
  const stream = open(t, server.url, { timing: { ...FAST, minDelay: 60_000, maxDelay: 60_000 } });
  (await server.next()).kill();
  await until(stream, "reconnecting");
  stream.retry();
  await server.next();
  await until(stream, "live");
});

test("a server that is silent for too long counts as dead", async (t) => {
  const silence = 1_000;
  const server = await serve(t);
  const stream = open(t, server.url, { timing: { ...FAST, silence } });
  const peer = await server.next();
  for (let beat = 0; beat < 8; beat++) {
    await later(silence / 4);
    peer.send({ type: "pong", payload: {} });
  }
  assert.equal(server.unread, 0, "heartbeats keep it alive");
  await server.next();
  await until(stream, "live");
});

test("waking probes the connection: a pong keeps it, silence replaces it", async (t) => {
  const server = await serve(t);
  const stream = open(t, server.url);
  const peer = await server.next();
  await until(stream, "live");
  stream.retry();
  assert.equal((await peer.next()).type, "ping");
  peer.send({ type: "pong", payload: {} });
  await later(FAST.pongWithin * 2);
  assert.equal(stream.state, "live");
  stream.retry();
  await server.next();
  assert.equal(stream.closeCode, 1006);
});

test("a handshake that is never answered times out", async (t) => {
  const { createServer } = await import("node:net");
  const dumb = createServer().listen(0, "127.0.0.1");
  t.after(() => dumb.close());
  await new Promise((resolve) => dumb.once("listening", resolve));
  const taken = [];
  dumb.on("connection", (socket) => taken.push(socket));
  t.after(() => taken.forEach((socket) => socket.destroy()));
  const stream = open(t, `ws://127.0.0.1:${dumb.address().port}/ws/`, { timing: { ...FAST, openWithin: 50 } });
  await until(stream, "reconnecting");
  while (taken.length < 2) await later(10);
});

test("it waits for a server that isn't up yet", async (t) => {
  const stream = open(t, "ws://127.0.0.1:9/ws/");
  await until(stream, "reconnecting");
  assert.ok(stream.retryAt);
});

test("every attempt gets a fresh ticket", async (t) => {
  const server = await serve(t);
  let issued = 0;
  const stream = open(t, `${server.url}?a=1`, { ticket: async () => `t${++issued}` });
  const first = await server.next();
  assert.equal(first.url, "/ws/?a=1&ticket=t1");
  first.kill();
  assert.equal((await server.next()).url, "/ws/?a=1&ticket=t2");
  await until(stream, "live");
});

test("a failure to get a ticket counts as a failed attempt, unless it says to give up", async (t) => {
  const server = await serve(t);
  let asked = 0;
  const ticket = async () => {
    if (++asked < 3) throw new Error("offline");
    return "t";
  };
  open(t, server.url, { ticket });
  await server.next();
  assert.equal(asked, 3);
  const signedOut = open(t, server.url, {
    ticket: () => Promise.reject(Object.assign(new Error(), { closeCode: 4401 })),
  });
  await until(signedOut, "closed");
  assert.equal(signedOut.closeCode, 4401);
});

test("a token is exchanged for a ticket", async (t) => {
  const onrequest = (request, response) => {
    const accepted =
      request.method === "POST" && request.url === "/api/tickets" && request.headers.authorization === "Bearer good";
    response.writeHead(accepted ? 200 : 401).end(JSON.stringify({ ticket: "from-token" }));
  };
  const server = await serve(t, { onrequest });
  open(t, server.url, { token: "good" });
  assert.equal((await server.next()).url, "/ws/?ticket=from-token");
  const refused = open(t, server.url, { token: "bad" });
  await until(refused, "closed");
  assert.equal(refused.closeCode, 4401);
});

test("close() is final, even while an attempt waits", async (t) => {
  const server = await serve(t);
  const stream = open(t, server.url);
  (await server.next()).kill();
  await until(stream, "reconnecting");
  stream.close();
  assert.equal(stream.state, "closed");
  assert.equal(stream.closeCode, 1000);
  assert.equal(stream.retryAt, null);
  await later(FAST.maxDelay);
  assert.equal(server.unread, 0);
});

test("an unreadable frame makes it reconnect rather than continue with a gap", async (t) => {
  const server = await serve(t);
  open(t, server.url);
  (await server.next()).socket.send('{"type": "agent:out');
  await server.next();
});

test("http addresses are accepted and a missing WebSocket is a clear error", async (t) => {
  const server = await serve(t);
  open(t, server.url.replace("ws:", "http:"));
  await server.next();
  assert.throws(() => new AgentStream(server.url, { WebSocket: null }), /options\.WebSocket/);
});

test("nothing is sent on a socket that is closing", async (t) => {
  const server = await serve(t);
  const sent = [];
  let closing = false;
  class Closing extends WebSocket {
    get readyState() {
      return closing ? WebSocket.CLOSING : super.readyState;
    }

    send(text) {
      sent.push(JSON.parse(text).type);
      super.send(text);
    }
  }
  const stream = open(t, server.url, { WebSocket: Closing });
  await server.next();
  await until(stream, "live");
  stream.agent("a");
  closing = true; // a browser tells of the close later
  stream.agent("b");
  stream.retry();
  assert.deepEqual(sent, ["subscribe:agent"]);
});
