import { call, showingErrors } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { element } from "../lib/dom.js";
import { currentUser } from "../lib/workspaces.js";

const ROLES = ["viewer", "operator", "owner"];

/** One member in the list. Owners can change roles and remove people; everyone can leave. */
export class MemberRow {
  #path;
  #member;
  #name = element("strong");
  #role = element("span", { class: "tag" });
  #select = element("select", {}, ...ROLES.map((role) => element("option", { value: role }, role)));
  #remove = element("button", { type: "button", class: "button quiet" });
  #alert = element("p", { class: "field-error", role: "alert", hidden: true });

  /**
   * @param {string} workspaceId
   * @param {{id: string, user: string, role: string}} member
   */
  constructor(workspaceId, member) {
    this.#path = `/workspaces/${workspaceId}/members/${member.id}`;
    this.#select.addEventListener("change", () => this.#changeRole());
    this.#remove.addEventListener("click", () => this.#removeMember());
    const name = element("span", { class: "people-name" }, this.#name);
    if (member.user === currentUser()) name.append(element("span", { class: "muted" }, " (you)"));
    this.element = element(
      "li",
      { class: "people-row", "data-member": member.user },
      name,
      this.#role,
      this.#select,
      this.#remove,
      this.#alert,
    );
  }

  /**
   * @param {{id: string, user: string, role: string}} member
   * @param {boolean} manages whether the user may manage the workspace
   */
  show(member, manages) {
    const mine = member.user === currentUser();
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

  async #changeRole() {
    const { user } = this.#member;
    const wanted = this.#select.value;
    const sure =
      user !== currentUser() ||
      (await confirmed(
        "Change your own role?",
        `You will be ${wanted === "viewer" ? "a" : "an"} ${wanted} of this workspace. Only another owner can make you an owner again.`,
        "Change role",
      ));
    const changed = sure && (await showingErrors(this.#alert, () => call("PATCH", this.#path, { role: wanted })));
    if (!changed) this.#select.value = this.#member.role;
  }

  async #removeMember() {
    const { user } = this.#member;
    /** @type {[string, string, string]} */
    const question =
      user === currentUser()
        ? ["Leave this workspace?", "You will lose access to its agents. Only an owner can invite you again.", "Leave"]
        : [`Remove ${user}?`, "They lose access to this workspace and its agents immediately.", "Remove"];
    if (await confirmed(...question)) await showingErrors(this.#alert, () => call("DELETE", this.#path));
  }
}
