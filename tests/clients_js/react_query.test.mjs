/** The cache of TanStack Query, against a running server: AGENTSTREAM_URL, and AGENTSTREAM_TOKEN of a superuser. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { AgentStream } from "../../clients/js/agentstream.js";
import { keepAgent, keepWorkspace } from "../../clients/js/react-query.js";
import { CLIENT, WebSocket, later } from "./scripted.mjs";

const { QueryClient } = createRequire(new URL("package.json", CLIENT))("@tanstack/query-core");
const { AGENTSTREAM_URL: url, AGENTSTREAM_TOKEN: token } = process.env;
const options = { skip: url && token ? false : "no server given", timeout: 30_000 };

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(`${url}/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

test("agent and workspace are in the cache, stay current, and leave it when they are gone", options, async (t) => {
  const workspace = await call("POST", "/workspaces", { name: "From a query" });
  const agent = await call("POST", `/workspaces/${workspace.id}/agents`, { name: "worker" });
  const stream = new AgentStream(`${url}/ws/`, { token, WebSocket });
  const cache = new QueryClient();
  const stops = [keepAgent(cache, stream, agent.id), keepWorkspace(cache, stream, workspace.id)];
  t.after(() => {
    stops.forEach((stop) => stop());
    stream.close();
    cache.clear();
  });
  const cached = () => [
    cache.getQueryData(["agent", agent.id]),
    cache.getQueryData(["workspace", workspace.id])?.agents[0],
  ];
  const until = async (passes) => {
    while (!passes(...cached())) await later(10);
  };
  await until((one, other) => one?.name === "worker" && other?.status === "idle");
  await call("POST", `/agents/${agent.id}/status`, { status: "waiting", reason: "awaiting_input" });
  await call("POST", `/agents/${agent.id}/context`, { contextLevel: 42 });
  await until((one, other) => one.contextLevel === 42 && other.contextLevel === 42);
  for (const { status, reason } of cached()) assert.deepEqual([status, reason], ["waiting", "awaiting_input"]);
  await call("DELETE", `/agents/${agent.id}`);
  await until((one, other) => one === undefined && other === undefined);
});
