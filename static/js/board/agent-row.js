import "../../vendor/relative-time/relative-time.js";
import "../lib/agent-elements.js";
import { element } from "../lib/dom.js";
import { formatDuration } from "../lib/format.js";
import { isPinned, togglePin } from "../lib/pins.js";
import { OTHER_REASONS, attention, openRequests } from "../lib/status.js";
import { escapeBidi } from "../lib/visible.js";
import { RequestCards } from "../requests/cards.js";

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

  /** @param {any} agent of the workspace's state, with `workspaceName`, `silentFor` and `readonly` */
  show(agent) {
    if (agent === this.#agent) return;
    const before = this.#agent;
    this.#agent = agent;
    set(this.#name, agent.name);
    if (before && before.status !== agent.status) this.#flash();
    this.#draw();
  }

  /** @param {{at?: number, line?: string}} [activity] */
  showActivity(activity = {}) {
    this.#activity = activity;
    this.#drawActivity();
  }

  /** Draws what is left out of a row that is far from the visible part. */
  complete() {
    if (this.#parts) return;
    this.#parts = makeParts(this.id);
    const { status, line, gauge, changed, pin, asks, where, requests } = this.#parts;
    this.#names.append(asks, where);
    this.#link.append(status, line, gauge, changed);
    this.element.append(pin, requests.element);
    this.#draw();
  }

  resolve(resolution) {
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
    const { asks, where, status, gauge, requests } = this.#parts;
    const agent = this.#agent;
    asks.hidden = !openRequests(agent) || agent.readonly;
    if (this.#withWorkspace) set(where, agent.workspaceName);
    status.show({ status: agent.status, reason: reasonOf(agent) });
    gauge.show(agent);
    requests.readonly = agent.readonly;
    requests.reset(agent);
    this.showPin();
    this.#drawActivity();
  }

  #drawActivity() {
    if (!this.#parts || !this.#agent) return;
    const { at, line = "" } = this.#activity ?? {};
    const { changed } = this.#parts;
    const time = new Date(Math.max(at ?? 0, Date.parse(this.#agent.updatedAt))).toISOString();
    if (changed.getAttribute("datetime") !== time) changed.setAttribute("datetime", time);
    set(this.#parts.line, escapeBidi(line.slice(0, 240)));
  }

  #flash() {
    this.element.removeAttribute("data-fresh");
    requestAnimationFrame(() => this.element.setAttribute("data-fresh", ""));
  }
}

/** @typedef {ReturnType<typeof makeParts>} Parts */

function makeParts(id) {
  const pin = element("button", { type: "button", class: "agent-pin" });
  pin.addEventListener("click", () => togglePin(id));
  return {
    asks: element("span", { class: "agent-asks", hidden: true }, "Needs you"),
    where: element("span", { class: "agent-where" }),
    line: element("span", { class: "agent-line" }),
    status: element("agent-status"),
    gauge: element("context-gauge"),
    changed: element("relative-time", { tense: "past", "format-style": "narrow" }),
    pin,
    requests: new RequestCards(element("div", { class: "requests", hidden: true }), id),
  };
}

function reasonOf(agent) {
  if (agent.silentFor) return `silent for ${formatDuration(agent.silentFor / 1_000)}`;
  return attention(agent) === "turn" ? OTHER_REASONS.turn : agent.reason;
}

function set(node, text = "") {
  if (node.textContent !== text) node.textContent = node.title = text;
}
