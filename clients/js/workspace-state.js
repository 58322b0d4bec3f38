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
  agent_status: (workspace, { agentId, status, statusSeq, reason }, updatedAt) =>
    workspace.patch(agentId, { status, statusSeq, reason, updatedAt }),
  agent_request: (workspace, { agentId, ...request }, createdAt) => {
    const agent = workspace.agents.get(agentId);
    if (agent) workspace.patch(agentId, { requests: [...(agent.requests ?? []), { ...request, createdAt }] });
  },
  agent_request_resolved: (workspace, { agentId, requestId }) => {
    const agent = workspace.agents.get(agentId);
    if (!agent) return;
    const requests = agent.requests ?? [];
    const left = requests.filter((request) => request.requestId !== requestId);
    // One that wasn't listed is one of those omitted.
    const more = left.length === requests.length ? { moreRequests: Math.max(0, (agent.moreRequests ?? 0) - 1) } : {};
    workspace.patch(agentId, { requests: left, ...more });
  },
  agent_context: (workspace, { agentId, contextLevel, tokensUsed, tokensLimit }, updatedAt) =>
    workspace.patch(agentId, { contextLevel, tokensUsed, tokensLimit, updatedAt }),
};
