import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { FAST, WebSocket, event, later, serve, stamp, subscribed, until } from "./scripted.mjs";

const ID = "0b5f2c9e-6a07-4a55-9a5c-0d7d4a1d1f10";

async function connected(t) {
  const server = await serve(t);
  const stream = new AgentStream(server.url, { WebSocket, timing: FAST });
  t.after(() => stream.close());
  const peer = await server.next();
  await until(stream, "live");
  return { server, stream, peer };
}

function record(subscription) {
  const seen = [];
  subscription.on("event", ({ seq }) => seen.push(seq));
  return seen;
}

/** Answers the client's next request. */
async function answer(peer, payload = {}) {
  const request = await peer.next();
  peer.send(subscribed(ID, request.id, payload));
  return request;
}

test("an event reaches the listener of its name with payload and envelope, and the listener of all", async (t) => {
  const { stream, peer } = await connected(t);
  const subscription = stream.agent(ID, { since: 0 });
  const heard = [];
  subscription.on("output", (payload, envelope) => heard.push(["output", payload.content, envelope.seq]));
  subscription.on("status", ({ status }) => heard.push(["status", status]));
  subscription.on("event", ({ type }) => heard.push(["event", type]));
  assert.deepEqual((await answer(peer, { seq: 2 })).payload, { agentId: ID, since: 0 });
  const status = { type: "agent:status", payload: { agentId: ID, status: "running", previousStatus: "idle" }, seq: 2 };
  peer.send(event(ID, 1, "hello"), { ...status, timestamp: stamp(2) });
  await until(stream, "live");
  assert.deepEqual(heard, [
    ["output", "hello", 1],
    ["event", "agent:output"],
    ["status", "running"],
    ["event", "agent:status"],
  ]);
  assert.equal(subscription.seq, 2);
  assert.equal(subscription.at, stamp(2));
});

test("a workspace's changes arrive as updated", async (t) => {
  const { stream, peer } = await connected(t);
  const heard = new Promise((resolve) => stream.workspace(ID).on("updated", resolve));
  const request = await peer.next();
  assert.deepEqual([request.type, request.payload], ["subscribe:workspace", { workspaceId: ID }]);
  peer.send(subscribed(ID, request.id, { type: "workspace" }));
  const payload = { workspaceId: ID, change: "agent_removed", data: { agentId: "x" } };
  peer.send({ type: "workspace:updated", payload, seq: 1, timestamp: stamp(1) });
  assert.deepEqual(await heard, payload);
});

test("without since it starts from the first answer and resumes from there", async (t) => {
  const { server, stream, peer } = await connected(t);
  const subscription = stream.agent(ID);
  assert.equal(subscription.seq, undefined);
  await answer(peer, { seq: 41 });
  await until(stream, "live");
  assert.equal(subscription.seq, 41);
  peer.kill();
  assert.deepEqual((await (await server.next()).next()).payload, { agentId: ID, since: 41 });
});

test("a connection lost before the first answer asks the same again", async (t) => {
  const { server, stream, peer } = await connected(t);
  stream.agent(ID);
  await peer.next();
  peer.kill();
  assert.deepEqual((await (await server.next()).next()).payload, { agentId: ID });
});

test("after a lost connection it resumes from the last event and ignores repeated ones", async (t) => {
  const { server, stream, peer } = await connected(t);
  const seen = record(stream.agent(ID, { since: 0 }));
  await answer(peer);
  peer.send(event(ID, 1), event(ID, 2));
  await later(20);
  peer.kill();
  const again = await server.next();
  const request = await again.next();
  assert.deepEqual(request.payload, { agentId: ID, since: 2, at: stamp(2) });
  again.send(event(ID, 3)); // before the answer: belongs to nothing that was asked
  again.send(subscribed(ID, request.id, { seq: 4 }), event(ID, 2), event(ID, 3), event(ID, 3), event(ID, 4));
  await until(stream, "live");
  assert.deepEqual(seen, [1, 2, 3, 4]);
});

test("behind until everything up to the newest has arrived", async (t) => {
  const { stream, peer } = await connected(t);
  stream.agent(ID, { since: 0 });
  assert.equal(stream.state, "behind");
  await answer(peer, { seq: 2 });
  peer.send(event(ID, 1));
  await later(20);
  assert.equal(stream.state, "behind");
  peer.send(event(ID, 2));
  await until(stream, "live");
});

test("complete: false is passed to the app, and the position is reset", async (t) => {
  const { server, stream, peer } = await connected(t);
  const subscription = stream.agent(ID, { since: 500, at: stamp(500) });
  const heard = [];
  subscription.on("subscribed", ({ complete }) => heard.push(complete));
  const seen = record(subscription);
  assert.equal((await peer.next()).payload.at, stamp(500));
  peer.send(subscribed(ID, 1, { seq: 3, oldest: 2, complete: false }), event(ID, 2), event(ID, 3));
  await until(stream, "live");
  assert.deepEqual([heard, seen, subscription.seq], [[false], [2, 3], 3]);
  peer.kill();
  assert.equal((await (await server.next()).next()).payload.since, 3);
});

test("an empty log doesn't count as being behind", async (t) => {
  const { stream, peer } = await connected(t);
  const subscription = stream.agent(ID, { since: 9 });
  await answer(peer, { seq: 3, oldest: null, complete: false });
  await until(stream, "live");
  assert.equal(subscription.seq, 3);
});

test("the last subscription of a stream that closes unsubscribes", async (t) => {
  const { stream, peer } = await connected(t);
  const [one, other] = [stream.agent(ID), stream.agent(ID.toUpperCase())];
  await answer(peer);
  await answer(peer);
  one.close();
  one.close();
  await later(20);
  assert.equal(peer.unread, 0);
  other.close();
  assert.deepEqual(await peer.next(), { type: "unsubscribe:agent", payload: { agentId: ID } });
});

test("a reopened subscription ignores answers and events of the old one", async (t) => {
  const { stream, peer } = await connected(t);
  stream.agent(ID, { since: 0 }).close();
  const seen = record(stream.agent(ID));
  await peer.next();
  await peer.next();
  peer.send(event(ID, 1), { type: "unsubscribed", payload: { type: "agent", id: ID, reason: "requested" } });
  await answer(peer, { seq: 7 });
  peer.send(event(ID, 8));
  await later(20);
  assert.deepEqual(seen, [8]);
});

test("subscriptions at different positions share the stream, each complete", async (t) => {
  const { stream, peer } = await connected(t);
  const late = record(stream.agent(ID, { since: 2 }));
  await answer(peer, { seq: 3 });
  peer.send(event(ID, 3));
  await until(stream, "live");
  const all = record(stream.agent(ID, { since: 0 }));
  assert.equal((await peer.next()).payload.since, 0);
  peer.send(subscribed(ID, 2, { seq: 4 }), event(ID, 1), event(ID, 2), event(ID, 3), event(ID, 4));
  await until(stream, "live");
  assert.deepEqual(
    [late, all],
    [
      [3, 4],
      [1, 2, 3, 4],
    ],
  );
});

test("a merged replay that begins before a subscription's position isn't delivered twice", async (t) => {
  const { stream, peer } = await connected(t);
  let text = "";
  stream.agent(ID, { since: 0 }).on("output", ({ content }) => (text += content));
  await answer(peer, { seq: 2 });
  peer.send(event(ID, 1, "a"), event(ID, 2, "b"));
  await until(stream, "live");
  let whole = "";
  stream.agent(ID, { since: 0 }).on("output", ({ content }) => (whole += content));
  peer.send(subscribed(ID, (await peer.next()).id, { seq: 3 }), event(ID, 3, "abc")); // 1 to 3, merged
  const request = await peer.next();
  assert.equal(request.payload.since, 2);
  peer.send(subscribed(ID, request.id, { seq: 3 }), event(ID, 3, "c"));
  await until(stream, "live");
  assert.deepEqual([text, whole], ["abc", "abc"]);
});

for (const reason of ["deleted", "forbidden"]) {
  test(`${reason} ends the subscription and is reported`, async (t) => {
    const { server, stream, peer } = await connected(t);
    const told = new Promise((resolve) => stream.agent(ID).on("unsubscribed", resolve));
    await answer(peer);
    peer.send({ type: "unsubscribed", payload: { type: "agent", id: ID, reason } });
    assert.equal((await told).reason, reason);
    peer.kill();
    const again = await server.next();
    await later(20);
    assert.equal(again.unread, 0, "it is not asked for again");
  });
}

test("a refused subscription says why and does not disturb the others", async (t) => {
  const { stream, peer } = await connected(t);
  const subscription = stream.agent(ID);
  const told = new Promise((resolve) => subscription.on("unsubscribed", resolve));
  const { id } = await peer.next();
  peer.send({
    type: "error",
    id,
    payload: { code: "NOT_FOUND", message: "No such agent.", request: "subscribe:agent" },
  });
  assert.deepEqual(await told, {
    type: "agent",
    id: ID,
    reason: "refused",
    code: "NOT_FOUND",
    message: "No such agent.",
  });
  assert.equal(stream.state, "live");
  await assert.rejects(subscription[Symbol.asyncIterator]().next(), { code: "NOT_FOUND" });
});

for (const code of ["UNAVAILABLE", "INTERNAL", "RATE_LIMITED"]) {
  test(`a temporary refusal is retried (${code})`, { timeout: 5_000 }, async (t) => {
    const { stream, peer } = await connected(t);
    stream.agent(ID, { since: 3 });
    const { id } = await peer.next();
    peer.send({ type: "error", id, payload: { code, message: "Not now." } });
    await until(stream, "behind");
    assert.equal((await peer.next()).payload.since, 3);
  });
}

test("an error that isn't about a subscription is emitted by the stream", async (t) => {
  const { stream, peer } = await connected(t);
  const told = new Promise((resolve) => stream.on("error", resolve));
  peer.send({ type: "error", payload: { code: "INVALID_MESSAGE", message: "What?" } });
  assert.equal((await told).code, "INVALID_MESSAGE");
});

test("events of unknown types arrive, too, and unknown messages are ignored", async (t) => {
  const { stream, peer } = await connected(t);
  const heard = [];
  stream.agent(ID, { since: 0 }).on("event", ({ type }) => heard.push(type));
  await answer(peer);
  peer.send(
    { type: "agent:dreamt", payload: { agentId: ID }, seq: 1, timestamp: stamp(1) },
    { type: "news", payload: {} },
  );
  await later(20);
  assert.deepEqual(heard, ["agent:dreamt"]);
});

test("a listener that throws is reported and doesn't affect the others", async (t) => {
  const { stream, peer } = await connected(t);
  const reported = [];
  t.mock.method(globalThis, "queueMicrotask", (report) => {
    try {
      report();
    } catch ({ message }) {
      reported.push(message);
    }
  });
  const subscription = stream.agent(ID, { since: 0 });
  subscription.on("output", () => {
    throw new Error("mine");
  });
  const seen = record(subscription);
  await answer(peer);
  peer.send(event(ID, 1), event(ID, 2));
  await later(20);
  assert.deepEqual(
    [reported, seen],
    [
      ["mine", "mine"],
      [1, 2],
    ],
  );
});

test("the state is asked for unless no subscription to the stream wants it", async (t) => {
  const { stream, peer } = await connected(t);
  stream.workspace(ID, { state: false });
  assert.deepEqual((await peer.next()).payload, { workspaceId: ID, state: false });
  stream.workspace(ID);
  assert.deepEqual((await peer.next()).payload, { workspaceId: ID });
});
