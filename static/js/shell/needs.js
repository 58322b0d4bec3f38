import { Poller } from "../lib/poller.js";
import { shortcuts } from "../lib/shortcuts.js";

/** Pages that follow streams report changes; they come in bursts. */
const GATHER_MS = 250;
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
  #poller = new Poller("/needs", (found) => this.#show(found), { hidden: notifying });
  #timer;

  constructor() {
    addEventListener("needschange", () => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#poller.poll();
      }, GATHER_MS);
    });
    // Pages set their titles themselves, at any time.
    new MutationObserver(() => this.#showTitle()).observe(document.querySelector("title"), { childList: true });
    document.getElementById("needs").addEventListener("beforetoggle", () => this.#loadMenu());
    shortcuts({ n: ["Go to the next agent that needs you", () => this.#next()] });
    if (notifying()) this.#loadMenu();
    this.#poller.poll();
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

const notifying = () => localStorage.getItem(NOTIFY_KEY) === "on";
