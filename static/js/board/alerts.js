import { attention, reasonWords, statusWord } from "../lib/status.js";

const KEY = "agentstream.notify";
const icon = document.querySelector("link[rel=icon]");
const PLAIN = icon.getAttribute("href");
const supported = "Notification" in globalThis;

/** Tells people who look elsewhere: by the tab's title and icon always, by notifications if they asked for them. */
export class Alerts {
  #button;
  #before = null;

  constructor(button) {
    this.#button = button;
    button.hidden = !supported;
    button.addEventListener("click", () => this.#toggle());
    this.#show();
  }

  /** Compares the agents with how they were, and speaks of those that began to wait or failed. */
  review(agents, title) {
    const urgent = agents.filter(attention).length;
    document.title = urgent ? `(${urgent}) ${title}` : title;
    const href = urgent ? PLAIN.replace("mark.svg", "mark-urgent.svg") : PLAIN;
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
    for (const agent of this.#before ? agents : []) {
      const before = this.#before.get(agent.id);
      if (before && before !== agent.status && ["waiting", "error"].includes(agent.status)) this.#notify(agent);
    }
    this.#before = new Map(agents.map(({ id, status }) => [id, status]));
  }

  get #wanted() {
    return supported && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";
  }

  async #toggle() {
    const on = !this.#wanted && (await Notification.requestPermission()) === "granted";
    localStorage.setItem(KEY, on ? "on" : "off");
    this.#show();
  }

  #show() {
    this.#button.setAttribute("aria-pressed", this.#wanted);
    const blocked = supported && Notification.permission === "denied";
    this.#button.textContent = blocked ? "Notifications are blocked" : "Notify me";
    this.#button.disabled = blocked;
    this.#button.title = blocked ? "Allow them for this site in the browser's settings." : "When an agent starts to wait for a person, or fails";
  }

  #notify({ id, name, status, reason, workspaceName }) {
    if (!this.#wanted) return;
    const body = [statusWord(status), reasonWords(reason)].filter(Boolean).join(" ") + (workspaceName ? ` · ${workspaceName}` : "");
    // One per agent: the newest replaces the one before.
    const notification = new Notification(name, { body, tag: id, icon: PLAIN });
    notification.onclick = () => {
      focus();
      location.assign(`/a/${id}/`);
    };
  }
}
