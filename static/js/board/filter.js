import { element } from "../lib/dom.js";
import { STATUSES, attention, reasonName } from "../lib/status.js";

/** What one may look for beside a status; the groups of the list tell the rest. */
const FLAGS = ["context", "silent"];

/** Which agents are shown: by words in their name (or their workspace's, if there are several) and by status. The page's address stores both. */
export class Filter {
  #field;
  #chips;
  #noMatch;
  #statuses;
  #onchange;
  #withWorkspace;

  /**
   * @param {HTMLElement} root
   * @param {boolean} withWorkspace
   * @param {() => void} onchange
   */
  constructor(root, withWorkspace, onchange) {
    this.#withWorkspace = withWorkspace;
    this.#field = root.querySelector("[data-filter-words]");
    this.#chips = root.querySelector("[data-filter-statuses]");
    this.#noMatch = root.querySelector("[data-filter-nothing]");
    this.#onchange = onchange;
    const query = new URLSearchParams(location.search);
    this.#field.value = query.get("q") ?? "";
    this.#statuses = new Set((query.get("status") ?? "").split(",").filter(Boolean));
    this.#field.addEventListener("input", () => this.#changed());
    this.#chips.addEventListener("click", ({ target }) => this.#toggle(target.closest("button")?.dataset.status));
    root.querySelector("[data-filter-reset]").addEventListener("click", () => this.#reset());
  }

  passes(agent) {
    const words = this.#field.value.trim().toLowerCase().split(/\s+/);
    const text = `${agent.name} ${this.#withWorkspace ? agent.workspaceName : ""}`.toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      (!this.#statuses.size || kinds(agent).some((kind) => this.#statuses.has(kind)))
    );
  }

  /**
   * Draws a chip for each status that occurs, with the number of its agents.
   * @param {any[]} agents
   * @param {number} shown
   */
  draw(agents, shown) {
    const counts = new Map([...Object.keys(STATUSES), ...FLAGS].map((status) => [status, 0]));
    for (const kind of agents.flatMap(kinds)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const status of this.#statuses) if (!counts.has(status)) counts.set(status, 0);
    const wanted = [...counts].filter(([status, count]) => count || this.#statuses.has(status));
    const key = JSON.stringify([wanted, [...this.#statuses]]);
    this.#noMatch.hidden = shown > 0 || !agents.length;
    if (key === this.#chips.dataset.key) return;
    this.#chips.dataset.key = key;
    const focused = this.#chips.querySelector(":focus")?.dataset.status;
    this.#chips.replaceChildren(...wanted.map(([status, count]) => this.#chip(status, count)));
    this.#chips.querySelector(`[data-status="${focused}"]`)?.focus();
  }

  #chip(status, count) {
    const text = `${count} ${reasonName(status)}`;
    const pressed = String(this.#statuses.has(status));
    const urgent = STATUSES[status]?.attention || FLAGS.includes(status);
    return element(
      "button",
      { type: "button", "data-status": status, "data-urgent": urgent, "aria-pressed": pressed },
      element("span", { class: "shape" }),
      text,
    );
  }

  #toggle(status) {
    if (!status) return;
    if (!this.#statuses.delete(status)) this.#statuses.add(status);
    this.#changed();
  }

  #reset() {
    this.#field.value = "";
    this.#statuses.clear();
    this.#changed();
    this.#field.focus();
  }

  #changed() {
    const address = new URL(location.href);
    put(address, "q", this.#field.value.trim());
    put(address, "status", [...this.#statuses].join(","));
    history.replaceState(null, "", address);
    this.#onchange();
  }
}

/** An agent counts under its status, and under any other reason to look at it. */
function kinds(agent) {
  const reason = attention(agent);
  return FLAGS.includes(reason) ? [agent.status, reason] : [agent.status];
}

function put(address, name, value) {
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
}
