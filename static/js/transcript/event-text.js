import { reasonWords, statusWord } from "../lib/status.js";

const KINDS = { thinking: "Thinking", tool_call: "Tool call", tool_result: "Tool result" };
const ROLES = { user: "User", system: "System", tool: "Tool" };
const ENDS = { completed: "completed", error: "failed", user_stopped: "stopped by a person", lost: "its runner was lost" };
const SIGNALS = { interrupt: "interrupted it", stop: "asked it to stop" };

/** How an event reads: a `text` said by `who`, or a `note` of what happened. */
const READINGS = {
  "agent:output": (payload) => ({ type: "output", who: speaker(payload), text: payload.content }),
  "agent:input": ({ content, from }) => ({ type: "input", who: `${from} wrote`, text: content }),
  "agent:signal": ({ signal, from }) => ({ type: "note", text: `${from} ${SIGNALS[signal] ?? `sent ${signal}`}` }),
  "agent:error": ({ error }) => ({ type: "error", who: `Error · ${error.code}`, text: error.message }),
  "agent:status": ({ status, reason }) => ({ type: "note", status, text: [statusWord(status), reasonWords(reason)].filter(Boolean).join(" · ") }),
  "agent:context": (payload) => ({ type: "note", text: contextWords(payload) }),
  "agent:terminated": (payload) => ({ type: "note", text: endWords(payload) }),
};

export function read(event) {
  return READINGS[event.type]?.(event.payload) ?? { type: "note", text: event.type };
}

/** Marks that a process hardly ever prints. */
const MARKED = /^```|\*\*\S/m;

/**
 * What a process printed, as against what an assistant wrote in Markdown. Runners pass lines on whole, so a first piece
 * that ends with one is a process's; nobody who writes Markdown speaks in escape sequences.
 */
export function printed({ type, payload: { content, role, kind, messageId, isStreaming } }) {
  if (type !== "agent:output" || (kind ?? "text") !== "text") return false;
  if (!messageId || content.includes("\x1b")) return true;
  return ["assistant", "system"].includes(role) && !isStreaming && content.endsWith("\n") && !MARKED.test(content);
}

/** Who is speaking. */
function speaker(payload) {
  const { role, kind, toolName } = payload;
  const own = printed({ type: "agent:output", payload }) ? "Output" : "Assistant";
  const who = KINDS[kind] ?? ROLES[role] ?? own;
  return toolName ? `${who} · ${toolName}` : who;
}

export function contextWords({ contextLevel, tokensUsed, tokensLimit }) {
  const amount = tokensUsed && tokensLimit ? `, ${tokensUsed.toLocaleString("en")} of ${tokensLimit.toLocaleString("en")} tokens` : "";
  return `Context ${contextLevel} %${amount}`;
}

function endWords({ exitCode, signal, reason }) {
  const how = signal ? ` by ${signal}` : exitCode === undefined || exitCode === null ? "" : ` with exit code ${exitCode}`;
  return `Process ended${how} · ${ENDS[reason] ?? reason}`;
}
