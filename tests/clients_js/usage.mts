/** Compiled, never run: what an application writes. */
import { AgentStream, type Agent, type State } from "../../clients/js/agentstream.js";
import { keepAgent, keepWorkspace } from "../../clients/js/react-query.js";
import { QueryClient } from "../../clients/js/node_modules/@tanstack/query-core/build/modern/index.js";
import { InboxState, needs } from "../../clients/js/inbox-state.js";

const stream = new AgentStream("/ws/", { ticket: async () => "t", WebSocket: class {} });
stream.on("state", (state: State) => console.log(state, stream.retryAt, stream.closeCode));
stream.on("error", ({ code }) => console.log(code.length));

const agent = stream.agent("id", { since: 3, at: "2026-01-01T00:00:00.000Z" });
const off: () => void = agent.on("output", ({ content, messageId }, event) =>
  console.log(content + (messageId ?? ""), event.seq + 1),
);
agent.on("subscribed", ({ state, complete }) => console.log((state satisfies Agent).name, complete));
agent.on("context", ({ contextLevel }) => (contextLevel ?? 0) + 1);
agent.on("output", ({ toolInput, changes, attachments }) => [
  toolInput?.command,
  changes?.[0]?.patch,
  attachments?.[0]?.size,
]);
agent.on("plan", ({ entries }) => entries.filter(({ status }) => status === "in_progress"));
agent.on("usage", ({ costUsd, limits }) => (costUsd ?? 0) + (limits?.[0]?.usedPercent ?? 0));
agent.on("session", ({ change, title }) => change === "cleared" && title);
agent.on("subagent", ({ parentId, name }) => parentId + name);
agent.on("unsubscribed", ({ reason }) => reason === "refused");
agent.on("event", (event) => {
  if (event.type === "agent:terminated") console.log(event.payload.exitCode);
});
off();

stream.workspace("id").on("updated", (update) => {
  if (update.change === "agent_status") console.log(update.data.previousStatus);
  if (update.change === "agent_added") console.log(update.data.contextLevel ?? "none");
});

const seen = new InboxState();
const inbox = stream.inbox();
inbox.on("subscribed", ({ state, seq }) => seen.reset(state, seq));
inbox.on("positions", (page) => seen.add(page));
inbox.on("event", (event) => seen.apply(event));
inbox.on("workspace", ({ change }) => change === "added");
const need: "request" | "waiting" | "failed" | "lost" | "turn" | null = needs(
  { status: "idle", statusSeq: 3 },
  seen.seen("id"),
);
console.log(need);
// @ts-expect-error a state has a status
needs({}, 3);

for await (const message of agent) {
  if (message.type === "subscribed") continue;
  console.log(message.seq);
}

// @ts-expect-error no such event
agent.on("outputs", () => {});
// @ts-expect-error output has no such field
agent.on("output", ({ text }) => text);
// @ts-expect-error a place is a number
stream.agent("id", { since: "3" });
// @ts-expect-error a status is one of six
const status: Agent["status"] = "busy";

const stop: () => void = keepAgent(new QueryClient(), stream, "id");
// @ts-expect-error the stream is needed too
keepWorkspace(new QueryClient(), "id");
agent.on("signal", ({ signal, from }) => `${from}: ${signal === "stop"}`);
stop();

stream.close();
