import { reasonText, statusText } from "../lib/status.js";
import { KINDS as ASKED, outcomeText } from "../requests/text.js";

const KINDS = { thinking: "Thinking", tool_call: "Tool call", tool_result: "Tool result" };
const ROLES = { user: "User", system: "System", tool: "Tool" };
const SESSIONS = {
  started: "Session started",
  resumed: "Session resumed",
  cleared: "Session cleared",
  compacted: "Context compacted",
  ended: "Session ended",
};
const SIGNALS = { interrupt: "sent an interrupt", stop: "asked the agent to stop" };
const TYPES = { thinking: "thinking", tool_call: "tool", tool_result: "result" };

/** @typedef {"output" | "thinking" | "tool" | "result" | "input" | "error" | "note"} EntryType */
/** @typedef {{type: EntryType, text: string, author?: string, status?: string, variant?: "closing" | "session" | "request"}} EventText */

/** @type {Record<string, (payload: any) => EventText>} */
const TEXTS = {
  "agent:output": (payload) => ({
    type: TYPES[payload.kind] ?? "output",
    author: outputAuthor(payload),
    text: payload.content,
  }),
  "agent:input": ({ content, from }) => ({ type: "input", author: `${from} wrote`, text: content }),
  "agent:signal": ({ signal, from }) => ({ type: "note", text: `${from} ${SIGNALS[signal] ?? `sent ${signal}`}` }),
  "agent:error": ({ error }) => ({ type: "error", author: `Error · ${error.code}`, text: error.message }),
  "agent:status": () => ({ type: "note", variant: "closing", text: "" }),
  "agent:terminated": () => ({ type: "note", variant: "closing", text: "" }),
  "agent:session": ({ change, title }) => ({
    type: "note",
    variant: change === "ended" ? "closing" : change === "compacted" ? undefined : "session",
    text: [SESSIONS[change] ?? change, title].filter(Boolean).join(" · "),
  }),
  "agent:subagent": ({ name }) => ({ type: "note", text: name }),
  "agent:request": ({ kind, title }) => ({
    type: "note",
    variant: "request",
    text: `${ASKED[kind] ?? kind} · ${title}`,
  }),
  "agent:request_resolved": (payload) => ({ type: "note", text: outcomeText({ options: [] }, payload) }),
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

/** What a sub-agent is told comes from the agent that started it, not from a person. */
function outputAuthor(payload) {
  const { role, kind, toolName, parentId } = payload;
  if (parentId !== undefined && role === "user") return "Prompt";
  if (parentId !== undefined && role === "tool" && (kind ?? "text") === "text") return "Sub-agent";
  const own = isProcessOutput({ type: "agent:output", payload }) ? "Output" : "Assistant";
  const author = KINDS[kind] ?? ROLES[role] ?? own;
  return toolName ? `${author} · ${toolName}` : author;
}

/**
 * How a turn, a session or a run ended: one line for all events that say so.
 * @param {{type: string, payload: any}[]} events
 */
export function closingText(events) {
  const last = (type) => events.findLast((event) => event.type === type)?.payload;
  const exit = last("agent:terminated");
  const told = last("agent:status");
  const status = exit && !FINAL.has(told?.status) ? STATUS_AFTER[exit.reason] : told?.status;
  if (!status) return { status: "finished", text: "Session ended" };
  const why = reasonText(exit ? REASON_AFTER[exit.reason] : told?.reason);
  const what = why.startsWith("for ") ? [`${statusText(status)} ${why}`] : [statusText(status), why];
  return { status, text: [...what, exit && exitText(exit)].filter(Boolean).join(" · ") };
}

const FINAL = new Set(["finished", "error", "offline"]);
const STATUS_AFTER = { completed: "finished", error: "error", user_stopped: "finished", lost: "offline" };
const REASON_AFTER = { user_stopped: "user_stopped", lost: "lost" };

/** "exited with code 1"; nothing if only its end is known. */
function exitText({ exitCode, signal }) {
  if (signal) return `ended by ${signal}`;
  return typeof exitCode === "number" ? `exited with code ${exitCode}` : "";
}

/**
 * A request, with how it ended once that is known.
 * @param {any} request
 * @param {any} resolution
 */
export function requestText(request, resolution) {
  const asked = `${ASKED[request.kind] ?? request.kind} · ${request.title}`;
  return resolution ? `${asked} · ${outcomeText({ options: [], ...request }, resolution)}` : asked;
}
