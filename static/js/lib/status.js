/** What the statuses are called, and which of them want a person. Listed by urgency. */
export const STATUSES = {
  error: { word: "Error", attention: true },
  waiting: { word: "Waiting", attention: true },
  running: { word: "Running" },
  idle: { word: "Idle" },
  finished: { word: "Finished" },
  offline: { word: "Offline" },
};

const REASONS = {
  awaiting_input: "for input",
  awaiting_approval: "for approval",
  rate_limited: "rate limited",
  process_error: "process failed",
  completed: "",
  user_stopped: "stopped by a person",
  lost: "runner lost",
};

export const HIGH_CONTEXT = 80;

/** A status that this version does not know is shown as it came. */
export function statusWord(status) {
  return STATUSES[status]?.word ?? status;
}

export function reasonWords(reason) {
  return REASONS[reason] ?? (reason ?? "").replaceAll("_", " ");
}

/** What about the agent wants a person: a status, `context` when that is nearly full, `silent` when it runs and says nothing, or null. */
export function attention({ status, contextLevel, silentFor }) {
  if (STATUSES[status]?.attention) return status;
  if (contextLevel > HIGH_CONTEXT) return "context";
  return silentFor ? "silent" : null;
}

const URGENCY = [...Object.keys(STATUSES).slice(0, 2), "context", "silent", ...Object.keys(STATUSES).slice(2)];

const names = new Intl.Collator();

/** Most urgent first, then by name. */
export function byUrgency(one, other) {
  const rank = (agent) => URGENCY.indexOf(attention(agent) ?? agent.status);
  return rank(one) - rank(other) || names.compare(one.name, other.name) || (one.id < other.id ? -1 : 1);
}
