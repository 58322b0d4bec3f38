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

/** An unknown status is shown unchanged. @param {string} status */
export function statusText(status) {
  return STATUSES[status]?.text ?? status;
}

/** @param {string | null | undefined} reason */
export function reasonText(reason) {
  return REASONS[reason] ?? (reason ?? "").replaceAll("_", " ");
}

/** Reasons for attention other than a status. */
export const OTHER_REASONS = {
  asks: "need you",
  turn: "your turn",
  context: "nearly out of context",
  silent: "silent",
};

const REASON_OF_NEED = { request: "asks", waiting: "waiting", failed: "error", turn: "turn" };

/**
 * The words after a count of agents with this status, or this reason for attention: "2 need you", "1 waiting".
 * @param {string} reason
 * @param {number} count
 */
export function reasonName(reason, count) {
  if (reason === "asks") return count === 1 ? "needs you" : "need you";
  return OTHER_REASONS[reason] ?? statusText(reason).toLowerCase();
}

/** @param {{requests?: any[], moreRequests?: number}} agent */
export function openRequests({ requests = [], moreRequests = 0 }) {
  return requests.length + moreRequests;
}

/** When its oldest open request was asked; "" if unknown or none is open. @returns {string} */
export const askingSince = (agent) => agent?.keptSince ?? agent?.requests?.[0]?.createdAt ?? "";

/**
 * Why an agent needs attention: `asks` when it has open requests, `error` or `waiting`, `turn` when it has finished or become idle
 * since the user last looked, `context` when that is nearly full, `silent` when it is running but has reported nothing for a
 * while; null if it needs none.
 * @param {any} agent of a workspace's state; with `needs`: why it needs the user, `silentFor` in milliseconds, `keptSince` if it was
 *   answered just now
 */
export function attention(agent) {
  const { status, needs, contextLevel, silentFor } = agent;
  if (openRequests(agent) || agent.keptSince !== undefined) return "asks";
  if (needs) return REASON_OF_NEED[needs];
  if (STATUSES[status]?.attention) return status;
  if (contextLevel > HIGH_CONTEXT) return "context";
  return silentFor ? "silent" : null;
}

const URGENCY = ["asks", "error", "waiting", "turn", "context", "silent", "running", "idle", "finished", "offline"];

const collator = new Intl.Collator();

/**
 * Sorts agents in place: most urgent first, then by name; those that ask by how long they have.
 * @param {any[]} agents
 */
export function sortByUrgency(agents) {
  const keys = new Map(agents.map((agent) => [agent, keyOf(agent)]));
  return agents.sort((one, other) => {
    const [rank, asked] = keys.get(one);
    const [otherRank, otherAsked] = keys.get(other);
    if (rank !== otherRank) return rank - otherRank;
    if (asked !== otherAsked) return asked < otherAsked ? -1 : 1;
    return collator.compare(one.name, other.name) || (one.id < other.id ? -1 : 1);
  });
}

/** @returns {[number, string]} */
function keyOf(agent) {
  const reason = attention(agent);
  return [URGENCY.indexOf(reason ?? agent.status), reason === "asks" ? askingSince(agent) : ""];
}
