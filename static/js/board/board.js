import { arrange, oncePerFrame } from "../lib/dom.js";
import { inbox } from "../lib/inbox.js";
import { gridAddress, pins } from "../lib/pins.js";
import { attention, byUrgency } from "../lib/status.js";
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
/** How often silent agents are looked for. */
const REDRAW_INTERVAL_MS = 15_000;

/** Agents of one or more workspaces, the urgent ones first, kept current. */
export class Board {
  #root;
  #withWorkspace;
  #workspaces = new Map();
  #rows = new Map();
  #activity = new Activity((id) => this.#active(id));
  #filter;
  #alerts;
  #changed = new Set();
  #render = oncePerFrame(() => this.#draw());
  #renderActivity = oncePerFrame(() => this.#drawActivity());
  #visible = new IntersectionObserver((rows) => rows.forEach((row) => this.#moved(row)), { rootMargin: "200px 0px" });

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

  get #agents() {
    const found = [];
    for (const { name, agents } of this.#workspaces.values()) {
      for (const agent of agents.values()) {
        found.push({ ...agent, workspaceName: name, needs: inbox().needs(agent), silentFor: this.#silentFor(agent) });
      }
    }
    return found;
  }

  #silentFor({ id, status, updatedAt }) {
    const at = this.#activity.of(id)?.at;
    const silence = Date.now() - Math.max(at ?? Infinity, Date.parse(updatedAt));
    return status === "running" && silence > SILENT_AFTER_MS ? silence : 0;
  }

  #draw() {
    const agents = this.#agents.sort(byUrgency);
    const shown = agents.filter((agent) => this.#filter.passes(agent));
    this.#forget(new Set(agents.map(({ id }) => id)));
    const rest = new Set(shown);
    for (const [name, belongs] of Object.entries(GROUPS)) {
      const group = [...rest].filter(belongs);
      group.forEach((agent) => rest.delete(agent));
      this.#drawGroup(name, group);
    }
    this.#filter.draw(agents, shown.length);
    this.#alerts.review(agents, this.title);
    this.#activity.refresh(
      new Set(agents.map(({ id }) => id)),
      new Set(agents.filter(({ status }) => status === "running").map(({ id }) => id)),
    );
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
    row.showActivity(this.#activity.of(agent.id));
    return row.element;
  }

  #forget(present) {
    for (const [id, { element }] of this.#rows) {
      if (present.has(id)) continue;
      this.#visible.unobserve(element);
      this.#activity.unfollow(id);
      this.#rows.delete(id);
    }
  }

  #moved({ target, isIntersecting }) {
    const { row } = target;
    clearTimeout(row.leaving);
    if (isIntersecting) this.#activity.follow(row.id);
    else row.leaving = setTimeout(() => this.#activity.unfollow(row.id), UNFOLLOW_AFTER_MS);
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
