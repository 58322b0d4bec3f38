import { formatClock, formatFullDay } from "../lib/format.js";
import { eventText, isProcessOutput, sumsText, usedBy } from "./event-text.js";

/** A message without end continues in a new entry, in characters. */
const MAX_LENGTH = 100_000;
/** Process output continues in a new entry much earlier, which looks the same and keeps each entry quick to draw. */
const MAX_PROCESS_LENGTH = 4_000;

/** Of consecutive ones, only the last counts. */
const REPLACED = new Set(["agent:context", "agent:plan", "agent:usage"]);

/**
 * Consecutive events with the same key form one entry: the chunks of a message, or events that replace the previous one.
 * @param {{type: string, payload: any}} event
 * @returns {string | null} null for an event that stands alone
 */
export function joinKey({ type, payload }) {
  if (REPLACED.has(type)) return type;
  if (type !== "agent:output" || !payload.messageId) return null;
  return JSON.stringify([payload.messageId, payload.role, payload.kind, payload.toolCallId, payload.parentId]);
}

/** One item of the transcript: a message, or something that happened. Knows nothing about how it is drawn. */
export class Entry {
  /** Set by `follow`: whether it is the first of its day, the first by its author, in the same second as the one before. */
  newDay = false;
  first = false;
  sameSecond = false;
  /** Set by `follow`: whether the one before belongs to another thread. */
  newThread = false;
  /** The sub-agent that it belongs to, once threads are shown. @type {import("./threads.js").Thread | null} */
  thread = null;
  /** Whether the reader expanded it: it stays expanded when redrawn. */
  open = false;
  /** Whether the address points to it. */
  target = false;
  /** Whether rendering its Markdown took too long. */
  tooSlow = false;
  /** What the session has used up to here, as text. */
  used = "";
  #key;
  #event;

  /** @param {any} event */
  constructor(event) {
    this.#event = event;
    this.#key = joinKey(event);
    const time = new Date(event.timestamp);
    this.day = formatFullDay(time);
    this.clock = formatClock(time);
    const { type, text, author, status } = eventText(event);
    this.type = type;
    this.text = text;
    this.author = author;
    this.status = status;
    this.processOutput = isProcessOutput(event);
    /** The seqs of its first and last event. */
    this.firstSeq = this.seq = event.seq;
    this.streaming = Boolean(event.payload.isStreaming);
    if (event.type === "agent:usage") this.used = sumsText(event.payload);
    /** @type {import("./attachments.js").Attachment[]} */
    this.attachments = event.payload.attachments ?? [];
  }

  get eventType() {
    return this.#event.type;
  }

  /** The id of the sub-agent's thread that it belongs to. @returns {string | undefined} */
  get threadId() {
    return this.payload.parentId ?? undefined;
  }

  /** Whether its thread's heading is above it. Of a folded thread only the first heading is shown. */
  get heading() {
    return this.newThread && this.thread !== null && (this.thread.open || this.thread.first === this);
  }

  /** Whether it isn't shown: its thread is folded, or the heading already says all. */
  get folded() {
    return this.thread !== null && (!this.thread.open || (this.heading && this.payload.change === "started"));
  }

  get payload() {
    return this.#event.payload;
  }

  get timestamp() {
    return this.#event.timestamp;
  }

  get collapsible() {
    return this.payload.kind === "tool_call" || this.payload.kind === "tool_result";
  }

  get isMarkdown() {
    const { role, kind } = this.payload;
    return this.type === "output" && role === "assistant" && (kind ?? "text") === "text" && !this.processOutput;
  }

  /** Adds an event that belongs to the same message; false if it doesn't. @param {any} event */
  extend(event) {
    if (this.#key === null || this.#key !== joinKey(event) || this.#full) return false;
    if (REPLACED.has(event.type)) this.#replace(event);
    else this.text += event.payload.content;
    this.processOutput ||= event.type === "agent:output" && event.payload.content.includes("\x1b");
    this.attachments = [...this.attachments, ...(event.payload.attachments ?? [])];
    this.streaming = Boolean(event.payload.isStreaming);
    this.seq = event.seq;
    return true;
  }

  /** Merges the entry after it, if both are parts of one message; false if they aren't. @param {Entry} next */
  merge(next) {
    if (this.#key === null || this.#key !== next.#key || this.#full) return false;
    this.text = REPLACED.has(this.#event.type) ? next.text : this.text + next.text;
    if (this.#event.type === "agent:usage") this.used = next.used;
    this.attachments = [...this.attachments, ...next.attachments];
    this.streaming = next.streaming;
    this.seq = next.seq;
    return true;
  }

  /** Compares it with the entry before it. @param {Entry | null} previous */
  follow(previous) {
    const sameDay = previous?.day === this.day;
    this.newDay = !sameDay;
    this.newThread = this.threadId !== undefined && previous?.threadId !== this.threadId;
    this.first = this.type !== "note" && !(previous && previous.group === this.group);
    this.sameSecond = sameDay && !this.first && previous.clock === this.clock;
    this.#count(previous?.used ?? "");
  }

  /** Its event is replaced by a later one. */
  #replace(event) {
    this.text = eventText(event).text;
    if (event.type === "agent:usage") this.used = sumsText(event.payload);
  }

  /** @param {string} used what the session had used before this */
  #count(used) {
    const by = usedBy(this.#event);
    if (by && used) this.text = `${eventText(this.#event).text} · ${by} ${used}`;
    else if (!by && this.#event.type !== "agent:usage") this.used = used;
  }

  /** Estimates its height in lines of `columns` characters. @param {number} columns */
  lines(columns) {
    if (this.folded) return this.heading ? 1.5 : 0;
    if (this.type === "note" || (this.collapsible && !this.open)) return 1.2;
    const breaks = this.text.split("\n").length - (this.text.endsWith("\n") ? 1 : 0);
    return breaks + Math.floor(this.text.length / (columns * 2)) + (this.first ? 1.5 : 0);
  }

  /** Entries in a row with the same group share one heading. */
  get group() {
    return JSON.stringify([this.type, this.author, this.threadId, this.processOutput ? null : this.payload.messageId]);
  }

  get #full() {
    return this.text.length > (this.processOutput && this.text.endsWith("\n") ? MAX_PROCESS_LENGTH : MAX_LENGTH);
  }
}
