import { visible } from "./visible.js";

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

/**
 * What a screen reader says of a new status.
 * @param {string} agentName
 * @param {{status: string, reason?: string | null}} agent
 */
export function announcedStatus(agentName, { status, reason }) {
  return `${visible(agentName)}: ${statusText(status)} ${visible(reasonText(reason))}`.trim();
}

/**
 * Whether the run is over: nobody reads what people send.
 * @param {{status: string, reason?: string | null}} agent
 */
export function hasEnded({ status, reason }) {
  return status === "finished" || status === "offline" || (status === "error" && reason === "process_error");
}

/** Reasons to look at an agent other than its status. @type {Record<string, string>} */
export const OTHER_REASONS = {
  asks: "asking",
  turn: "your turn",
  done: "done, unseen",
  lost: "lost",
  context: "context almost full",
  silent: "silent",
};

const REASON_OF_NEED = { request: "asks", waiting: "waiting", failed: "error", lost: "lost" };

/**
 * The words after a count of agents with this status, or this reason to look at them: "2 asking", "1 waiting".
 * @param {string} reason
 */
export function reasonName(reason) {
  if (reason === "error") return "failed";
  return OTHER_REASONS[reason] ?? statusText(reason).toLowerCase();
}

/** @param {{requests?: any[], moreRequests?: number}} agent */
export function openRequests({ requests = [], moreRequests = 0 }) {
  return requests.length + moreRequests;
}

/** When its oldest open request was asked; "" if unknown or none is open. @returns {string} */
export const askingSince = (agent) => agent?.keptSince ?? agent?.requests?.[0]?.createdAt ?? "";

/**
 * Why to look at an agent: `asks` when it has open requests, `waiting`, `error`, `lost`; `turn` when it has become idle, `done` when
 * it has finished since the user last looked; while it is running, `context` when that is nearly full, `silent` when it has
 * reported nothing for a while; null if there is no reason.
 * @param {any} agent of a workspace's state; with `needs`: why it needs the user, `silentFor` in milliseconds, `keptSince` if it was
 *   answered just now
 */
export function attention(agent) {
  const { status, needs, contextLevel, silentFor } = agent;
  if (openRequests(agent) || agent.keptSince !== undefined) return "asks";
  if (needs === "turn") return status === "finished" ? "done" : "turn";
  if (needs) return REASON_OF_NEED[needs];
  if (status !== "running") return null;
  if (contextLevel > HIGH_CONTEXT) return "context";
  return silentFor ? "silent" : null;
}

/** The groups of a board, most urgent first, and which reasons put an agent there. */
const GROUP_OF_REASON = {
  asks: "needs",
  waiting: "needs",
  turn: "needs",
  error: "failed",
  lost: "failed",
  done: "done",
};
export const GROUPS = ["needs", "failed", "running", "done", "inactive"];

/** @param {any} agent @returns {string} */
export function groupOf(agent) {
  return GROUP_OF_REASON[attention(agent)] ?? (agent.status === "running" ? "running" : "inactive");
}

/** Whether the user should do something about the agent. @param {any} agent */
export const isUrgent = (agent) => ["needs", "failed"].includes(groupOf(agent));

const collator = new Intl.Collator();

/**
 * Sorts agents in place by group, and there: those that need the user by how long they have waited; failed and done ones newest
 * first; running ones with a reason to look at them first; then by name.
 * @param {any[]} agents with `since`: when they got their status
 */
export function triage(agents) {
  const keys = new Map(agents.map((agent) => [agent, keyOf(agent)]));
  return agents.sort((one, other) => {
    const [rank, key] = keys.get(one);
    const [otherRank, otherKey] = keys.get(other);
    if (rank !== otherRank) return rank - otherRank;
    if (key !== otherKey) return (key < otherKey ? -1 : 1) * (NEWEST_FIRST.includes(GROUPS[rank]) ? -1 : 1);
    return collator.compare(one.name, other.name) || (one.id < other.id ? -1 : 1);
  });
}

const NEWEST_FIRST = ["failed", "done"];

/** @returns {[number, string]} */
function keyOf(agent) {
  const group = groupOf(agent);
  return [GROUPS.indexOf(group), KEYS[group]?.(agent) ?? ""];
}

const KEYS = {
  needs: (agent) => askingSince(agent) || agent.since,
  failed: ({ since }) => since,
  running: (agent) => (attention(agent) ? "0" : "1"),
  done: ({ since }) => since,
};
