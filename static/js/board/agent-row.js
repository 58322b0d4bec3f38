import "../lib/agent-status.js";
import "../lib/agent-elements.js";
import "../lib/time-ago.js";
import { element } from "../lib/dom.js";
import { isPinned, togglePin } from "../lib/pins.js";
import { harmless } from "../lib/ansi.js";
import { ago } from "../lib/time-ago.js";

/** One agent in a list: what it is called, what it does, what it said last and when. */
export class AgentRow {
  #name = element("span", { class: "agent-name" });
  #where = element("span", { class: "agent-where" });
  #line = element("span", { class: "agent-line" });
  #status = element("agent-status");
  #gauge = element("context-gauge");
  #changed = element("time-ago");
  #pin = element("button", { type: "button", class: "agent-pin" });
  #agent;
  #shown;

  constructor({ id }, withWorkspace) {
    this.id = id;
    const names = element("span", { class: "agent-names" }, this.#name, ...(withWorkspace ? [this.#where] : []));
    const link = element("a", { href: `/a/${id}/` }, names, this.#status, this.#line, this.#gauge, this.#changed);
    this.#pin.addEventListener("click", () => togglePin(id));
    this.element = element("li", { class: "agent-row", "data-agent": id }, link, this.#pin);
    this.element.row = this;
  }

  show(agent) {
    const { name, workspaceName, status, contextLevel, tokensUsed, tokensLimit } = agent;
    const reason = agent.silentFor ? `silent ${ago(agent.silentFor).replace(" ago", "")}` : agent.reason;
    const shown = JSON.stringify([name, workspaceName, status, reason, contextLevel, tokensUsed, tokensLimit]);
    const before = this.#agent;
    this.#agent = agent;
    // Most agents have not changed since the last time; to find that out is much cheaper than to draw them.
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (before && before.status !== status) this.#flash();
    set(this.#name, name);
    set(this.#where, workspaceName);
    this.#status.show({ status, reason });
    this.#gauge.show(agent);
    this.showPin();
  }

  showPulse({ at, line = "" } = {}) {
    const changed = new Date(Math.max(at ?? 0, Date.parse(this.#agent.updatedAt))).toISOString();
    if (this.#changed.getAttribute("datetime") !== changed) this.#changed.setAttribute("datetime", changed);
    set(this.#line, harmless(line.slice(0, 240)));
  }

  showPin() {
    const pinned = isPinned(this.id);
    this.#pin.setAttribute("aria-pressed", pinned);
    this.#pin.setAttribute("aria-label", `Pin ${this.#agent?.name ?? ""}`);
    this.#pin.title = pinned ? "Pinned: seen with others side by side" : "Pin, to see it side by side with others";
    set(this.#pin, pinned ? "★" : "☆");
  }

  #flash() {
    this.element.removeAttribute("data-fresh");
    requestAnimationFrame(() => this.element.setAttribute("data-fresh", ""));
  }
}

function set(node, text = "") {
  if (node.textContent !== text) node.textContent = node.title = text;
}
