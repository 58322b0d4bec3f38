/** By the last change that was told, and how it looks: a status with the same shape. */
const STATES = {
  started: { text: "Running", status: "running" },
  ended: { text: "Done", status: "finished" },
  failed: { text: "Failed", status: "error" },
  stopped: { text: "Stopped", status: "offline" },
};
const COLORS = 4;
let made = 0;

/** One sub-agent: its state, its entries that are retained, and whether they are folded. */
export class Thread {
  name = "Sub-agent";
  description = "";
  color = made++ % COLORS;
  /** What the reader has chosen: open, or folded. @type {boolean | null} */
  chosen = null;
  /** Its entries, once they are shown somewhere. @type {import("./entry-list.js").EntryList | null} */
  list = null;
  /** Whether it is drawn open. */
  shown = false;
  #change = "";
  #changedAt = 0;

  /**
   * @param {string} id of the call that started it
   * @param {import("./entry.js").Entry} host the entry that it is shown in: that call, or one that holds its place
   */
  constructor(id, host) {
    this.id = id;
    this.move(host);
  }

  /** Shows it in another entry. @param {import("./entry.js").Entry} host */
  move(host) {
    if (this.host) this.host.thread = null;
    this.host = host;
    host.thread = this;
  }

  /** Folded by default once it has ended. */
  get open() {
    return this.chosen ?? !["ended", "failed", "stopped"].includes(this.#change);
  }

  get running() {
    return this.#change === "started";
  }

  get count() {
    return this.list?.length ?? 0;
  }

  /** How it is called and looks; undefined as long as nobody has said. @returns {{text: string, status: string} | undefined} */
  get state() {
    return STATES[this.#change];
  }

  /** Takes what an `agent:subagent` event says. @param {{seq: number, payload: any}} event */
  note({ seq, payload: { change, name, description } }) {
    if (description) this.description = description;
    if (seq < this.#changedAt) return;
    this.name = name;
    this.#change = change;
    this.#changedAt = seq;
  }

  /** Takes what is known of the same sub-agent from an earlier part of the log. @param {Thread} earlier */
  recall(earlier) {
    this.description ||= earlier.description;
    if (this.#changedAt > earlier.#changedAt) return;
    this.name = earlier.name;
    this.#change = earlier.#change;
    this.#changedAt = earlier.#changedAt;
  }

  /** The agent's process has ended, and with it whatever ran; true if it did. @param {number} seq */
  stop(seq) {
    if (!this.running || this.#changedAt >= seq) return false;
    this.#change = "stopped";
    return true;
  }
}
