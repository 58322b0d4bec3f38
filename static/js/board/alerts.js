import { attention, reasonText, statusText } from "../lib/status.js";

const KEY = "agentstream.notify";
const supported = "Notification" in globalThis;

/** Alerts people who are looking at something else: by the tab's title and icon, and by notifications if they turned them on. */
export class Alerts {
  #button;
  #icon = document.querySelector("link[rel=icon]");
  #plainIcon = this.#icon.getAttribute("href");
  /** @type {Map<string, string> | null} each agent's status at the last review */
  #before = null;

  /** @param {HTMLButtonElement} button turns notifications on and off */
  constructor(button) {
    this.#button = button;
    button.hidden = !supported;
    button.addEventListener("click", () => this.#toggle());
    this.#show();
  }

  /**
   * Compares the agents with the last review, and notifies of those that have started waiting or failed.
   * @param {any[]} agents
   * @param {string} title
   */
  review(agents, title) {
    const urgent = agents.filter(attention).length;
    document.title = urgent ? `(${urgent}) ${title}` : title;
    const href = urgent ? this.#plainIcon.replace("mark.svg", "mark-urgent.svg") : this.#plainIcon;
    if (this.#icon.getAttribute("href") !== href) this.#icon.setAttribute("href", href);
    for (const agent of this.#before ? agents : []) {
      const before = this.#before.get(agent.id);
      if (before && before !== agent.status && ["waiting", "error"].includes(agent.status)) this.#notify(agent);
    }
    this.#before = new Map(agents.map(({ id, status }) => [id, status]));
  }

  get #enabled() {
    return supported && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";
  }

  async #toggle() {
    const enable = !this.#enabled && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(KEY, enable ? "on" : "off");
    this.#show();
  }

  #show() {
    this.#button.setAttribute("aria-pressed", String(this.#enabled));
    const blocked = supported && Notification.permission === "denied";
    this.#button.textContent = blocked ? "Notifications are blocked" : "Notify me";
    this.#button.disabled = blocked;
    this.#button.title = blocked
      ? "Allow notifications for this site in your browser's settings."
      : "Notify me when an agent starts waiting or fails";
  }

  #notify({ id, name, status, reason, workspaceName }) {
    if (!this.#enabled) return;
    const body =
      [statusText(status), reasonText(reason)].filter(Boolean).join(" ") + (workspaceName ? ` · ${workspaceName}` : "");
    // One per agent: a newer one replaces it.
    const notification = new Notification(name, { body, tag: id, icon: this.#plainIcon });
    notification.onclick = () => {
      focus();
      location.assign(`/a/${id}/`);
    };
  }
}
