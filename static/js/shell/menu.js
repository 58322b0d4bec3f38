import "../../vendor/relative-time/relative-time.js";
import { element } from "../lib/dom.js";
import { escapeBidi, visible } from "../lib/visible.js";

const supported = "Notification" in globalThis;

/** @type {Record<string, string>} */
const STATUS_OF_NEED = { request: "asks", waiting: "waiting", failed: "error", lost: "lost", turn: "turn" };
/** @type {Record<string, string>} */
const TEXTS = {
  request: "Asks for approval",
  waiting: "Waiting for you",
  failed: "Failed",
  lost: "Runner lost",
  turn: "Your turn",
};

/** The header's menu: which agents need the user, and whether to notify them of more. */
export class Menu {
  #list = document.querySelector("[data-needs-list]");
  /** @type {HTMLElement} */
  #none = document.querySelector("[data-needs-none]");
  /** @type {HTMLButtonElement} */
  #toggle = document.querySelector("[data-alerts]");
  #key;
  /** @type {Set<string> | null} what needed the user when last shown */
  #before = null;

  /** @param {string} key of local storage that holds whether notifications are on */
  constructor(key) {
    this.#key = key;
    this.#toggle.hidden = !supported;
    this.#toggle.addEventListener("click", () => this.#switch());
    this.#showToggle();
  }

  /** @param {{count: number, agents: any[]}} found */
  show({ count, agents }) {
    this.#none.hidden = count > 0;
    const more = count - agents.length;
    const rest = more > 0 ? [element("li", { class: "needs-more" }, `And ${more} more`)] : [];
    this.#list.replaceChildren(...agents.map(item), ...rest);
    for (const agent of this.#before ? agents : []) if (!this.#before.has(keyOf(agent))) this.#notify(agent);
    this.#before = new Set(agents.map(keyOf));
  }

  get #on() {
    return supported && Notification.permission === "granted" && localStorage.getItem(this.#key) === "on";
  }

  async #switch() {
    const on = !this.#on && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(this.#key, on ? "on" : "off");
    this.#showToggle();
  }

  #showToggle() {
    const blocked = supported && Notification.permission === "denied";
    this.#toggle.setAttribute("aria-pressed", String(this.#on));
    this.#toggle.textContent = blocked ? "Notifications blocked" : `Notifications ${this.#on ? "on" : "off"}`;
    this.#toggle.disabled = blocked;
    this.#toggle.title = blocked
      ? "Allow notifications for this site in your browser's settings."
      : "In this browser, when an agent begins to need you";
  }

  #notify(agent) {
    if (!this.#on) return;
    const body = `${why(agent)} · ${agent.workspaceName}`;
    // One per agent: a newer one replaces it.
    const notification = new Notification(agent.name, { body, tag: agent.agentId });
    notification.onclick = () => {
      focus();
      location.assign(`/a/${agent.agentId}/`);
    };
  }
}

/** An agent that fails or asks again needs the user again. */
const keyOf = ({ agentId, needs, since }) => `${agentId} ${needs} ${since}`;

/** In a few words. */
const why = ({ needs, asks }) => (asks ? visible(asks) : (TEXTS[needs] ?? needs));

function item(agent) {
  const { agentId, name, workspaceName, needs, since } = agent;
  return element(
    "li",
    {},
    element(
      "a",
      { href: `/a/${agentId}/`, "data-status": STATUS_OF_NEED[needs] },
      element("span", { class: "shape" }),
      element("strong", {}, escapeBidi(name)),
      element("relative-time", { datetime: since, tense: "past", "format-style": "narrow" }),
      element("span", { class: "needs-why" }, `${why(agent)} · ${escapeBidi(workspaceName)}`),
    ),
  );
}
