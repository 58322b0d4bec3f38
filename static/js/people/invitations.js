import "../lib/copy.js";
import { call, showingErrors } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { element, onSubmit, partsOf } from "../lib/dom.js";
import { formatDayAndTime } from "../lib/format.js";
import { Poller } from "../lib/poller.js";

/** Invitations by link: the form, the new link (shown once), and the links that have not been used. */
export class Invitations {
  #part;
  #path;
  #poller;

  /**
   * @param {HTMLElement} root
   * @param {string} workspaceId
   */
  constructor(root, workspaceId) {
    const part = partsOf(root);
    this.#part = (name) => part(`invite-${name}`);
    this.#path = `/workspaces/${workspaceId}/invitations`;
    onSubmit(this.#part("form"), () => this.#invite());
    // Invitations are not on the workspace's stream, which every member can read.
    this.#poller = new Poller(this.#path, (pending) => this.#show(pending), { enabled: () => !root.hidden });
  }

  /** Fetches the pending invitations. */
  load() {
    return this.#poller.poll();
  }

  #show(pending) {
    this.#part("pending").hidden = !pending.length;
    this.#part("list").replaceChildren(...pending.map((one) => this.#row(one)));
    const made = this.#part("made");
    if (!pending.some(({ id }) => id === made.dataset.id)) made.hidden = true;
  }

  #row({ id, role, hint, user, createdBy, expiresAt }) {
    const which = user || `${hint}…`;
    const revoke = element(
      "button",
      { type: "button", class: "button quiet", "aria-label": `Revoke the invitation ${which}` },
      "Revoke",
    );
    revoke.addEventListener("click", () => this.#revoke(id));
    const details = element("span", { class: "muted" }, ` by ${createdBy}, expires ${formatDayAndTime(expiresAt)}`);
    const name = element("span", { class: "people-name" }, element("code", {}, which), details);
    return element("li", { class: "people-row" }, name, element("span", { class: "tag" }, role), revoke);
  }

  async #invite() {
    const made = await this.#try(() => call("POST", this.#path, { role: this.#part("role").value }));
    if (!made) return;
    const shown = this.#part("made");
    shown.dataset.id = made.id;
    this.#part("until").textContent = formatDayAndTime(made.expiresAt);
    this.#part("link").replaceChildren(element("copy-command", {}, made.url));
    shown.hidden = false;
    shown.querySelector("button").focus();
    await this.load();
  }

  async #revoke(id) {
    const question = "Revoke this invitation?";
    if (!(await confirmed(question, "Its link stops working. Anyone who has already used it stays.", "Revoke"))) return;
    await this.#try(() => call("DELETE", `${this.#path}/${id}`));
    await this.load();
  }

  #try(act) {
    return showingErrors(this.#part("trouble"), act);
  }
}
