/** What a user has seen: the last answer's state of their inbox, with the events since applied. */
export class InboxState {
  #seen = new Map();
  #dismissed = new Map();
  #seq = -1;

  /** `state` is the state after the event `seq`. */
  reset(state, seq) {
    this.#seen = new Map();
    this.#dismissed = new Map();
    this.#seq = seq;
    this.add(state);
  }

  /** Adds the positions of an `inbox:positions`, which continues the state. */
  add({ seen, dismissed = {} }) {
    for (const [agentId, seq] of Object.entries(seen)) this.#seen.set(agentId, seq);
    for (const [agentId, seq] of Object.entries(dismissed)) this.#dismissed.set(agentId, seq);
  }

  /** Applies an event unless the state already contains it; returns whether something changed. */
  apply({ type, payload, seq }) {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    const positions = { "inbox:seen": this.#seen, "inbox:dismissed": this.#dismissed }[type];
    positions?.set(payload.agentId, payload.seq);
    return positions !== undefined;
  }

  /** The seq up to which the agent was seen. */
  seen(agentId) {
    return this.#seen.get(agentId) ?? 0;
  }

  /** The seq of the agent's newest status that was dismissed. */
  dismissed(agentId) {
    return this.#dismissed.get(agentId) ?? 0;
  }
}

/** Why an agent needs a user who has seen its stream up to `seen` and dismissed its status of `dismissed`; null if it doesn't. */
export function needs({ status, reason, statusSeq = 0, requests = [], moreRequests = 0 }, seen = 0, dismissed = 0) {
  if (requests.length || moreRequests) return "request";
  if (status === "waiting") return "waiting";
  if (status === "error" && statusSeq > dismissed) return "failed";
  if (status === "offline" && reason === "lost" && statusSeq > dismissed) return "lost";
  if ((status === "idle" || status === "finished") && statusSeq > seen) return "turn";
  return null;
}
