import "../../vendor/relative-time/relative-time.js";
import "../lib/agent-elements.js";
import { escapeBidi } from "../lib/ansi.js";
import { element } from "../lib/dom.js";
import { formatDuration } from "../lib/format.js";
import { isPinned, togglePin } from "../lib/pins.js";
import { OTHER_REASONS, attention } from "../lib/status.js";

/** One agent in a list: its name, status, context, last line and when that was. */
export class AgentRow {
  #name = element("span", { class: "agent-name" });
  #workspace = element("span", { class: "agent-where" });
  #line = element("span", { class: "agent-line" });
  #status = element("agent-status");
  #gauge = element("context-gauge");
  #changed = element("relative-time", { tense: "past", "format-style": "narrow" });
  #pin = element("button", { type: "button", class: "agent-pin" });
  #agent;
  #shown;

  /**
   * @param {{id: string}} agent
   * @param {boolean} withWorkspace
   */
  constructor({ id }, withWorkspace) {
    this.id = id;
    const names = element("span", { class: "agent-names" }, this.#name, ...(withWorkspace ? [this.#workspace] : []));
    const link = element("a", { href: `/a/${id}/` }, names, this.#status, this.#line, this.#gauge, this.#changed);
    this.#pin.addEventListener("click", () => togglePin(id));
    this.element = element("li", { class: "agent-row", "data-agent": id }, link, this.#pin);
    this.element.row = this;
  }

  show(agent) {
    const { name, workspaceName, status, contextLevel, tokensUsed, tokensLimit } = agent;
    const reason = reasonOf(agent);
    const shown = JSON.stringify([name, workspaceName, status, reason, contextLevel, tokensUsed, tokensLimit]);
    const before = this.#agent;
    this.#agent = agent;
    // Most agents have not changed since the last time, and comparing is much cheaper than drawing.
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (before && before.status !== status) this.#flash();
    set(this.#name, name);
    set(this.#workspace, workspaceName);
    this.#status.show({ status, reason });
    this.#gauge.show(agent);
    this.showPin();
  }

  /** @param {{at?: number, line?: string}} [activity] */
  showActivity({ at, line = "" } = {}) {
    const changed = new Date(Math.max(at ?? 0, Date.parse(this.#agent.updatedAt))).toISOString();
    if (this.#changed.getAttribute("datetime") !== changed) this.#changed.setAttribute("datetime", changed);
    set(this.#line, escapeBidi(line.slice(0, 240)));
  }

  showPin() {
    const pinned = isPinned(this.id);
    this.#pin.setAttribute("aria-pressed", String(pinned));
    this.#pin.setAttribute("aria-label", `Pin ${this.#agent?.name ?? ""}`);
    this.#pin.title = pinned ? "Unpin" : "Pin, to watch it side by side with others";
    set(this.#pin, pinned ? "★" : "☆");
  }

  #flash() {
    this.element.removeAttribute("data-fresh");
    requestAnimationFrame(() => this.element.setAttribute("data-fresh", ""));
  }
}

function reasonOf(agent) {
  if (agent.silentFor) return `silent for ${formatDuration(agent.silentFor / 1_000)}`;
  return attention(agent) === "turn" ? OTHER_REASONS.turn : agent.reason;
}

function set(node, text = "") {
  if (node.textContent !== text) node.textContent = node.title = text;
}
