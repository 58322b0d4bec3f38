/** One's own inbox, and which agents need one. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { InboxState, needs } from "../../clients/js/inbox-state.js";
import { FAST, WebSocket, serve, stamp, until } from "./scripted.mjs";

const cases = JSON.parse(await readFile(new URL("../support/needs.json", import.meta.url), "utf8"));

for (const { name, agent, seen, dismissed, needs: expected } of cases) {
  test(`client and server agree on who needs you: ${name}`, () =>
    assert.equal(needs(agent, seen, dismissed), expected));
}

const seen = (seq, agentId, upTo) => ({
  type: "inbox:seen",
  payload: { agentId, seq: upTo },
  timestamp: stamp(seq),
  seq,
});

async function connected(t) {
  const server = await serve(t);
  const stream = new AgentStream(server.url, { WebSocket, timing: FAST });
  t.after(() => stream.close());
  const peer = await server.next();
  await until(stream, "live");
  return { server, stream, peer };
}

test("the inbox is subscribed to without an id, and its events stay separate from the streams they name", async (t) => {
  const { server, stream, peer } = await connected(t);
  const inbox = stream.inbox();
  const state = new InboxState();
  inbox.on("subscribed", ({ state: snapshot, seq }) => state.reset(snapshot, seq));
  inbox.on("positions", (page) => state.add(page));
  inbox.on("event", (event) => state.apply(event));
  const workspaces = [];
  inbox.on("workspace", (change) => workspaces.push(change));
  const answer = (request, seq, more) => ({
    type: "subscribed",
    id: request.id,
    payload: { type: "inbox", id: "7", seq, oldest: 1, complete: true, state: { seen: { a: 3 }, more } },
    timestamp: stamp(0),
  });
  const request = await peer.next();
  assert.deepEqual([request.type, request.payload], ["subscribe:inbox", {}]);
  const page = { type: "inbox:positions", payload: { seen: { b: 4 }, more: false }, timestamp: stamp(0) };
  const joined = {
    type: "inbox:workspace",
    payload: { workspaceId: "w", change: "added" },
    timestamp: stamp(2),
    seq: 2,
  };
  peer.send(answer(request, 0, true), page, seen(1, "c", 5), joined);
  await until(stream, "live");
  while (inbox.seq !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(
    ["a", "b", "c", "d"].map((id) => state.seen(id)),
    [3, 4, 5, 0],
  );
  assert.deepEqual(workspaces, [joined.payload]);
  peer.close();
  const next = await server.next();
  const again = await next.next();
  assert.deepEqual([again.type, again.payload], ["subscribe:inbox", { since: 2, at: stamp(2) }]);
  next.send(answer(again, 3, false), seen(3, "a", 9));
  while (inbox.seq !== 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(state.seen("a"), 3); // the answer's state holds event 3 already
  const ended = new Promise((resolve) => inbox.on("unsubscribed", resolve));
  next.send({
    type: "unsubscribed",
    payload: { type: "inbox", id: "7", reason: "forbidden" },
    timestamp: stamp(4),
  });
  assert.equal((await ended).reason, "forbidden");
});

test("what a user has seen is the last state with the events since", () => {
  const state = new InboxState();
  state.reset({ seen: { a: 3 } }, 4);
  assert.equal(state.apply(seen(4, "a", 2)), false);
  assert.equal(state.apply(seen(5, "a", 8)), true);
  assert.equal(state.apply({ type: "inbox:news", payload: {}, seq: 6 }), false);
  assert.equal(state.seen("a"), 8);
});

test("what a user has dismissed is kept beside what they have seen", () => {
  const state = new InboxState();
  state.reset({ seen: { a: 3 }, dismissed: { a: 2 } }, 4);
  assert.equal(state.apply({ type: "inbox:dismissed", payload: { agentId: "b", seq: 7 }, seq: 5 }), true);
  assert.deepEqual([state.dismissed("a"), state.dismissed("b"), state.dismissed("c")], [2, 7, 0]);
  state.reset({ seen: {} }, 6); // of a server that knows no dismissals
  assert.equal(state.dismissed("b"), 0);
});
