/** Where WebSockets are blocked, against a running server: AGENTSTREAM_URL, and AGENTSTREAM_TOKEN of a superuser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { later, until } from "./scripted.mjs";

const { AGENTSTREAM_URL: url, AGENTSTREAM_TOKEN: token } = process.env;
const options = { skip: url && token ? false : "no server given", timeout: 30_000 };

/** As a proxy that lets none through. */
class Blocked {
  constructor() {
    setTimeout(() => this.onclose?.({ code: 1006 }));
  }

  close() {}
}

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(`${url}/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

const subscribed = (subscription) => new Promise((resolve) => subscription.on("subscribed", resolve));

const say = (agent, content) => call("POST", `/agents/${agent.id}/output`, { content });

function connect(t, more = {}) {
  const stream = new AgentStream(`${url}/ws/`, {
    token,
    WebSocket: Blocked,
    timing: { minDelay: 10, maxDelay: 50 },
    ...more,
  });
  t.after(() => stream.close());
  return stream;
}

test(
  "streams arrive as server-sent events, from where they were asked for, and end with their agent",
  options,
  async (t) => {
    const workspace = await call("POST", "/workspaces", { name: "Behind a proxy" });
    const agent = await call("POST", `/workspaces/${workspace.id}/agents`, { name: "worker" });
    for (let index = 0; index < 5; index++) await say(agent, `${index} `);
    const stream = connect(t);
    const heard = [];
    stream.agent(agent.id, { since: 2 }).on("output", ({ content }) => heard.push(content));
    const board = stream.workspace(workspace.id);
    const state = new Promise((resolve) => board.on("subscribed", ({ state }) => resolve(state)));
    assert.deepEqual(
      (await state).agents.map(({ name }) => name),
      ["worker"],
    );
    await until(stream, "live");
    // A second reader from now on must not cost the first an event.
    const late = [];
    const second = stream.agent(agent.id);
    second.on("output", ({ content }) => late.push(content));
    await subscribed(second);
    await say(agent, "5 ");
    while (!heard.includes("5 ") || !late.length) await later(10);
    assert.deepEqual([heard.join(""), late.join("")], ["2 3 4 5 ", "5 "]);
    const third = stream.agent(agent.id);
    const ended = new Promise((resolve) => third.on("unsubscribed", resolve));
    await subscribed(third);
    await call("DELETE", `/agents/${agent.id}`);
    assert.equal((await ended).reason, "deleted");
    assert.equal(stream.state, "live");
  },
);

test("more streams than connections take turns, and none misses an event", options, async (t) => {
  const workspace = await call("POST", "/workspaces", { name: "Many" });
  const agents = await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      call("POST", `/workspaces/${workspace.id}/agents`, { name: `agent ${index}` }),
    ),
  );
  const stream = connect(t);
  const heard = agents.map((agent) => {
    const said = [];
    stream.agent(agent.id, { since: 0 }).on("output", ({ content }) => said.push(content));
    return said;
  });
  for (let round = 0; round < 8; round++) {
    for (const agent of agents) await say(agent, `${round} `);
    await later(150);
  }
  while (heard.some((said) => said.length < 8)) await later(20);
  for (const said of heard) assert.equal(said.join(""), "0 1 2 3 4 5 6 7 ");
});

test("a missing stream is refused, and an invalid token is final", options, async (t) => {
  const stream = connect(t);
  await assert.rejects(stream.agent(crypto.randomUUID())[Symbol.asyncIterator]().next(), { code: "NOT_FOUND" });
  const refused = connect(t, { token: "wrong" });
  await until(refused, "closed");
  assert.equal(refused.closeCode, 4401);
});
