/** The client against a running server: AGENTSTREAM_URL, and AGENTSTREAM_TOKEN of a superuser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { WebSocket, later, until } from "./scripted.mjs";

const { AGENTSTREAM_URL: url, AGENTSTREAM_TOKEN: token } = process.env;
const options = { skip: url && token ? false : "no server given", timeout: 30_000 };

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(`${url}/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

async function place() {
  const workspace = await call("POST", "/workspaces", { name: "From JavaScript" });
  const agent = await call("POST", `/workspaces/${workspace.id}/agents`, { name: "worker" });
  let n = 0;
  const publish = (...payloads) => {
    const events = payloads.map((payload) => ({ n: ++n, type: "agent:output", payload }));
    return call("POST", `/agents/${agent.id}/events`, { producer: "test", events });
  };
  return { workspace, agent, publish };
}

function connect(t, more = {}) {
  const stream = new AgentStream(`${url}/ws/`, { token, WebSocket, ...more });
  t.after(() => stream.close());
  return stream;
}

test("earlier and new events arrive in order", options, async (t) => {
  const { agent, publish } = await place();
  await publish(...Array.from({ length: 500 }, (_, index) => ({ content: `${index} ` })));
  const subscription = connect(t).agent(agent.id, { since: 0 });
  const seen = [];
  const reading = (async () => {
    for await (const { payload } of subscription) {
      seen.push(payload.content);
      if (seen.length === 600) break;
    }
  })();
  await later(100);
  for (let index = 500; index < 600; index += 10) {
    await publish(...Array.from({ length: 10 }, (_, offset) => ({ content: `${index + offset} ` })));
  }
  await reading;
  assert.equal(seen.join(""), Array.from({ length: 600 }, (_, index) => `${index} `).join(""));
});

test("a second reader from the beginning doesn't disturb the first mid-message", options, async (t) => {
  const { agent, publish } = await place();
  const stream = connect(t);
  const readers = [];
  const join = () => {
    const reader = { text: "" };
    stream.agent(agent.id, { since: 0 }).on("output", ({ content }) => (reader.text += content));
    readers.push(reader);
  };
  let said = "";
  for (let index = 0; index < 120; index++) {
    if (index % 30 === 0) join();
    said += `${index} `;
    await publish({ content: `${index} `, messageId: `m${Math.floor(index / 50)}`, isStreaming: true });
  }
  while (readers.some(({ text }) => !text.endsWith("119 "))) await later(10);
  for (const { text } of readers) assert.equal(text, said);
});

test("it continues from a known position", options, async (t) => {
  const { agent, publish } = await place();
  await publish({ content: "one" }, { content: "two" }, { content: "three" });
  const first = connect(t).agent(agent.id, { since: 0 });
  for await (const { seq } of first) if (seq === 2) break;
  const again = connect(t).agent(agent.id, { since: 2, at: (await history(agent.id))[1].timestamp });
  for await (const { seq, payload } of again) {
    assert.deepEqual([seq, payload.content], [3, "three"]);
    break;
  }
});

async function history(agentId) {
  return (await call("GET", `/agents/${agentId}/events?since=0&limit=10`)).events;
}

test("a position that isn't in the log is reported as void", options, async (t) => {
  const { agent, publish } = await place();
  await publish({ content: "one" });
  const subscription = connect(t).agent(agent.id, { since: 10_000 });
  const items = [];
  for await (const item of subscription) if (items.push(item) === 2) break;
  assert.deepEqual([items[0].payload.complete, items[1].payload.content], [false, "one"]);
});

test("a workspace reports its agents' changes", options, async (t) => {
  const { workspace, agent } = await place();
  const stream = connect(t);
  const subscription = stream.workspace(workspace.id);
  const state = new Promise((resolve) => subscription.on("subscribed", ({ state }) => resolve(state)));
  assert.deepEqual(
    (await state).agents.map(({ name, contextLevel }) => [name, contextLevel]),
    [["worker", null]],
  );
  await until(stream, "live");
  const change = new Promise((resolve) => subscription.on("updated", resolve));
  await call("POST", `/agents/${agent.id}/status`, { status: "waiting", reason: "awaiting_input" });
  const { change: kind, data } = await change;
  assert.deepEqual(
    [kind, data.status, data.previousStatus, data.reason],
    ["agent_status", "waiting", "idle", "awaiting_input"],
  );
});

test(
  "an answer is confirmed with its resolution; repeated it is the same, another is a conflict",
  options,
  async (t) => {
    const { agent, workspace } = await place();
    const stream = connect(t);
    const changes = [];
    stream.workspace(workspace.id, { since: 0 }).on("updated", ({ change, data }) => changes.push([change, data]));
    const choices = ["yes", "no"].map((id) => ({ id, label: id, effect: id === "yes" ? "allow" : "deny" }));
    const asked = { requestId: "r1", kind: "permission", title: "May I?", options: choices };
    await call("POST", `/agents/${agent.id}/requests`, asked);
    const resolution = await stream.answer(agent.id, "r1", { option: "yes" });
    assert.deepEqual([resolution.outcome, resolution.option], ["answered", "yes"]);
    assert.deepEqual(await stream.answer(agent.id, "r1", { option: "yes" }), resolution);
    await assert.rejects(stream.answer(agent.id, "r1", { option: "no" }), { code: "CONFLICT", resolution });
    await assert.rejects(stream.answer(agent.id, "nobody", { option: "no" }), { code: "NOT_FOUND" });
    await until(() => changes.some(([change]) => change === "agent_request_resolved"));
    assert.equal(changes.find(([change]) => change === "agent_request")[1].title, "May I?");
    stream.close();
    await assert.rejects(stream.answer(agent.id, "r1", { option: "yes" }));
  },
);

test("an agent that does not exist is refused, one that is deleted ends", options, async (t) => {
  const { agent } = await place();
  const stream = connect(t);
  await assert.rejects(stream.agent(crypto.randomUUID())[Symbol.asyncIterator]().next(), { code: "NOT_FOUND" });
  const subscription = stream.agent(agent.id);
  const told = new Promise((resolve) => subscription.on("unsubscribed", resolve));
  await until(stream, "live");
  await call("DELETE", `/agents/${agent.id}`);
  assert.equal((await told).reason, "deleted");
});

test("an invalid token closes it for good", options, async (t) => {
  const stream = connect(t, { token: "wrong" });
  await until(stream, "closed");
  assert.equal(stream.closeCode, 4401);
});
