import { announce } from "../lib/announce.js";
import { arrange, oncePerFrame, paced } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { inbox } from "../lib/inbox.js";
import { gridAddress, pins } from "../lib/pins.js";
import { GROUPS, askingSince, groupOf, triage } from "../lib/status.js";
import { askedText } from "../requests/text.js";
import { Activity, SILENT_AFTER_MS } from "./activity.js";
import { AgentRow } from "./agent-row.js";
import { Filter } from "./filter.js";
import { Hold } from "./hold.js";
import { restoreScroll } from "./scroll.js";

/** An agent is unfollowed this long after its row has left the screen. */
const UNFOLLOW_AFTER_MS = 3_000;
/** An agent keeps its place this long after its last request was resolved, so that people see by whom. */
const KEEP_PLACE_MS = 6_000;
/** Rows are completed, and their agents followed, this far outside the visible part. */
const MARGIN = "400px 0px";
const MINUTE_MS = 60_000;
/** How often to look for silent agents. */
const REDRAW_INTERVAL_MS = 15_000;

/** Agents of one or more workspaces, the urgent ones first, kept current. While someone is at work in the list, its order stays. */
export class Board {
  #root;
  #withWorkspace;
  #workspaces = new Map();
  #rows = new Map();
  #views = new Map(); // by agent, most urgent first
  #kept = new Map(); // by agent: which place it keeps, and until when
  #placed = new Map(); // by agent: the group it is drawn in
  #activity = new Activity((id) => this.#active(id));
  #filter;
  #hold;
  #changed = new Set();
  #render = paced(() => this.#draw());
  #renderActivity = oncePerFrame(() => this.#drawActivity());
  #visible = new IntersectionObserver((rows) => rows.forEach((row) => this.#moved(row)), { rootMargin: MARGIN });

  /**
   * @param {HTMLElement} root
   * @param {{withWorkspace?: boolean}} [options]
   */
  constructor(root, { withWorkspace = false } = {}) {
    this.#root = root;
    this.#withWorkspace = withWorkspace;
    this.#filter = new Filter(root, withWorkspace, () => this.#draw(true));
    this.#hold = new Hold(root.querySelector("[data-groups]"), this.#render);
    root.querySelector("[data-update-order]").addEventListener("click", () => this.#draw(true));
    addEventListener("pinschange", () => this.#drawPins());
    addEventListener("storage", () => this.#drawPins());
    setInterval(() => this.#render(), REDRAW_INTERVAL_MS);
    this.#drawPins();
  }

  /**
   * @param {string} id
   * @param {import("../lib/workspaces.js").Workspace} workspace
   */
  show(id, workspace) {
    this.#workspaces.set(id, workspace);
    this.#render();
  }

  remove(id) {
    this.#workspaces.delete(id);
    this.#render();
  }

  /** Follows the requests among a workspace's changes; called before `show` is with the state after them. */
  updated({ change, data }) {
    if (change === "agent_request") announce(askedText(data, this.#views.get(data.agentId)?.name ?? ""));
    if (change !== "agent_request_resolved") return;
    const since = askingSince(this.#views.get(data.agentId));
    this.#kept.set(data.agentId, { since, until: performance.now() + KEEP_PLACE_MS });
    setTimeout(this.#render, KEEP_PLACE_MS);
    this.#rows.get(data.agentId)?.resolve(data);
  }

  /** Views of all agents, most urgent first; unchanged agents keep their view objects. */
  #update() {
    // The previous order is nearly right, so sorting it is fast.
    const views = new Map([...this.#views.keys()].map((id) => [id, null]));
    for (const { name, agents, members } of this.#workspaces.values()) {
      const readonly = !members.myRole || members.myRole === "viewer";
      for (const agent of agents.values()) views.set(agent.id, this.#viewOf(agent, name, readonly));
    }
    const agents = triage([...views.values()].filter(Boolean));
    this.#views = new Map(agents.map((agent) => [agent.id, agent]));
    return agents;
  }

  #viewOf(agent, workspaceName, readonly) {
    const [silentFor, keptSince] = [this.#silentFor(agent), this.#keptSince(agent.id)];
    const before = this.#views.get(agent.id);
    // Later reports change `updatedAt`, but not how long the agent has had its status.
    const since = before?.statusSeq === agent.statusSeq ? before.since : agent.updatedAt;
    const more = { workspaceName, readonly, silentFor, keptSince, since, needs: inbox().needs(agent) };
    const same = before?.source === agent && Object.entries(more).every(([key, value]) => before[key] === value);
    return same ? before : { ...agent, ...more, source: agent };
  }

  #keptSince(id) {
    const { since, until } = this.#kept.get(id) ?? {};
    if (until > performance.now()) return since;
    this.#kept.delete(id);
    return undefined;
  }

  #silentFor({ id, status, updatedAt }) {
    const at = this.#activity.of(id)?.at;
    const silence = Date.now() - Math.max(at ?? Infinity, Date.parse(updatedAt));
    return status === "running" && silence > SILENT_AFTER_MS ? Math.floor(silence / MINUTE_MS) * MINUTE_MS : 0;
  }

  #draw(wanted = false) {
    const agents = this.#update();
    const shown = agents.filter((agent) => this.#filter.passes(agent));
    const still = !wanted && this.#placed.size > 0 && this.#hold.active;
    this.#showMoves(still ? this.#movesTo(shown) : 0);
    if (still) this.#drawInPlace();
    else this.#drawInOrder(shown);
    this.#filter.draw(agents, shown.length);
    this.#activity.refresh(this.#views);
  }

  /** How many agents would come, go or change their group. */
  #movesTo(shown) {
    const moved = shown.filter((agent) => this.#placed.get(agent.id) !== groupOf(agent)).length;
    const here = new Set(shown.map(({ id }) => id));
    return moved + [...this.#placed.keys()].filter((id) => !here.has(id)).length;
  }

  #showMoves(count) {
    const button = this.#root.querySelector("[data-update-order]");
    button.hidden = !count;
    button.textContent = `${plural(count, "change")} · Update the list`;
  }

  /** Rows say what is new, without changing their places or their sizes. */
  #drawInPlace() {
    for (const [id, group] of this.#placed) {
      const [row, view] = [this.#rows.get(id), this.#views.get(id)];
      if (view) row.show(view, true);
      row.element.toggleAttribute("data-leaving", !view || groupOf(view) !== group);
    }
  }

  #drawInOrder(shown) {
    this.#forget();
    const groups = new Map(GROUPS.map((name) => [name, []]));
    for (const agent of shown) groups.get(groupOf(agent)).push(agent);
    this.#placed.clear();
    for (const [name, group] of groups) this.#drawGroup(name, group);
    restoreScroll();
  }

  #drawGroup(name, agents) {
    const section = this.#root.querySelector(`[data-group="${name}"]`);
    section.hidden = !agents.length;
    section.querySelector("[data-group-count]").textContent = agents.length;
    for (const { id } of agents) this.#placed.set(id, name);
    arrange(
      section.querySelector(".agent-list"),
      agents.map((agent) => this.#rowOf(agent)),
    );
  }

  #rowOf(agent) {
    let row = this.#rows.get(agent.id);
    if (!row) {
      row = new AgentRow(agent, this.#withWorkspace);
      this.#rows.set(agent.id, row);
      this.#visible.observe(row.element);
    }
    row.show(agent);
    row.element.removeAttribute("data-leaving");
    return row.element;
  }

  #forget() {
    for (const [id, row] of this.#rows) {
      if (this.#views.has(id)) continue;
      row.close();
      this.#visible.unobserve(row.element);
      this.#activity.unfollow(id);
      this.#rows.delete(id);
    }
  }

  #moved({ target, isIntersecting }) {
    const { row } = target;
    clearTimeout(row.leaving);
    if (isIntersecting) {
      row.complete();
      this.#activity.follow(row.id);
    } else row.leaving = setTimeout(() => this.#activity.unfollow(row.id), UNFOLLOW_AFTER_MS);
  }

  #active(id) {
    this.#changed.add(id);
    this.#renderActivity();
  }

  #drawActivity() {
    for (const id of this.#changed) this.#rows.get(id)?.showActivity(this.#activity.of(id));
    this.#changed.clear();
  }

  #drawPins() {
    for (const row of this.#rows.values()) row.showPin();
    const link = this.#root.querySelector("[data-pinned]");
    link.hidden = !pins().length;
    link.href = gridAddress();
    link.textContent = `Pinned (${pins().length})`;
  }
}
