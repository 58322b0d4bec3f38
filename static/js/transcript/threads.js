import { element } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { visible } from "../lib/visible.js";

/** By the last change that was told, and how it looks: a status with the same shape. */
const STATES = {
  started: { text: "Running", status: "running" },
  ended: { text: "Done", status: "finished" },
  failed: { text: "Failed", status: "error" },
  stopped: { text: "Stopped", status: "offline" },
};
const COLORS = 4;

/** One sub-agent: its entries that are retained, its state, and whether it is folded. */
export class Thread {
  name = "Sub-agent";
  description = "";
  /** @type {import("./entry.js").Entry | undefined} */
  first;
  count = 0;
  /** What the reader has chosen: open, or folded. @type {boolean | null} */
  chosen = null;
  #change = "";
  #changedAt = 0;
  #shown = { open: undefined, first: undefined };
  #headings = new Map(); // the entries they are above, by element
  #ontoggle;

  /** @param {number} color @param {(thread: Thread, heading: HTMLElement) => void} ontoggle */
  constructor(color, ontoggle) {
    this.color = color % COLORS;
    this.#ontoggle = ontoggle;
  }

  /** Folded by default once it has ended. */
  get open() {
    return this.chosen ?? !["ended", "failed", "stopped"].includes(this.#change);
  }

  get running() {
    return this.#change === "started";
  }

  /** @param {import("./entry.js").Entry} entry */
  add(entry) {
    entry.thread = this;
    this.first ??= entry;
    if (entry.eventType === "agent:subagent") this.#note(entry);
    else this.count++;
  }

  /** Forgets its entries. */
  clear() {
    this.first = undefined;
    this.count = 0;
  }

  /** The agent's process has ended, and with it whatever ran. @param {number} seq */
  stop(seq) {
    if (this.running && this.#changedAt < seq) this.#change = "stopped";
  }

  /** A button above an entry that folds and unfolds the thread. @param {import("./entry.js").Entry} entry */
  heading(entry) {
    const heading = element("button", { type: "button", class: "thread-head" });
    heading.addEventListener("click", () => this.#ontoggle(this, heading));
    this.#fill(heading, entry);
    this.#headings.set(heading, entry);
    return heading;
  }

  /** Whether it has been shown open and no longer is. */
  get closing() {
    return this.#shown.open && !this.open;
  }

  /** Brings its headings up to date; true if other entries have to be folded or unfolded than were before. */
  show() {
    for (const [heading, entry] of this.#headings) {
      if (heading.isConnected) this.#fill(heading, entry);
      else this.#headings.delete(heading);
    }
    const before = this.#shown;
    this.#shown = { open: this.open, first: this.first };
    return before.open !== undefined && (before.open !== this.open || before.first !== this.first);
  }

  #fill(heading, entry) {
    const { text, status } = STATES[this.#change] ?? {};
    const isFirst = entry === this.first;
    const parts = [element("span", { class: "thread-name" }, visible(this.name))];
    if (isFirst && this.description) parts.push(element("span", { class: "thread-about" }, visible(this.description)));
    if (text) {
      parts.push(
        element("span", { class: "thread-state", "data-status": status }, element("span", { class: "shape" }), text),
      );
    }
    parts.push(
      element("span", { class: "thread-count" }, isFirst ? plural(this.count, "entry", "entries") : "continued"),
    );
    heading.setAttribute("aria-expanded", String(this.open));
    // Spaces, so that a screen reader doesn't run the words together.
    heading.replaceChildren(...parts.flatMap((part) => [part, " "]));
  }

  #note({ seq, payload: { change, name, description } }) {
    if (description) this.description = description;
    if (seq < this.#changedAt) return;
    this.name = name;
    this.#change = change;
    this.#changedAt = seq;
  }
}

/** The sub-agents of a transcript, by the id of the call that started each. */
export class Threads {
  /** @type {Map<string, Thread>} */
  #threads = new Map();
  #stoppedAt = 0;
  #made = 0;
  #ontoggle;

  /** @param {(thread: Thread, heading: HTMLElement) => void} ontoggle */
  constructor(ontoggle) {
    this.#ontoggle = ontoggle;
  }

  /**
   * Adds entries at the end.
   * @param {Iterable<import("./entry.js").Entry>} entries
   * @returns {Set<Thread>} those that have changed
   */
  append(entries) {
    const changed = new Set();
    for (const entry of entries) {
      if (entry.threadId !== undefined) {
        const thread = this.#threadOf(entry.threadId);
        thread.add(entry);
        changed.add(thread);
      }
      if (entry.eventType === "agent:terminated") this.#stoppedAt = Math.max(this.#stoppedAt, entry.seq);
    }
    if (this.#stoppedAt) {
      for (const thread of this.#threads.values()) {
        if (!thread.running) continue;
        thread.stop(this.#stoppedAt);
        if (!thread.running) changed.add(thread);
      }
    }
    return changed;
  }

  /**
   * Takes all entries anew, because some at the start have come or gone.
   * @param {Iterable<import("./entry.js").Entry>} entries
   * @returns {Set<Thread>} those that may have changed
   */
  reset(entries) {
    for (const thread of this.#threads.values()) thread.clear();
    const changed = this.append(entries);
    for (const [id, thread] of this.#threads) if (!thread.first && !thread.running) this.#threads.delete(id);
    return changed;
  }

  #threadOf(id) {
    const known = this.#threads.get(id) ?? new Thread(this.#made++, this.#ontoggle);
    this.#threads.set(id, known);
    return known;
  }
}
