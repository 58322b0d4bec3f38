import { formatClock, formatFullDay } from "../lib/format.js";
import { closingText, eventText, isProcessOutput } from "./event-text.js";

/** A message without end continues in a new entry, in characters. */
const MAX_LENGTH = 100_000;
/** Process output continues in a new entry much earlier, which looks the same and keeps each entry quick to draw. */
const MAX_PROCESS_LENGTH = 4_000;
/** Lines of a tool's output or changes that are shown while it is closed, with its own. */
const PREVIEW_LINES = 8;

/**
 * Consecutive events with the same key form one entry: the chunks of a message.
 * @param {{type: string, payload: any}} event
 * @returns {string | null} null for an event that stands alone
 */
export function joinKey({ type, payload }) {
  if (type !== "agent:output" || !payload.messageId) return null;
  return JSON.stringify([payload.messageId, payload.role, payload.kind, payload.toolCallId, payload.parentId]);
}

/** One item of the transcript: a message, a tool call, or something that happened. Knows nothing about how it is drawn. */
export class Entry {
  /** Set by `follow`: whether it is the first of its day, the first by its author, in the same second as the one before. */
  newDay = false;
  first = false;
  sameSecond = false;
  /** Whether the reader expanded it: it stays expanded when redrawn. */
  open = false;
  /** Whether the address points to it. */
  target = false;
  /** Whether rendering its Markdown took too long. */
  tooSlow = false;
  /** Of a status that has passed without anything being said. */
  hidden = false;
  /** Of a tool call: what came of it. @type {Entry | null} */
  result = null;
  /** Of a tool call: nothing will come of it any more. */
  over = false;
  /** The sub-agent that it started. @type {import("./thread.js").Thread | null} */
  thread = null;
  /** Of a request: how it ended. @type {any} */
  resolution = null;
  #key;
  #event;
  /** How a run, a turn or a session ended, in one line: several events. @type {any[]} */
  #endings = [];

  /**
   * @param {any} event
   * @param {{type?: string}} [as] "subagent": it only holds the place of a call that isn't known
   */
  constructor(event, { type } = {}) {
    this.#event = event;
    this.#key = joinKey(event);
    const time = new Date(event.timestamp);
    this.day = formatFullDay(time);
    this.clock = formatClock(time);
    const text = eventText(event);
    this.type = type ?? text.type;
    /** The kind of a note: "closing", "session" or "request". */
    this.variant = text.variant;
    this.text = text.text;
    this.author = text.author;
    this.status = text.status;
    if (this.variant === "closing") this.close(event);
    /** The id of the sub-agent that it belongs to. @type {string | undefined} */
    this.threadId = type === "subagent" ? undefined : (event.payload.parentId ?? undefined);
    this.processOutput = isProcessOutput(event);
    /** The seqs of its first and last event. */
    this.firstSeq = this.seq = event.seq;
    this.streaming = Boolean(event.payload.isStreaming);
    /** @type {import("./attachments.js").Attachment[]} */
    this.attachments = event.payload.attachments ?? [];
    this.isError = event.payload.isError;
    this.durationMs = event.payload.durationMs;
  }

  get eventType() {
    return this.#event.type;
  }

  get payload() {
    return this.#event.payload;
  }

  get timestamp() {
    return this.#event.timestamp;
  }

  get isMarkdown() {
    const { role, kind } = this.payload;
    const said = role === "assistant" || (role === "tool" && this.threadId !== undefined);
    return this.type === "output" && said && (kind ?? "text") === "text" && !this.processOutput;
  }

  /** Everything that a search looks at. */
  get words() {
    return this.result ? `${this.text}\n${this.result.text}` : this.text;
  }

  /** Whether the event `seq` is part of it. @param {number} seq */
  covers(seq) {
    return this.firstSeq <= seq && seq <= this.seq;
  }

  /** Adds an event that belongs to the same message; false if it doesn't. @param {any} event */
  extend(event) {
    if (this.#key === null || this.#key !== joinKey(event) || this.#full) return false;
    this.absorb(event);
    return true;
  }

  /** Adds an event to what it says. @param {any} event */
  absorb({ payload, seq }) {
    this.text += payload.content;
    this.processOutput ||= payload.content.includes("\x1b");
    this.attachments = [...this.attachments, ...(payload.attachments ?? [])];
    this.streaming = Boolean(payload.isStreaming);
    this.isError = payload.isError ?? this.isError;
    this.durationMs = payload.durationMs ?? this.durationMs;
    this.seq = seq;
  }

  /** Adds another ending of the same run or turn. @param {any} event */
  close(event) {
    this.#endings.push(event);
    Object.assign(this, closingText(this.#endings));
    this.seq = Math.max(this.seq ?? 0, event.seq);
  }

  /** Whether its end may not be the last word: a turn ended or paused, but not the run. */
  get isPause() {
    return this.#endings.every(({ payload }) => ["idle", "waiting"].includes(payload.status));
  }

  /** Merges the entry after it, if both are parts of one message or ending; false if they aren't. @param {Entry} next */
  merge(next) {
    if (this.variant === "closing" && next.variant === "closing" && !this.hidden) {
      next.#endings.forEach((event) => this.close(event));
      this.hidden = next.hidden;
      return true;
    }
    if (this.#key === null || this.#key !== next.#key || this.#full) return false;
    this.text += next.text;
    this.attachments = [...this.attachments, ...next.attachments];
    this.streaming = next.streaming;
    this.seq = next.seq;
    return true;
  }

  /** Compares it with the entry before it. @param {Entry | null} previous */
  follow(previous) {
    const sameDay = previous?.day === this.day;
    this.newDay = !sameDay && this.threadId === undefined;
    this.first = this.type !== "note" && !(previous && previous.group === this.group);
    this.sameSecond = sameDay && !this.first && previous.clock === this.clock;
  }

  /** Estimates its height in lines of `columns` characters. @param {number} columns */
  lines(columns) {
    if (this.hidden) return 0;
    if (this.type === "note" || this.type === "thinking") return 1.2;
    if (this.thread) return 1.5 + (this.thread.open ? 2 * this.thread.count : 0);
    if (this.type === "tool") return 1.5 + Math.min(PREVIEW_LINES, this.payload.changes ? PREVIEW_LINES : 2);
    const breaks = this.text.split("\n").length - (this.text.endsWith("\n") ? 1 : 0);
    return breaks + Math.floor(this.text.length / (columns * 2)) + (this.first ? 1.5 : 0);
  }

  /** Entries in a row with the same group share one heading. */
  get group() {
    if (this.type === "tool") return "tool";
    return JSON.stringify([this.type, this.author, this.processOutput ? null : this.payload.messageId]);
  }

  get #full() {
    return this.text.length > (this.processOutput && this.text.endsWith("\n") ? MAX_PROCESS_LENGTH : MAX_LENGTH);
  }
}
