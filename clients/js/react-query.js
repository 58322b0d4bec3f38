/**
 * Keeps TanStack Query's cache current: `["agent", id]` and `["workspace", id]` hold the current state, which components
 * read like any other query. Each function returns a function that stops it.
 */
import { WorkspaceState } from "./workspace-state.js";

/** `["agent", id]` becomes the agent: name, status, contextLevel … */
export function keepAgent(queryClient, stream, id) {
  const key = ["agent", id];
  let present = 0;
  const patch = (fields, { seq }) => {
    // A replay repeats changes that the state already contains.
    if (seq > present) queryClient.setQueryData(key, (agent) => agent && { ...agent, ...fields });
  };
  const subscription = stream.agent(id);
  subscription.on("subscribed", ({ seq, state }) => {
    present = seq;
    queryClient.setQueryData(key, state);
  });
  subscription.on("status", ({ status, reason }, event) =>
    patch({ status, statusSeq: event.seq, reason, updatedAt: event.timestamp }, event),
  );
  subscription.on("context", ({ contextLevel, tokensUsed, tokensLimit }, event) =>
    patch({ contextLevel, tokensUsed, tokensLimit, updatedAt: event.timestamp }, event),
  );
  for (const name of ["session", "plan", "usage"]) {
    subscription.on(name, ({ agentId: _, ...told }, event) => patch({ [name]: told }, event));
  }
  return removeOnEnd(queryClient, key, subscription);
}

/** `["workspace", id]` becomes the workspace with its agents. */
export function keepWorkspace(queryClient, stream, id) {
  const key = ["workspace", id];
  const workspace = new WorkspaceState();
  const put = () =>
    queryClient.setQueryData(key, (before) => ({
      ...before,
      name: workspace.name,
      agents: [...workspace.agents.values()],
    }));
  const subscription = stream.workspace(id);
  subscription.on("subscribed", ({ state, seq }) => {
    workspace.reset(state, seq);
    queryClient.setQueryData(key, state);
  });
  subscription.on("updated", (_, event) => workspace.apply(event) && put());
  return removeOnEnd(queryClient, key, subscription);
}

/** Data that is deleted, or no longer visible to the user, must not stay in the cache. */
function removeOnEnd(queryClient, key, subscription) {
  subscription.on("unsubscribed", () => queryClient.removeQueries({ queryKey: key, exact: true }));
  return () => subscription.close();
}
