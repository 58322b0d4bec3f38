/** The dashboard's pure parts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { earlier } from "../../static/js/transcript/history.js";
import { attention, reasonText, triage } from "../../static/js/lib/status.js";
import { WorkspaceState } from "../../clients/js/workspace-state.js";

const agent = (id, fields = {}) => ({ id, name: id, status: "idle", contextLevel: null, updatedAt: "t0", ...fields });
const updated = (seq, change, data) => ({ seq, timestamp: `t${seq}`, payload: { change, data } });

test("a workspace's state and later events give its current state; replaying earlier events changes nothing", () => {
  const workspace = new WorkspaceState();
  workspace.reset({ name: "Old", agents: [agent("a", { status: "waiting", reason: "awaiting_input" })] }, 4);
  assert.equal(workspace.apply(updated(4, "agent_status", { agentId: "a", status: "running" })), false);
  assert.equal(workspace.agents.get("a").status, "waiting");
  workspace.apply(updated(5, "agent_status", { agentId: "a", status: "running", previousStatus: "waiting" }));
  workspace.apply(updated(6, "agent_context", { agentId: "a", contextLevel: 12 }));
  workspace.apply(updated(7, "agent_added", agent("b")));
  workspace.apply(updated(8, "agent_updated", agent("b", { name: "Bee" })));
  workspace.apply(updated(9, "workspace_updated", { name: "New" }));
  workspace.apply(updated(10, "agent_status", { agentId: "unknown", status: "error" }));
  const { reason, ...rest } = workspace.agents.get("a");
  assert.deepEqual([rest.status, reason, rest.contextLevel, rest.updatedAt], ["running", undefined, 12, "t6"]);
  assert.deepEqual([workspace.name, workspace.agents.get("b").name, workspace.agents.size], ["New", "Bee", 2]);
  workspace.apply(updated(11, "agent_removed", { agentId: "b" }));
  assert.equal(workspace.agents.has("b"), false);
  assert.equal(workspace.apply(updated(12, "member_added", {})), false);
});

test("a workspace keeps the open requests of its agents", () => {
  const workspace = new WorkspaceState();
  workspace.reset({ name: "W", agents: [agent("a", { requests: [{ requestId: "r1" }], moreRequests: 1 })] }, 1);
  workspace.apply(updated(2, "agent_request", { agentId: "a", requestId: "r2", title: "?" }));
  const ids = () => workspace.agents.get("a").requests.map(({ requestId }) => requestId);
  assert.deepEqual(ids(), ["r1", "r2"]);
  assert.deepEqual(workspace.agents.get("a").requests[1], { requestId: "r2", title: "?", createdAt: "t2" });
  workspace.apply(updated(3, "agent_request_resolved", { agentId: "a", requestId: "r1", outcome: "expired" }));
  workspace.apply(updated(4, "agent_request_resolved", { agentId: "a", requestId: "left out", outcome: "expired" }));
  assert.deepEqual([ids(), workspace.agents.get("a").moreRequests], [["r2"], 0]);
});

test("those that need the user come first, longest wait first; then failed, running, done and inactive ones", () => {
  const waits = (id, since, more) => agent(id, { status: "waiting", needs: "waiting", since, ...more });
  const agents = [
    agent("idle", { contextLevel: 99 }),
    agent("full", { status: "running", contextLevel: 81 }),
    agent("at work", { status: "running", contextLevel: 80 }),
    agent("quiet", { status: "running", silentFor: 900_000 }),
    agent("done", { status: "finished", needs: "turn", since: "t3", contextLevel: 99 }),
    agent("turn", { status: "idle", needs: "turn", since: "t3" }),
    waits("waiting", "t4"),
    agent("asks", { status: "running", needs: "request", since: "t1", requests: [{ createdAt: "t5" }] }),
    agent("failed", { status: "error", needs: "failed", since: "t6" }),
    agent("lost", { status: "offline", reason: "lost", needs: "lost", since: "t7" }),
    agent("dismissed", { status: "error", needs: null, since: "t7" }),
  ];
  assert.deepEqual(
    triage(agents).map(({ id }) => id),
    ["turn", "waiting", "asks", "lost", "failed", "full", "quiet", "at work", "done", "dismissed", "idle"],
  );
  assert.deepEqual(
    agents.map((one) => attention(one)),
    ["turn", "waiting", "asks", "lost", "error", "context", "silent", null, "done", null, null],
  );
  assert.deepEqual(
    [reasonText("rate_limited"), reasonText("out_of_coffee"), reasonText(null)],
    ["rate limited", "out of coffee", ""],
  );
});

/** A server's history with `head` events of which the first `oldest - 1` are gone, and which gives at most `most` a page. */
function pretendHistory(t, { head, oldest = 1, most = 1_000 }) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (path) => {
    const { searchParams } = new URL(path, "http://localhost");
    const [since, limit] = ["since", "limit"].map((name) => Number(searchParams.get(name)));
    asked.push([since, limit]);
    const complete = since >= oldest - 1 && since <= head;
    const first = (complete ? since : oldest - 1) + 1;
    const count = Math.max(0, Math.min(limit, most, head - first + 1));
    const events = Array.from({ length: count }, (_, index) => ({ seq: first + index }));
    return { ok: true, json: async () => ({ events, oldest, seq: head, complete }) };
  });
  return asked;
}

const seqs = ({ events }) => [events[0]?.seq, events.at(-1)?.seq, events.length];

test("the page before what is shown ends exactly there", async (t) => {
  const asked = pretendHistory(t, { head: 2_000 });
  const page = await earlier("id", 1_200, 1);
  assert.deepEqual([seqs(page), page.from, page.oldest], [[201, 1_200, 1_000], 200, 1]);
  assert.deepEqual(asked, [[200, 1_000]]);
});

test("the first page of all is shorter", async (t) => {
  pretendHistory(t, { head: 2_000 });
  const page = await earlier("id", 30, 1);
  assert.deepEqual([seqs(page), page.from], [[1, 30, 30], 0]);
});

test("small pages are requested until the gap is closed", async (t) => {
  const asked = pretendHistory(t, { head: 2_000, most: 200 });
  assert.deepEqual(seqs(await earlier("id", 1_200, 1)), [201, 1_200, 1_000]);
  assert.equal(asked.length, 5);
});

test("events that retention removed meanwhile are not waited for", async (t) => {
  pretendHistory(t, { head: 2_000, oldest: 1_001 });
  const partly = await earlier("id", 1_200, 600);
  assert.deepEqual([seqs(partly), partly.from, partly.oldest], [[1_001, 1_200, 200], 1_000, 1_001]);
  const nothing = await earlier("id", 900, 600);
  assert.deepEqual([nothing.events, nothing.from, nothing.oldest], [[], 1_000, 1_001]);
});
