import { AgentRow } from "./agent-row.js";
import { Alerts } from "./alerts.js";
import { arrange } from "../lib/dom.js";
import { Filter } from "./filter.js";
import { oncePerFrame } from "../lib/follow-workspace.js";
import { gridAddress, pins } from "../lib/pins.js";
import { Pulse, SILENT_AFTER } from "./activity.js";
import { attention, byUrgency } from "../lib/status.js";

const GROUPS = { attention: (agent) => attention(agent), running: (agent) => agent.status === "running", others: () => true };
/** How long after a row has left the screen its agent is no longer followed. */
const GRACE = 3_000;
const REVIEW = 15_000;

/** Agents of one or more workspaces, the urgent ones first, kept current. */
export class Board {
  #root;
  #withWorkspace;
  #workspaces = new Map();
  #rows = new Map();
  #pulse = new Pulse((id) => this.#stirred(id));
  #filter;
  #alerts;
  #stirring = new Set();
  #render = oncePerFrame(() => this.#draw());
  #beat = oncePerFrame(() => this.#drawPulse());
  #seen = new IntersectionObserver((rows) => rows.forEach((row) => this.#moved(row)), { rootMargin: "200px 0px" });

  constructor(root, { withWorkspace = false, title }) {
    this.#root = root;
    this.#withWorkspace = withWorkspace;
    this.title = title;
    this.#filter = new Filter(root, withWorkspace, this.#render);
    this.#alerts = new Alerts(root.querySelector("[data-alerts]"));
    addEventListener("pinschange", () => this.#drawPins());
    addEventListener("storage", () => this.#drawPins());
    setInterval(() => this.#render(), REVIEW);
    this.#drawPins();
  }

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
      for (const agent of agents.values()) found.push({ ...agent, workspaceName: name, silentFor: this.#silence(agent) });
    }
    return found;
  }

  #silence({ id, status, updatedAt }) {
    const at = this.#pulse.of(id)?.at;
    const silence = Date.now() - Math.max(at ?? Infinity, Date.parse(updatedAt));
    return status === "running" && silence > SILENT_AFTER ? silence : 0;
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
    this.#pulse.keep(new Set(agents.map(({ id }) => id)), new Set(agents.filter(({ status }) => status === "running").map(({ id }) => id)));
  }

  #drawGroup(name, agents) {
    const section = this.#root.querySelector(`[data-group="${name}"]`);
    section.hidden = !agents.length;
    section.querySelector("[data-group-count]").textContent = agents.length;
    arrange(section.querySelector(".agent-list"), agents.map((agent) => this.#rowOf(agent)));
  }

  #rowOf(agent) {
    let row = this.#rows.get(agent.id);
    if (!row) {
      row = new AgentRow(agent, this.#withWorkspace);
      this.#rows.set(agent.id, row);
      this.#seen.observe(row.element);
    }
    row.show(agent);
    row.showPulse(this.#pulse.of(agent.id));
    return row.element;
  }

  #forget(present) {
    for (const [id, { element }] of this.#rows) {
      if (present.has(id)) continue;
      this.#seen.unobserve(element);
      this.#pulse.leave(id);
      this.#rows.delete(id);
    }
  }

  #moved({ target, isIntersecting }) {
    const { row } = target;
    clearTimeout(row.leaving);
    if (isIntersecting) this.#pulse.follow(row.id);
    else row.leaving = setTimeout(() => this.#pulse.leave(row.id), GRACE);
  }

  #stirred(id) {
    this.#stirring.add(id);
    this.#beat();
  }

  #drawPulse() {
    for (const id of this.#stirring) this.#rows.get(id)?.showPulse(this.#pulse.of(id));
    this.#stirring.clear();
  }

  #drawPins() {
    for (const row of this.#rows.values()) row.showPin();
    const link = this.#root.querySelector("[data-pinned]");
    link.hidden = !pins().length;
    link.href = gridAddress();
    link.textContent = `Pinned (${pins().length})`;
  }
}
