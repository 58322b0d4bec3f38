import "../../vendor/relative-time/relative-time.js";
import "../lib/agent-elements.js";
import { announce } from "../lib/announce.js";
import { call } from "../lib/api.js";
import { element } from "../lib/dom.js";
import { formatDuration } from "../lib/format.js";
import { isPinned, togglePin } from "../lib/pins.js";
import { attention, openRequests } from "../lib/status.js";
import { escapeBidi } from "../lib/visible.js";
import { RequestCards } from "../requests/cards.js";
import { summaryOf } from "../requests/text.js";

/**
 * One agent in a list: its name, and once it is near the visible part also its status, context, last line, when that was, and what
 * it asks.
 */
export class AgentRow {
  #name = element("span", { class: "agent-name" });
  #names;
  #link;
  /** @type {Parts | null} */
  #parts = null;
  #agent;
  #activity;

  #withWorkspace;

  /**
   * @param {{id: string}} agent
   * @param {boolean} withWorkspace
   */
  constructor({ id }, withWorkspace) {
    this.id = id;
    this.#withWorkspace = withWorkspace;
    this.#names = element("span", { class: "agent-names" }, this.#name);
    this.#link = element("a", { href: `/a/${id}/` }, this.#names);
    this.element = element("li", { class: "agent-row", "data-agent": id }, this.#link);
    this.element.row = this;
  }

  /**
   * @param {any} agent of the workspace's state, with `workspaceName`, `silentFor` and `readonly`
   * @param {boolean} [inPlace] whether the row must keep its size, unless it is the one being worked on
   */
  show(agent, inPlace = false) {
    const still = inPlace && !this.element.matches(":hover, :focus-within");
    if (!inPlace) this.element.style.removeProperty("min-height");
    else if (agent !== this.#agent) this.#keepHeight();
    if (agent === this.#agent && !this.#late) return;
    const before = this.#agent;
    this.#agent = agent;
    this.#late = still;
    set(this.#name, agent.name);
    if (before && before.status !== agent.status) this.#flash();
    this.#draw();
  }

  /** Whether requests have come that the row has no room for yet. */
  #late = false;

  /** @param {{at?: number, line?: string}} [activity] */
  showActivity(activity = {}) {
    this.#activity = activity;
    this.#drawActivity();
  }

  /** Draws what is left out of a row that is far from the visible part. */
  complete() {
    if (this.#parts) return;
    this.#parts = this.#makeParts();
    const { status, line, gauge, changed, buttons, where, requests } = this.#parts;
    this.#names.append(where);
    this.#link.append(status, line, gauge, changed);
    this.element.append(buttons, requests.element);
    this.#draw();
  }

  resolve(resolution) {
    this.#keepHeight();
    this.#parts?.requests.resolve(resolution);
  }

  close() {
    this.#parts?.requests.close();
  }

  showPin() {
    if (!this.#parts) return;
    const { pin } = this.#parts;
    const pinned = isPinned(this.id);
    pin.setAttribute("aria-pressed", String(pinned));
    pin.setAttribute("aria-label", `Pin ${this.#agent?.name ?? ""}`);
    pin.title = pinned ? "Unpin" : "Pin, to watch it side by side with others";
    set(pin, pinned ? "★" : "☆");
  }

  #draw() {
    if (!this.#parts) return;
    const { where, status, gauge, requests, dismiss } = this.#parts;
    const agent = this.#agent;
    const reason = attention(agent);
    if (this.#withWorkspace) set(where, agent.workspaceName);
    status.show({ status: agent.status, reason: reasonOf(agent, reason) });
    gauge.show(agent);
    gauge.toggleAttribute("data-past", agent.status !== "running");
    dismiss.hidden = reason !== "error" && reason !== "lost";
    dismiss.setAttribute("aria-label", `Dismiss ${agent.name}`);
    requests.readonly = agent.readonly;
    if (!this.#late) requests.reset(agent);
    this.showPin();
    this.#drawActivity();
  }

  #drawActivity() {
    if (!this.#parts || !this.#agent) return;
    const { at, line = "" } = this.#activity ?? {};
    const { changed } = this.#parts;
    const time = new Date(Math.max(at ?? 0, Date.parse(this.#agent.updatedAt))).toISOString();
    if (changed.getAttribute("datetime") !== time) changed.setAttribute("datetime", time);
    const [asked] = this.#agent.requests ?? [];
    this.#parts.line.toggleAttribute("data-asks", Boolean(asked));
    set(this.#parts.line, asked ? summaryOf(asked) : escapeBidi(line.slice(0, 240)));
  }

  #flash() {
    this.element.removeAttribute("data-fresh");
    requestAnimationFrame(() => this.element.setAttribute("data-fresh", ""));
  }

  /** So that what shrinks in the row moves no other row. */
  #keepHeight() {
    if (!this.#parts || !openRequests(this.#agent ?? {})) return;
    this.element.style.minHeight = `${this.element.offsetHeight}px`;
  }

  async #dismiss() {
    const { id, statusSeq, name } = this.#agent;
    this.element.setAttribute("data-dismissed", "");
    try {
      await call("POST", `/agents/${id}/dismiss`, { seq: statusSeq });
      announce(`${name} dismissed.`);
    } catch (error) {
      announce(`Not dismissed. ${error.message}`);
    }
    this.element.removeAttribute("data-dismissed");
  }

  #makeParts() {
    const pin = element("button", { type: "button", class: "agent-pin" });
    pin.addEventListener("click", () => togglePin(this.id));
    const dismiss = element("button", { type: "button", class: "button quiet agent-dismiss", hidden: true }, "Dismiss");
    dismiss.addEventListener("click", () => this.#dismiss());
    return {
      where: element("span", { class: "agent-where" }),
      line: element("span", { class: "agent-line" }),
      status: element("agent-status"),
      gauge: element("context-gauge"),
      changed: element("relative-time", { tense: "past", "format-style": "narrow" }),
      pin,
      dismiss,
      buttons: element("span", { class: "agent-buttons" }, dismiss, pin),
      requests: new RequestCards(element("div", { class: "requests", hidden: true }), this.id),
    };
  }
}

/** @typedef {any} Parts */

const REASON_TEXT = { turn: "your turn", context: "context almost full" };

function reasonOf(agent, reason) {
  if (reason === "silent") return `no output for ${formatDuration(agent.silentFor / 1_000)}`;
  return REASON_TEXT[reason] ?? agent.reason;
}

function set(node, text = "") {
  if (node.textContent !== text) node.textContent = node.title = text;
}
