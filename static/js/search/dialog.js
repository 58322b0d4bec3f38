import { call } from "../lib/api.js";
import { showDialog } from "../lib/dialog.js";
import { element } from "../lib/dom.js";
import { commands, matching } from "./commands.js";
import { agentItem, commandItem, resultItem } from "./result.js";

const DELAY_MS = 200;
/** Commands among the results of a search; without words, more of them. */
const MAX_MATCHING = 5;
const MAX_OFFERED = 12;

/** Searches all agents that the user may see, and offers pages and actions. */
export class SearchDialog {
  #field = element("input", {
    type: "search",
    class: "search-field",
    placeholder: "Search agents and what they said, or go to…",
    "aria-label": "Search everywhere",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
  });
  #note = element("p", { class: "muted", role: "status" });
  #list = element("ul", { class: "search-results" });
  #more = element("button", { type: "button", class: "button quiet", hidden: true }, "Show more");
  #requests = 0;
  #timer;
  /** @type {import("./commands.js").Command[]} */
  #commands = [];

  open() {
    this.#field.addEventListener("input", () => this.#soon());
    this.#more.addEventListener("click", () => this.#search(this.#more.dataset.cursor));
    const dialog = element("div", { class: "search" }, this.#field, this.#note, this.#list, this.#more);
    dialog.addEventListener("keydown", (event) => this.#key(event));
    const close = element("form", { method: "dialog" }, element("button", { class: "visually-hidden" }, "Close"));
    // A link within the page changes only the address's hash: the page stays, and the dialog must go.
    this.#list.addEventListener("click", ({ target }) => target.closest("a, button") && close.requestSubmit());
    void showDialog("Search everywhere", dialog, close);
    this.#field.focus();
    this.#loadCommands();
  }

  /** What is shown always belongs to what is typed, because Enter opens the first of it. */
  #soon() {
    clearTimeout(this.#timer);
    this.#requests++;
    this.#show({ agents: [], results: [], next: null }, "", this.#field.value.trim() ? "Searching…" : "");
    this.#timer = setTimeout(() => this.#search(), DELAY_MS);
  }

  async #loadCommands() {
    this.#commands = await commands();
    this.#soon();
  }

  async #search(cursor = "") {
    const request = ++this.#requests;
    const words = this.#field.value.trim();
    if (!words) return this.#show({ agents: [], results: [], next: null }, "", "");
    try {
      const query = new URLSearchParams({ q: asPrefix(words), ...(cursor && { cursor }) });
      const found = await call("GET", `/search?${query}`);
      if (request === this.#requests) this.#show(found, cursor, "Nothing found.");
    } catch (error) {
      if (request === this.#requests) this.#show({ agents: [], results: [], next: null }, "", error.message);
    }
  }

  #show({ agents, results, next }, cursor, nothing) {
    const items = [...agents.map(agentItem), ...results.map(resultItem)];
    if (!cursor) items.unshift(...this.#offered().map(commandItem));
    if (cursor) this.#list.append(...items);
    else this.#list.replaceChildren(...items);
    this.#note.textContent = this.#list.children.length ? "" : nothing;
    this.#more.hidden = next === null;
    this.#more.dataset.cursor = next ?? "";
  }

  #offered() {
    const words = this.#field.value.trim();
    return words ? matching(this.#commands, words).slice(0, MAX_MATCHING) : this.#commands.slice(0, MAX_OFFERED);
  }

  /** The arrow keys move through the results; Enter in the field opens the first one. */
  #key(event) {
    const links = [...this.#list.querySelectorAll("a, button")];
    const at = links.indexOf(/** @type {any} */ (document.activeElement));
    if (event.key === "ArrowDown") (links[at + 1] ?? links[at])?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? this.#field).focus();
    else if (event.key === "Enter" && at < 0 && !event.isComposing) links[0]?.click();
    else return;
    event.preventDefault();
  }
}

/** The last word may be incomplete, so it is searched as a prefix. */
function asPrefix(words) {
  return /[\p{L}\p{N}]{2}$/u.test(words) ? `${words}*` : words;
}
