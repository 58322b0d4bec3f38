import "../lib/copy.js";
import { call, showingErrors } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { element, onSubmit, partsOf } from "../lib/dom.js";
import { formatDayAndTime } from "../lib/format.js";
import { Poller } from "../lib/poller.js";

/** Invitations by name and by link: the forms, a new link (shown once), and the pending invitations. */
export class Invitations {
  #part;
  #path;
  #membersPath;
  #poller;

  /**
   * @param {HTMLElement} root
   * @param {string} workspaceId
   */
  constructor(root, workspaceId) {
    const part = partsOf(root);
    this.#part = (name) => part(`invite-${name}`);
    this.#path = `/workspaces/${workspaceId}/invitations`;
    this.#membersPath = `/workspaces/${workspaceId}/members`;
    onSubmit(this.#part("form"), () => this.#createLink());
    onSubmit(this.#part("by-name"), () => this.#inviteByName());
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
    revoke.addEventListener("click", () => this.#revoke(id, user));
    const details = element("span", { class: "muted" }, ` by ${createdBy}, expires ${formatDayAndTime(expiresAt)}`);
    const name = element("span", { class: "people-name" }, element("code", {}, which), details);
    return element("li", { class: "people-row" }, name, element("span", { class: "tag" }, role), revoke);
  }

  async #inviteByName() {
    const field = this.#part("name");
    const user = field.value.trim();
    this.#part("invited").hidden = true;
    const body = { user, role: this.#part("role").value };
    const answer = await this.#try(() => call("POST", this.#membersPath, body));
    if (!answer) return;
    field.value = "";
    // Existing members, and people added by a superuser, appear in the list of people instead.
    if (answer.expiresAt) {
      this.#part("invited").textContent =
        `Invited ${user}. If they have an account, they can accept on their overview.`;
      this.#part("invited").hidden = false;
    }
    await this.load();
  }

  async #createLink() {
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

  async #revoke(id, user) {
    /** @type {[string, string]} */
    const question = user
      ? [`Revoke the invitation of ${user}?`, "They can no longer accept it."]
      : ["Revoke this invitation?", "Its link stops working. Anyone who has already used it stays."];
    if (!(await confirmed(...question, "Revoke"))) return;
    await this.#try(() => call("DELETE", `${this.#path}/${id}`));
    await this.load();
  }

  #try(act) {
    return showingErrors(this.#part("trouble"), act);
  }
}
