import { formatContext, formatCost, formatNumber } from "../lib/format.js";
import { reasonText, statusText } from "../lib/status.js";
import { KINDS as ASKED, outcomeText } from "../requests/text.js";

const KINDS = { thinking: "Thinking", tool_call: "Tool call", tool_result: "Tool result" };
const ROLES = { user: "User", system: "System", tool: "Tool" };
const ENDINGS = {
  completed: "completed",
  error: "failed",
  user_stopped: "stopped by a user",
  lost: "its runner was lost",
};
const SESSIONS = {
  started: "Session started",
  resumed: "Session resumed",
  cleared: "Session cleared",
  compacted: "Context compacted",
  ended: "Session ended",
};
const STEPS = { completed: "✓", in_progress: "▸", pending: "○" };
const SUBAGENTS = { started: "Sub-agent started", ended: "Sub-agent finished", failed: "Sub-agent failed" };
const SIGNALS = { interrupt: "interrupted the agent", stop: "asked the agent to stop" };

/** @typedef {{type: "output" | "input" | "error" | "note" | "plan", text: string, author?: string, status?: string}} EventText */

/** @type {Record<string, (payload: any) => EventText>} */
const TEXTS = {
  "agent:output": (payload) => ({ type: "output", author: outputAuthor(payload), text: payload.content }),
  "agent:input": ({ content, from }) => ({ type: "input", author: `${from} wrote`, text: content }),
  "agent:signal": ({ signal, from }) => ({ type: "note", text: `${from} ${SIGNALS[signal] ?? `sent ${signal}`}` }),
  "agent:error": ({ error }) => ({ type: "error", author: `Error · ${error.code}`, text: error.message }),
  "agent:status": ({ status, reason }) => ({
    type: "note",
    status,
    text: [statusText(status), reasonText(reason)].filter(Boolean).join(" · "),
  }),
  "agent:context": (payload) => ({ type: "note", text: contextText(payload) }),
  "agent:session": ({ change, title }) => ({
    type: "note",
    text: [SESSIONS[change] ?? change, title].filter(Boolean).join(" · "),
  }),
  "agent:plan": ({ entries }) => ({ type: "plan", author: "Plan", text: entries.map(stepText).join("\n") }),
  "agent:usage": (payload) => ({
    type: "note",
    text: ["Session so far", sumsText(payload)].filter(Boolean).join(" · "),
  }),
  "agent:subagent": ({ change, name, description }) => ({
    type: "note",
    text: [SUBAGENTS[change] ?? change, name, description].filter(Boolean).join(" · "),
  }),
  "agent:request": ({ kind, title }) => ({ type: "note", text: `${ASKED[kind] ?? kind} · ${title}` }),
  "agent:request_resolved": (payload) => ({ type: "note", text: outcomeText({ options: [] }, payload) }),
  "agent:terminated": (payload) => ({ type: "note", text: terminatedText(payload) }),
};

/**
 * How an event reads: text by an author, or a note of something that happened.
 * @param {{type: string, payload: any}} event
 */
export function eventText(event) {
  return TEXTS[event.type]?.(event.payload) ?? { type: /** @type {const} */ ("note"), text: event.type };
}

/** Markup that a process hardly ever prints. */
const MARKDOWN = /^```|\*\*\S/m;

/**
 * Whether a process printed this, as opposed to an assistant writing Markdown. Runners pass on whole lines, so a first chunk that
 * ends with one is a process's; escape sequences never occur in Markdown.
 * @param {{type: string, payload: any}} event
 */
export function isProcessOutput({ type, payload: { content, role, kind, messageId, isStreaming } }) {
  if (type !== "agent:output" || (kind ?? "text") !== "text") return false;
  if (!messageId || content.includes("\x1b")) return true;
  return ["assistant", "system"].includes(role) && !isStreaming && content.endsWith("\n") && !MARKDOWN.test(content);
}

function outputAuthor(payload) {
  const { role, kind, toolName } = payload;
  const own = isProcessOutput({ type: "agent:output", payload }) ? "Output" : "Assistant";
  const author = KINDS[kind] ?? ROLES[role] ?? own;
  return toolName ? `${author} · ${toolName}` : author;
}

/** @param {{content: string, status: string}} step */
function stepText({ content, status }) {
  return `${STEPS[status] ?? "○"} ${content}`;
}

/** How a session's end, or the start of the next one, tells what it used. */
const USED = {
  "agent:terminated": "session used",
  ended: "used",
  started: "the session before used",
  resumed: "the session before used",
  cleared: "the session before used",
};

/**
 * What comes before the sums of the session that is over; nothing where none ends.
 * @param {{type: string, payload: any}} event
 */
export const usedBy = ({ type, payload }) => USED[type === "agent:session" ? payload.change : type];

/**
 * "12,000 tokens in · 900 tokens out · $0.42"
 * @param {{inputTokens?: number, outputTokens?: number, costUsd?: number, estimated?: boolean}} usage
 */
export function sumsText({ inputTokens, outputTokens, costUsd, estimated }) {
  const parts = [
    inputTokens === undefined ? "" : `${formatNumber(inputTokens)} tokens in`,
    outputTokens === undefined ? "" : `${formatNumber(outputTokens)} tokens out`,
    formatCost(costUsd, estimated),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {{contextLevel: number | null, tokensUsed?: number, tokensLimit?: number}} context */
function contextText(context) {
  return `Context ${formatContext(context)}`;
}

function terminatedText({ exitCode, signal, reason }) {
  const how = signal
    ? ` by ${signal}`
    : exitCode === undefined || exitCode === null
      ? ""
      : ` with exit code ${exitCode}`;
  return `Process ended${how} · ${ENDINGS[reason] ?? reason}`;
}
