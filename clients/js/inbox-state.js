/** What a user has seen: the last answer's state of their inbox, with the events since applied. */
export class InboxState {
  #seen = new Map();
  #seq = -1;

  /** `state` is the state after the event `seq`. */
  reset(state, seq) {
    this.#seen = new Map();
    this.#seq = seq;
    this.add(state);
  }

  /** Adds the positions of an `inbox:positions`, which continues the state. */
  add({ seen }) {
    for (const [agentId, seq] of Object.entries(seen)) this.#seen.set(agentId, seq);
  }

  /** Applies an event unless the state already contains it; returns whether something changed. */
  apply({ type, payload, seq }) {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    if (type !== "inbox:seen") return false;
    this.#seen.set(payload.agentId, payload.seq);
    return true;
  }

  /** The seq up to which the agent was seen. */
  seen(agentId) {
    return this.#seen.get(agentId) ?? 0;
  }
}

/** Why an agent needs a user who has seen its stream up to `seen`; null if it doesn't. */
export function needs({ status, statusSeq = 0, requests = [], moreRequests = 0 }, seen = 0) {
  if (requests.length || moreRequests) return "request";
  if (status === "waiting") return "waiting";
  if (status === "error") return "failed";
  if ((status === "idle" || status === "finished") && statusSeq > seen) return "turn";
  return null;
}
