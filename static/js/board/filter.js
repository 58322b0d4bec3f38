import { element } from "../lib/dom.js";
import { STATUSES, attention, statusWord } from "../lib/status.js";

/** Which agents are shown: words in their name (or workspace, where there are several), and statuses. The address holds both. */
export class Filter {
  #field;
  #chips;
  #nothing;
  #statuses;
  #onchange;
  #withWorkspace;

  constructor(root, withWorkspace, onchange) {
    this.#withWorkspace = withWorkspace;
    this.#field = root.querySelector("[data-filter-words]");
    this.#chips = root.querySelector("[data-filter-statuses]");
    this.#nothing = root.querySelector("[data-filter-nothing]");
    this.#onchange = onchange;
    const given = new URLSearchParams(location.search);
    this.#field.value = given.get("q") ?? "";
    this.#statuses = new Set((given.get("status") ?? "").split(",").filter(Boolean));
    this.#field.addEventListener("input", () => this.#changed());
    this.#chips.addEventListener("click", ({ target }) => this.#toggle(target.closest("button")?.dataset.status));
    root.querySelector("[data-filter-reset]").addEventListener("click", () => this.#reset());
  }

  focus() {
    this.#field.focus();
  }

  passes(agent) {
    const words = this.#field.value.trim().toLowerCase().split(/\s+/);
    const text = `${agent.name} ${this.#withWorkspace ? agent.workspaceName : ""}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (!this.#statuses.size || kinds(agent).some((kind) => this.#statuses.has(kind)));
  }

  /** One chip for each status that somebody has, with how many. */
  draw(agents, shown) {
    const counts = new Map([...Object.keys(STATUSES), "context", "silent"].map((status) => [status, 0]));
    for (const kind of agents.flatMap(kinds)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const status of this.#statuses) if (!counts.has(status)) counts.set(status, 0);
    const wanted = [...counts].filter(([status, count]) => count || this.#statuses.has(status));
    const key = JSON.stringify([wanted, [...this.#statuses]]);
    this.#nothing.hidden = shown > 0 || !agents.length;
    if (key === this.#chips.dataset.key) return;
    this.#chips.dataset.key = key;
    const focused = this.#chips.querySelector(":focus")?.dataset.status;
    this.#chips.replaceChildren(...wanted.map(([status, count]) => this.#chip(status, count)));
    this.#chips.querySelector(`[data-status="${focused}"]`)?.focus();
  }

  #chip(status, count) {
    const words = `${count} ${WORDS[status] ?? statusWord(status).toLowerCase()}`;
    const pressed = String(this.#statuses.has(status));
    const urgent = STATUSES[status]?.attention || status in WORDS;
    return element("button", { type: "button", "data-status": status, "data-urgent": urgent, "aria-pressed": pressed }, element("span", { class: "shape" }), words);
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
    const address = new URL(location);
    put(address, "q", this.#field.value.trim());
    put(address, "status", [...this.#statuses].join(","));
    history.replaceState(null, "", address);
    this.#onchange();
  }
}

const WORDS = { context: "nearly out of context", silent: "silent" };

/** An agent counts under its status, and under what else wants attention. */
function kinds(agent) {
  const what = attention(agent);
  return what && what !== agent.status ? [agent.status, what] : [agent.status];
}

function put(address, name, value) {
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
}
