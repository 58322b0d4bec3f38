import "../lib/copy.js";
import { call } from "../lib/api.js";
import { ask } from "../lib/dialog.js";
import { attempt } from "../lib/attempt.js";
import { element, onSubmit } from "../lib/dom.js";
import { Lookout } from "../lib/poller.js";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Inviting by link: the form, the link it gives once, and the links that nobody has used yet. */
export class Invitations {
  #root;
  #path;
  #lookout;

  constructor(root, workspaceId) {
    this.#root = root;
    this.#path = `/workspaces/${workspaceId}/invitations`;
    onSubmit(this.#part("form"), () => this.#invite());
    // What other owners do is not on the workspace's stream, which every member reads.
    this.#lookout = new Lookout(this.#path, (pending) => this.#show(pending), { wanted: () => !root.hidden });
  }

  /** Asks which invitations are pending. */
  load() {
    return this.#lookout.ask();
  }

  #part(name) {
    return this.#root.querySelector(`[data-invite-${name}]`);
  }

  #show(pending) {
    this.#part("pending").hidden = !pending.length;
    this.#part("list").replaceChildren(...pending.map((one) => this.#row(one)));
    const made = this.#part("made");
    if (!pending.some(({ id }) => id === made.dataset.id)) made.hidden = true;
  }

  #row({ id, role, hint, user, createdBy, expiresAt }) {
    const which = user || `${hint}…`;
    const revoke = element("button", { type: "button", class: "button quiet", "aria-label": `Revoke the invitation ${which}` }, "Revoke");
    revoke.addEventListener("click", () => this.#revoke(id));
    const words = element("span", { class: "people-name" }, element("code", {}, which), element("span", { class: "muted" }, ` by ${createdBy}, until ${day.format(new Date(expiresAt))}`));
    return element("li", { class: "people-row" }, words, element("span", { class: "tag" }, role), revoke);
  }

  async #invite() {
    const made = await this.#try(() => call("POST", this.#path, { role: this.#part("role").value }));
    if (!made) return;
    const shown = this.#part("made");
    shown.dataset.id = made.id;
    this.#part("until").textContent = day.format(new Date(made.expiresAt));
    this.#part("link").replaceChildren(element("copy-command", {}, made.url));
    shown.hidden = false;
    shown.querySelector("button").focus();
    await this.load();
  }

  async #revoke(id) {
    const sure = await ask("Revoke this invitation?", "Its link stops working. Who has used it already stays.", "Revoke");
    if (!sure) return;
    await this.#try(() => call("DELETE", `${this.#path}/${id}`));
    await this.load();
  }

  #try(act) {
    return attempt(this.#part("trouble"), act);
  }
}
