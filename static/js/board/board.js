import { announce } from "../lib/announce.js";
import { arrange, oncePerFrame, paced } from "../lib/dom.js";
import { inbox } from "../lib/inbox.js";
import { gridAddress, pins } from "../lib/pins.js";
import { askingSince, attention, sortByUrgency } from "../lib/status.js";
import { askedText } from "../requests/text.js";
import { Activity, SILENT_AFTER_MS } from "./activity.js";
import { AgentRow } from "./agent-row.js";
import { Alerts } from "./alerts.js";
import { Filter } from "./filter.js";

const GROUPS = {
  attention: (agent) => attention(agent),
  running: (agent) => agent.status === "running",
  others: () => true,
};
/** An agent is unfollowed this long after its row has left the screen. */
const UNFOLLOW_AFTER_MS = 3_000;
/** An agent keeps its place this long after its last request was resolved, so that people see by whom. */
const KEEP_PLACE_MS = 6_000;
/** Rows are completed, and their agents followed, this far outside the visible part. */
const MARGIN = "400px 0px";
const MINUTE_MS = 60_000;
/** How often to look for silent agents. */
const REDRAW_INTERVAL_MS = 15_000;

/** Agents of one or more workspaces, the urgent ones first, kept current. */
export class Board {
  #root;
  #withWorkspace;
  #workspaces = new Map();
  #rows = new Map();
  #views = new Map(); // by agent, most urgent first
  #kept = new Map(); // by agent: which place it keeps, and until when
  #activity = new Activity((id) => this.#active(id));
  #filter;
  #alerts;
  #changed = new Set();
  #render = paced(() => this.#draw());
  #renderActivity = oncePerFrame(() => this.#drawActivity());
  #visible = new IntersectionObserver((rows) => rows.forEach((row) => this.#moved(row)), { rootMargin: MARGIN });

  /**
   * @param {HTMLElement} root
   * @param {{withWorkspace?: boolean, title: string}} options `title` is the page's, without the number of urgent agents
   */
  constructor(root, { withWorkspace = false, title }) {
    this.#root = root;
    this.#withWorkspace = withWorkspace;
    this.title = title;
    this.#filter = new Filter(root, withWorkspace, this.#render);
    this.#alerts = new Alerts(root.querySelector("[data-alerts]"));
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
    const agents = sortByUrgency([...views.values()].filter(Boolean));
    this.#views = new Map(agents.map((agent) => [agent.id, agent]));
    return agents;
  }

  #viewOf(agent, workspaceName, readonly) {
    const [silentFor, keptSince] = [this.#silentFor(agent), this.#keptSince(agent.id)];
    const more = { workspaceName, readonly, silentFor, keptSince, needs: inbox().needs(agent) };
    const before = this.#views.get(agent.id);
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

  #draw() {
    const agents = this.#update();
    const shown = agents.filter((agent) => this.#filter.passes(agent));
    this.#forget();
    const rest = new Set(shown);
    for (const [name, belongs] of Object.entries(GROUPS)) {
      const group = [...rest].filter(belongs);
      group.forEach((agent) => rest.delete(agent));
      this.#drawGroup(name, group);
    }
    this.#filter.draw(agents, shown.length);
    this.#alerts.review(agents, this.title);
    this.#activity.refresh(this.#views);
  }

  #drawGroup(name, agents) {
    const section = this.#root.querySelector(`[data-group="${name}"]`);
    section.hidden = !agents.length;
    section.querySelector("[data-group-count]").textContent = agents.length;
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
