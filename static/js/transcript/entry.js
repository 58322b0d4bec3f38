import { clockTime, dayName } from "../lib/format.js";
import { contextWords, printed, read } from "./event-text.js";

/** One entry of a message that never ends would be one text that never ends. */
const LONGEST = 100_000;
/** A process's lines go on in a new entry here, which nobody sees, and which keeps each quick to draw. */
const LONGEST_PRINTED = 4_000;

/** What joins into one entry when it arrives in a row: the chunks of one message, and context levels, of which the last counts. */
export function joinKey({ type, payload }) {
  if (type === "agent:context") return type;
  if (type !== "agent:output" || !payload.messageId) return null;
  return JSON.stringify([payload.messageId, payload.role, payload.kind, payload.toolCallId]);
}

/** One thing in the transcript: what was said in one message, or one thing that happened. Knows nothing of how it is drawn. */
export class Entry {
  /** Where it stands, set by `follow`: the first of its day, of its speaker, of its second. */
  newDay = false;
  first = false;
  sameSecond = false;
  /** What a reader has unfolded stays so when it is drawn again. */
  open = false;
  #key;
  #event;
  #when;

  constructor(event) {
    this.#event = event;
    this.#key = joinKey(event);
    this.#when = new Date(event.timestamp);
    this.day = dayName(this.#when);
    this.clock = clockTime(this.#when);
    this.reading = read(event);
    this.text = this.reading.text;
    this.printed = printed(event);
    /** The seqs of the first and the last event in here. */
    this.begin = this.seq = event.seq;
    this.streaming = Boolean(event.payload.isStreaming);
  }

  get payload() {
    return this.#event.payload;
  }

  get timestamp() {
    return this.#event.timestamp;
  }

  get folds() {
    return this.payload.kind === "tool_call" || this.payload.kind === "tool_result";
  }

  get markdown() {
    const { role, kind } = this.payload;
    return this.reading.type === "output" && role === "assistant" && (kind ?? "text") === "text" && !this.printed;
  }

  /** Takes in an event that belongs to the same message; false if it does not. */
  extend(event) {
    if (this.#key === null || this.#key !== joinKey(event) || this.#full) return false;
    if (event.type === "agent:context") this.text = contextWords(event.payload);
    else this.text += event.payload.content;
    this.printed ||= event.type === "agent:output" && event.payload.content.includes("\x1b");
    this.streaming = Boolean(event.payload.isStreaming);
    this.seq = event.seq;
    return true;
  }

  /** Takes in the entry after it, whose beginning this is; false if it is not. */
  absorb(next) {
    if (this.#key === null || this.#key !== next.#key || this.#full) return false;
    this.text = this.#event.type === "agent:context" ? next.text : this.text + next.text;
    this.streaming = next.streaming;
    this.seq = next.seq;
    return true;
  }

  /** Notes what the entry before it already says: the day, the speaker, the second. */
  follow(previous) {
    const sameDay = previous?.day === this.day;
    this.newDay = !sameDay;
    this.first = this.reading.type !== "note" && !(previous && previous.voice === this.voice);
    this.sameSecond = sameDay && !this.first && previous.clock === this.clock;
  }

  /** About how many lines of `columns` characters it takes. */
  lines(columns) {
    if (this.reading.type === "note" || (this.folds && !this.open)) return 1.2;
    const breaks = this.text.split("\n").length - (this.text.endsWith("\n") ? 1 : 0);
    return breaks + Math.floor(this.text.length / (columns * 2)) + (this.first ? 1.5 : 0);
  }

  get voice() {
    return JSON.stringify([this.reading.type, this.reading.who, this.printed ? null : this.payload.messageId]);
  }

  get #full() {
    return this.text.length > (this.printed && this.text.endsWith("\n") ? LONGEST_PRINTED : LONGEST);
  }
}
