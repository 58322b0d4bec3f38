import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { FAST, WebSocket, event, later, serve, subscribed, until } from "./scripted.mjs";

const ID = "5e0d8a52-0a55-4f3e-8a37-3a0b1c2d3e4f";

async function following(t, from = { since: 0 }) {
  const server = await serve(t);
  const stream = new AgentStream(server.url, { WebSocket, timing: FAST });
  t.after(() => stream.close());
  const subscription = stream.agent(ID, from);
  const peer = await server.next();
  peer.send(subscribed(ID, (await peer.next()).id));
  await until(stream, "live");
  return { server, stream, subscription, peer };
}

test("iteration yields every event, across a lost connection", async (t) => {
  const { server, subscription, peer } = await following(t);
  const seen = [];
  const reading = (async () => {
    for await (const { seq } of subscription) {
      seen.push(seq);
      if (seq === 3) break;
    }
  })();
  peer.send(event(ID, 1), event(ID, 2));
  await later(20);
  peer.kill();
  const again = await server.next();
  again.send(subscribed(ID, (await again.next()).id, { seq: 3 }), event(ID, 3));
  await reading;
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(subscription.ended, undefined, "leaving the loop leaves the subscription open");
});

test("it ends with close()", async (t) => {
  const { stream, subscription } = await following(t);
  setTimeout(() => stream.close(), 10);
  for await (const _ of subscription) assert.fail();
});

test("it throws when the connection is closed for good", async (t) => {
  const { subscription, peer } = await following(t);
  const reading = subscription[Symbol.asyncIterator]().next();
  peer.close(4403);
  await assert.rejects(reading, { code: 4403 });
});

test("it yields a restart when earlier events are void", async (t) => {
  const { server, subscription, peer } = await following(t);
  const events = subscription[Symbol.asyncIterator]();
  peer.send(event(ID, 1), event(ID, 2));
  await later(20);
  peer.kill();
  const again = await server.next();
  again.send(subscribed(ID, (await again.next()).id, { seq: 1, complete: false }), event(ID, 1, "new"));
  await later(20);
  assert.equal((await events.next()).value.type, "subscribed");
  assert.equal((await events.next()).value.payload.content, "new");
});

test("a slow reader pauses instead of buffering, and then gets the rest", async (t) => {
  const { subscription, peer } = await following(t);
  const events = subscription[Symbol.asyncIterator]();
  const log = Array.from({ length: 2_500 }, (_, index) => event(ID, index + 1));
  peer.send(...log);
  while (subscription.seq < 1_000) await later(5);
  await later(50);
  assert.equal(subscription.seq, 1_000, "it stands still where it stopped");
  for (let seq = 1; seq <= 1_000; seq++) assert.equal((await events.next()).value.seq, seq);
  const request = await peer.next();
  assert.equal(request.payload.since, 1_000);
  peer.send(subscribed(ID, request.id, { seq: 2_500 }), ...log.slice(1_000));
  for (let seq = 1_001; seq <= 2_000; seq++) assert.equal((await events.next()).value.seq, seq);
  assert.equal((await peer.next()).payload.since, 2_000);
});
