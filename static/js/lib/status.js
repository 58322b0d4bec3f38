/**
 * What a status is called, and which ones need attention. Listed by urgency.
 * @type {Record<string, {text: string, attention?: boolean}>}
 */
export const STATUSES = {
  error: { text: "Error", attention: true },
  waiting: { text: "Waiting", attention: true },
  running: { text: "Running" },
  idle: { text: "Idle" },
  finished: { text: "Finished" },
  offline: { text: "Offline" },
};

/** @type {Record<string, string>} */
const REASONS = {
  awaiting_input: "for input",
  awaiting_approval: "for approval",
  rate_limited: "rate limited",
  process_error: "process failed",
  completed: "",
  user_stopped: "stopped by a user",
  lost: "runner lost",
};

/** In percent. */
export const HIGH_CONTEXT = 80;

/** A status this version doesn't know is shown as it is. @param {string} status */
export function statusText(status) {
  return STATUSES[status]?.text ?? status;
}

/** @param {string | null | undefined} reason */
export function reasonText(reason) {
  return REASONS[reason] ?? (reason ?? "").replaceAll("_", " ");
}

/** Reasons for attention other than a status. */
export const OTHER_REASONS = { turn: "your turn", context: "nearly out of context", silent: "silent" };

const REASON_OF_NEED = { request: "waiting", waiting: "waiting", failed: "error", turn: "turn" };

/**
 * Why an agent needs attention: `error` or `waiting`, `turn` when it has finished or become idle after what the user has seen,
 * `context` when that is nearly full, `silent` when it is running but has reported nothing for a while; null if it needs none.
 * @param {{status: string, needs?: string | null, contextLevel: number | null, silentFor?: number}} agent `needs`: why it needs the user
 */
export function attention({ status, needs, contextLevel, silentFor }) {
  if (needs) return REASON_OF_NEED[needs];
  if (STATUSES[status]?.attention) return status;
  if (contextLevel > HIGH_CONTEXT) return "context";
  return silentFor ? "silent" : null;
}

const URGENCY = ["error", "waiting", "turn", "context", "silent", "running", "idle", "finished", "offline"];

const collator = new Intl.Collator();

/** Most urgent first, then by name. */
export function byUrgency(one, other) {
  const rank = (agent) => URGENCY.indexOf(attention(agent) ?? agent.status);
  return rank(one) - rank(other) || collator.compare(one.name, other.name) || (one.id < other.id ? -1 : 1);
}
