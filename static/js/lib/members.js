const { user, superuser } = document.body.dataset;

/** The name of whoever looks at the page. */
export const me = user;

/** Who is in a workspace, as its stream tells it. */
export class Members {
  #members = new Map();
  #seq = -1;

  /** `members` is how things are after the event `seq`. */
  reset(members, seq) {
    this.#members = new Map(members.map((member) => [member.id, member]));
    this.#seq = seq;
  }

  /** Applies an event unless the state already holds it. True when something changed. */
  apply({ payload: { change, data }, seq }) {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    if (change === "member_removed") return this.#members.delete(data.id);
    if (change !== "member_added" && change !== "member_updated") return false;
    this.#members.set(data.id, data);
    return true;
  }

  get sorted() {
    return [...this.#members.values()].sort((one, other) => one.user.localeCompare(other.user));
  }

  /** What the reader may do here: a superuser as much as an owner. Undefined where that is not known. */
  get myRole() {
    return superuser === undefined ? this.sorted.find((member) => member.user === me)?.role : "owner";
  }
}
