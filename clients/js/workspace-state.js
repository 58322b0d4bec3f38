/** A workspace's state: the last answer's, with the changes since applied. */
export class WorkspaceState {
  name = "";
  agents = new Map();
  #seq = -1;

  /** `state` is the state after the event `seq`. */
  reset(state, seq) {
    this.name = state.name;
    this.agents = new Map(state.agents.map((agent) => [agent.id, agent]));
    this.#seq = seq;
  }

  /** Adds the agents of a `workspace:agents`, which continues the state. */
  add({ agents }) {
    for (const agent of agents) put(this, agent);
  }

  /** Applies an event unless the state already contains it; returns whether something changed. */
  apply({ payload, seq, timestamp }) {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    const change = CHANGES[payload.change];
    change?.(this, payload.data, timestamp);
    return change !== undefined;
  }

  patch(id, fields) {
    const agent = this.agents.get(id);
    if (agent) this.agents.set(id, { ...agent, ...fields });
  }
}

const put = (workspace, agent) => workspace.agents.set(agent.id, agent);

const CHANGES = {
  workspace_updated: (workspace, { name }) => (workspace.name = name),
  agent_added: put,
  agent_updated: put,
  agent_removed: (workspace, { agentId }) => workspace.agents.delete(agentId),
  agent_status: (workspace, { agentId, status, reason }, updatedAt) =>
    workspace.patch(agentId, { status, reason, updatedAt }),
  agent_context: (workspace, { agentId, contextLevel, tokensUsed, tokensLimit }, updatedAt) =>
    workspace.patch(agentId, { contextLevel, tokensUsed, tokensLimit, updatedAt }),
};
