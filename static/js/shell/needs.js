import { call } from "../lib/api.js";
import { connection } from "../lib/connection.js";
import { inbox } from "../lib/inbox.js";
import { shortcuts } from "../lib/shortcuts.js";
import { followWorkspaceList } from "../lib/workspace-list.js";

/** Changes after which an agent may need the user, or no longer. */
const MOVING = ["agent_status", "agent_request", "agent_request_resolved", "agent_added", "agent_removed"];
/** They come in bursts, and in a large fleet all the time. */
const GATHER_MS = 250;
const SHORTEST_PAUSE_MS = 3_000;
const RETRY_MS = 5_000;
const PREFIX = /^\(\d+\) /;
const NOTIFY_KEY = "agentstream.notify";

/** The agents that need the user, on every page: how many in the header and the tab, and which ones in the header's menu. */
export class Needs {
  /** @type {{count: number, agents: any[]}} */
  #found = { count: 0, agents: [] };
  #button = document.querySelector("[data-needs]");
  /** @type {HTMLLinkElement} */
  #icon = document.querySelector("link[rel=icon]");
  #plainIcon = this.#icon.getAttribute("href");
  /** Loaded when it is opened, or notifications are on. @type {import("./menu.js").Menu | null} */
  #menu = null;
  /** Follows the changes of each workspace, without its state. @type {Map<string, any>} */
  #followed = new Map();
  /** The ids of those whose first answer hasn't come. */
  #opening = new Set();
  #loadedAt = -Infinity;
  #timer;

  constructor() {
    followWorkspaceList((workspaces) => this.#follow(workspaces.map(({ id }) => id)));
    inbox().on("seen", () => this.#changed());
    // Pages set their titles themselves, at any time.
    new MutationObserver(() => this.#showTitle()).observe(document.querySelector("title"), { childList: true });
    document.getElementById("needs").addEventListener("beforetoggle", () => this.#loadMenu());
    shortcuts({ n: ["Go to the next agent that needs you", () => this.#next()] });
    if (localStorage.getItem(NOTIFY_KEY) === "on") this.#loadMenu();
  }

  /** @param {string[]} ids */
  #follow(ids) {
    for (const [id, subscription] of this.#followed) if (!ids.includes(id)) subscription.close();
    for (const id of ids) if (!this.#followed.has(id)) this.#subscribe(id);
    this.#changed();
  }

  #subscribe(id) {
    const subscription = connection().workspace(id, { state: false });
    subscription.on("updated", ({ change }) => MOVING.includes(change) && this.#changed());
    subscription.on("subscribed", () => {
      this.#opening.delete(id);
      this.#changed();
    });
    /** @type {any} */ (subscription).on("end", () => {
      this.#followed.delete(id);
      this.#opening.delete(id);
      this.#changed();
    });
    this.#followed.set(id, subscription);
    this.#opening.add(id);
  }

  /** Asks the server who needs the user: soon, once every change after its answer will be heard of. */
  #changed() {
    if (connection().state === "closed") return; // signed out
    if (this.#timer || this.#opening.size) return;
    const pause = this.#loadedAt + SHORTEST_PAUSE_MS - performance.now();
    this.#timer = setTimeout(() => this.#load(), this.#loadedAt < 0 ? 0 : Math.max(GATHER_MS, pause));
  }

  async #load() {
    this.#timer = undefined;
    if (connection().state === "closed") return;
    const began = (this.#loadedAt = performance.now());
    try {
      const found = await call("GET", "/needs");
      if (began === this.#loadedAt) this.#show(found); // else a later request has overtaken it
    } catch (error) {
      if (error.status !== 401) setTimeout(() => this.#changed(), RETRY_MS);
    }
  }

  #show(found) {
    const { count } = (this.#found = found);
    this.#button.toggleAttribute("data-urgent", count > 0);
    this.#button.querySelector("[data-needs-count]").textContent = String(count || "Nothing");
    this.#button.querySelector("[data-needs-words]").textContent = count > 1 ? " need you" : " needs you";
    const href = count ? this.#plainIcon.replace("mark.svg", "mark-urgent.svg") : this.#plainIcon;
    if (this.#icon.getAttribute("href") !== href) this.#icon.setAttribute("href", href);
    this.#showTitle();
    this.#menu?.show(found);
  }

  #showTitle() {
    const title = document.title.replace(PREFIX, "");
    const wanted = this.#found.count ? `(${this.#found.count}) ${title}` : title;
    if (document.title !== wanted) document.title = wanted;
  }

  async #loadMenu() {
    const { Menu } = await import("./menu.js");
    this.#menu ??= new Menu(NOTIFY_KEY);
    this.#menu.show(this.#found);
  }

  /** On a page with a list, its next row; elsewhere, the next agent's page. */
  #next() {
    const rows = [...document.querySelectorAll(":is([data-group=needs], [data-group=failed]) .agent-row > a")];
    if (rows.length) return focusAfter(rows, 1);
    const { agents } = this.#found;
    const here = agents.findIndex(({ agentId }) => location.pathname === `/a/${agentId}/`);
    const next = agents[(here + 1) % agents.length];
    if (next && next !== agents[here]) location.assign(`/a/${next.agentId}/`);
  }
}

/**
 * Moves the focus within a list, in a circle.
 * @param {Element[]} items
 * @param {number} by
 */
export function focusAfter(items, by) {
  const { activeElement } = document;
  const at = items.findIndex((item) => item === activeElement || item.parentElement.contains(activeElement));
  const next = at < 0 ? (by > 0 ? 0 : items.length - 1) : (at + by + items.length) % items.length;
  const item = /** @type {HTMLElement} */ (items[next]);
  item.focus();
  item.scrollIntoView({ block: "nearest" });
}
