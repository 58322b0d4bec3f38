import { clockTime, dayName } from "./clock.js";
import { element } from "./dom.js";
import { reasonWords, statusWord } from "./status.js";

/** One entry of a message that never ends would be one text node that never ends. */
const LONGEST = 100_000;

const KINDS = { thinking: "Thinking", tool_call: "Tool call", tool_result: "Tool result" };
const ROLES = { user: "User", system: "System", tool: "Tool" };
const ENDS = { completed: "completed", error: "failed", user_stopped: "stopped by a person", lost: "its runner was lost" };

/** Who is speaking. Output without a message id is a process writing lines. */
export function speaker({ role, kind, messageId, toolName }) {
  const who = KINDS[kind] ?? ROLES[role] ?? (messageId ? "Assistant" : "Output");
  return toolName ? `${who} · ${toolName}` : who;
}

/** How an event reads: a `text` said by `who`, or a `note` of what happened. */
const READINGS = {
  "agent:output": (payload) => ({ type: "output", who: speaker(payload), text: payload.content }),
  "agent:input": ({ content, from }) => ({ type: "input", who: `${from} wrote`, text: content }),
  "agent:error": ({ error }) => ({ type: "error", who: `Error · ${error.code}`, text: error.message }),
  "agent:status": ({ status, reason }) => ({ type: "note", status, text: [statusWord(status), reasonWords(reason)].filter(Boolean).join(" · ") }),
  "agent:context": (payload) => ({ type: "note", text: contextWords(payload) }),
  "agent:terminated": (payload) => ({ type: "note", text: endWords(payload) }),
};

function contextWords({ contextLevel, tokensUsed, tokensLimit }) {
  const amount = tokensUsed && tokensLimit ? `, ${tokensUsed.toLocaleString("en")} of ${tokensLimit.toLocaleString("en")} tokens` : "";
  return `Context ${contextLevel} %${amount}`;
}

function endWords({ exitCode, signal, reason }) {
  const how = signal ? ` by ${signal}` : exitCode === undefined || exitCode === null ? "" : ` with exit code ${exitCode}`;
  return `Process ended${how} · ${ENDS[reason] ?? reason}`;
}

/** What joins into one entry when it arrives in a row: the chunks of one message, and context levels, of which the last counts. */
export function joinKey({ type, payload }) {
  if (type === "agent:context") return type;
  if (type !== "agent:output" || !payload.messageId) return null;
  return JSON.stringify([payload.messageId, payload.role, payload.kind, payload.toolCallId]);
}

/** One block of the transcript. Agents' text goes into text nodes and nowhere else. */
export class Entry {
  #key;
  #event;
  #day;
  #clock;
  #reading;
  #text = document.createTextNode("");

  constructor(event) {
    this.#event = event;
    this.#key = joinKey(event);
    const when = new Date(event.timestamp);
    this.#day = dayName(when);
    this.#clock = clockTime(when);
    this.#reading = READINGS[event.type]?.(event.payload) ?? { type: "note", text: event.type };
    /** The seq of the last event in here. */
    this.seq = event.seq;
    this.#text.data = this.#reading.text;
    this.element = this.#build();
  }

  /** Takes in an event that belongs to the same message; false if it does not. */
  extend(event) {
    if (this.#key === null || this.#key !== joinKey(event) || this.#text.length > LONGEST) return false;
    if (event.type === "agent:context") this.#text.data = contextWords(event.payload);
    else this.#text.appendData(event.payload.content);
    this.seq = event.seq;
    return true;
  }

  /** Takes in the entry after it, whose beginning this is; false if it is not. */
  absorb(next) {
    if (this.#key === null || this.#key !== next.#key || this.#text.length > LONGEST) return false;
    this.#text.data = this.#event.type === "agent:context" ? next.#text.data : this.#text.data + next.#text.data;
    this.seq = next.seq;
    return true;
  }

  /** Leaves out what the entry before it already says: the day, the speaker, the second. */
  follow(previous) {
    const sameDay = previous?.#day === this.#day;
    this.element.querySelector(".day")?.remove();
    if (!sameDay) this.element.prepend(element("div", { class: "day" }, this.#day));
    const first = this.#reading.type !== "note" && !(previous && previous.#voice === this.#voice);
    this.element.toggleAttribute("data-first", first);
    const who = this.element.querySelector(".entry-who");
    if (who) who.hidden = !first;
    this.element.toggleAttribute("data-same-second", sameDay && !first && previous.#clock === this.#clock);
  }

  get #voice() {
    return JSON.stringify([this.#reading.type, this.#reading.who, this.#event.payload.messageId]);
  }

  #build() {
    const { type, status, who } = this.#reading;
    const { role, kind } = this.#event.payload;
    const clock = element("time", { class: "entry-time", datetime: this.#event.timestamp, title: this.#event.timestamp }, this.#clock);
    const attributes = { class: "entry", "data-type": type, "data-role": role, "data-kind": kind, "data-seq": this.#event.seq };
    return element("div", attributes, clock, type === "note" ? this.#note(status) : this.#speech(who));
  }

  #note(status) {
    const body = element("div", { class: "entry-body", "data-status": status });
    if (status) body.append(element("span", { class: "shape" }));
    body.append(element("span", {}, this.#text));
    return body;
  }

  #speech(who) {
    return element("div", { class: "entry-body" }, element("div", { class: "entry-who" }, who), element("pre", { class: "entry-text" }, this.#text));
  }
}
