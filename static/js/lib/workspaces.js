import { WorkspaceState } from "../../clients/js/workspace-state.js";
import { connection } from "./connection.js";
import { oncePerFrame } from "./dom.js";
import { inbox } from "./inbox.js";
import { followWorkspaceList } from "./workspace-list.js";

/** @typedef {{name: string, agents: Map<string, any>, members: Members}} Workspace */

/**
 * Keeps a workspace's state and its members current.
 * @param {string} id
 * @param {object} listeners
 * @param {(workspace: Workspace) => void} listeners.onchange called at most once per frame
 * @param {(update: {change: string, data: any}) => void} [listeners.onupdate] called with each change as it happens
 * @param {(end: any) => void} [listeners.onended]
 */
export function followWorkspace(id, { onchange, onupdate = () => {}, onended = () => {} }) {
  const state = new WorkspaceState();
  const members = new Members();
  const subscription = connection().workspace(id);
  let ended = false; // a frame requested earlier must not restore an ended workspace
  let known = false;
  const show = oncePerFrame(() => ended || onchange({ name: state.name, agents: state.agents, members }));
  const changed = () => known && show();
  subscription.on("subscribed", ({ state: snapshot, seq }) => {
    state.reset(snapshot, seq);
    members.reset(/** @type {any} */ (snapshot).members, seq);
    known = true;
    changed();
  });
  subscription.on("agents", (page) => {
    state.add(page);
    changed();
  });
  subscription.on("updated", (update, event) => {
    const changes = [state.apply(event), members.apply(event)];
    if (!changes.includes(true)) return;
    onupdate(update);
    changed();
  });
  const forget = inbox().on("seen", changed);
  subscription.on("unsubscribed", (end) => {
    ended = true;
    onended(end);
  });
  /** @type {any} */ (subscription).on("end", forget);
  return subscription;
}

/**
 * Follows all of the user's workspaces: those with these `ids`, and any that the user joins later.
 * @param {string[]} ids
 * @param {object} listeners
 * @param {(workspaces: any[]) => void} [listeners.onlist] called when the list changes
 * @param {(id: string, workspace: Workspace) => void} listeners.onchange
 * @param {(update: {change: string, data: any}) => void} [listeners.onupdate]
 * @param {(id: string) => void} listeners.onended
 */
export function followWorkspaces(ids, { onlist = () => {}, onchange, onupdate, onended }) {
  const followed = new Map();

  function listed(workspaces) {
    const present = workspaces.map(({ id }) => id);
    for (const id of followed.keys()) if (!present.includes(id)) end(id);
    for (const id of present) if (!followed.has(id)) follow(id);
    onlist(workspaces);
  }

  function follow(id) {
    const subscription = followWorkspace(id, {
      // A frame may still report a change of a workspace that has ended.
      onchange: (workspace) => followed.get(id) === subscription && onchange(id, workspace),
      onupdate,
      onended: () => end(id),
    });
    followed.set(id, subscription);
  }

  function end(id) {
    const subscription = followed.get(id);
    followed.delete(id);
    subscription?.close();
    if (subscription) onended(id);
  }

  ids.forEach(follow);
  followWorkspaceList(listed);
}

/** The members of a workspace, as its stream reports them. */
export class Members {
  /** @type {Map<string, {id: string, user: string, role: string}>} */
  #members = new Map();
  #seq = -1;

  /** `members` is the list after the event `seq`. */
  reset(members, seq) {
    this.#members = new Map(members.map((member) => [member.id, member]));
    this.#seq = seq;
  }

  /** Applies an event unless the state already contains it; returns whether something changed. */
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

  /** The user's own role; a superuser may do whatever an owner may. Undefined if unknown. */
  get myRole() {
    if (document.body.dataset.superuser !== undefined) return "owner";
    return this.sorted.find((member) => member.user === currentUser())?.role;
  }
}

/** The username of the signed-in user. */
export const currentUser = () => document.body.dataset.user;
