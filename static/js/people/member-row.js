import { call } from "../lib/api.js";
import { ask } from "../lib/dialog.js";
import { attempt } from "../lib/attempt.js";
import { element } from "../lib/dom.js";
import { me } from "../lib/members.js";

const ROLES = ["viewer", "operator", "owner"];

/** One member in the list: whoever may manage the workspace changes the role here, everybody may leave. */
export class MemberRow {
  #path;
  #member;
  #name = element("strong");
  #role = element("span", { class: "tag" });
  #select = element("select", {}, ...ROLES.map((role) => element("option", { value: role }, role)));
  #remove = element("button", { type: "button", class: "button quiet" });
  #trouble = element("p", { class: "field-error", role: "alert", hidden: true });

  constructor(workspaceId, member) {
    this.#path = `/workspaces/${workspaceId}/members/${member.id}`;
    this.#select.addEventListener("change", () => this.#change());
    this.#remove.addEventListener("click", () => this.#removed());
    const name = element("span", { class: "people-name" }, this.#name);
    if (member.user === me) name.append(element("span", { class: "muted" }, " (you)"));
    this.element = element("li", { class: "people-row", "data-member": member.user }, name, this.#role, this.#select, this.#remove, this.#trouble);
  }

  show(member, manages) {
    const mine = member.user === me;
    this.#member = member;
    this.#name.textContent = this.#name.title = member.user;
    this.#role.textContent = this.#select.value = member.role;
    this.#role.hidden = manages;
    this.#select.hidden = !manages;
    this.#select.setAttribute("aria-label", `Role of ${member.user}`);
    this.#remove.textContent = mine ? "Leave" : "Remove";
    this.#remove.setAttribute("aria-label", mine ? "Leave this workspace" : `Remove ${member.user}`);
    this.#remove.hidden = !manages && !mine;
  }

  async #change() {
    const { user } = this.#member;
    const wanted = this.#select.value;
    const sure = user !== me || (await ask("Change your own role?", `You will be ${wanted} here. Only another owner can make you owner again.`, "Change it"));
    const changed = sure && (await attempt(this.#trouble, () => call("PATCH", this.#path, { role: wanted })));
    if (!changed) this.#select.value = this.#member.role;
  }

  async #removed() {
    const { user } = this.#member;
    const question =
      user === me
        ? ["Leave this workspace?", "You will no longer see its agents. Only an owner can let you in again.", "Leave"]
        : [`Remove ${user}?`, "They lose sight of this workspace and its agents at once.", "Remove"];
    if (await ask(...question)) await attempt(this.#trouble, () => call("DELETE", this.#path));
  }
}
