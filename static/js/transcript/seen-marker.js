import { call } from "../lib/api.js";
import { inbox } from "../lib/inbox.js";

/** A running agent's output is marked now and then; what may need the user, soon. */
const WHILE_RUNNING_MS = 15_000;
const SOON_MS = 300;

/** Reports how far the user has seen an agent, while the transcript's end is in view. */
export class SeenMarker {
  #agentId;
  #inSight;
  #running = false;
  #seq = 0;
  #marked = 0;
  #timer;
  #dueAt = Infinity;
  #visibility = () => this.#plan();

  /**
   * @param {string} agentId
   * @param {() => boolean} inSight whether the end of the transcript is shown
   */
  constructor(agentId, inSight) {
    this.#agentId = agentId;
    this.#inSight = inSight;
    document.addEventListener("visibilitychange", this.#visibility);
  }

  /** The transcript now goes up to `seq`, and the agent has this status. @param {{seq: number, status?: string}} shown */
  show({ seq, status }) {
    this.#seq = Math.max(this.#seq, seq);
    if (status !== undefined) this.#running = status === "running";
    this.#plan();
  }

  /** What is in view may have changed. */
  moved() {
    this.#plan();
  }

  /** The agent's log has been reset. */
  reset() {
    this.#seq = this.#marked = 0;
  }

  close() {
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#visibility);
  }

  get #due() {
    return document.visibilityState === "visible" && this.#inSight() && this.#seq > this.#marked;
  }

  #plan() {
    if (!this.#due) return;
    const at = Date.now() + (this.#running ? WHILE_RUNNING_MS : SOON_MS);
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#mark(), at - Date.now());
  }

  async #mark() {
    this.#dueAt = Infinity;
    const seq = this.#seq;
    if (!this.#due) return;
    this.#marked = seq;
    if (inbox().seen(this.#agentId) >= seq && inbox().seen(this.#agentId) !== Infinity) return; // on another device
    await call("POST", `/agents/${this.#agentId}/seen`, { seq }).catch(() => (this.#marked = 0));
  }
}
