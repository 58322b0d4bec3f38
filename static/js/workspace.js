import "./agent-status.js";
import "./context-gauge.js";
import "./copy-command.js";
import "./time-ago.js";
import { arrange, element } from "./dom.js";
import { followWorkspace } from "./follow-workspace.js";
import { attention, byUrgency } from "./status.js";
import { renderTally, titleWith } from "./tally.js";

const page = document.getElementById("workspace");
const part = (name) => page.querySelector(`[data-${name}]`);
const groups = { attention: page.querySelector('[data-group="attention"]'), others: page.querySelector('[data-group="others"]') };
const rows = new Map();

class Row {
  #name = element("span", { class: "agent-name" });
  #status = element("agent-status");
  #gauge = element("context-gauge");
  #changed = element("time-ago");
  #agent;

  constructor({ id }) {
    const link = element("a", { href: `/a/${id}/` }, this.#name, this.#status, this.#gauge, this.#changed);
    this.element = element("li", { class: "agent-row", "data-agent": id }, link);
  }

  show(agent) {
    if (agent === this.#agent) return;
    if (this.#agent && this.#agent.status !== agent.status) this.#flash();
    this.#agent = agent;
    this.#name.textContent = this.#name.title = agent.name;
    this.#status.show(agent);
    this.#gauge.show(agent);
    this.#changed.setAttribute("datetime", agent.updatedAt);
  }

  #flash() {
    this.element.removeAttribute("data-fresh");
    requestAnimationFrame(() => this.element.setAttribute("data-fresh", ""));
  }
}

function rowOf(agent) {
  if (!rows.has(agent.id)) rows.set(agent.id, new Row(agent));
  const row = rows.get(agent.id);
  row.show(agent);
  return row.element;
}

function renderGroup(group, agents) {
  group.hidden = !agents.length;
  group.querySelector("[data-group-count]").textContent = agents.length;
  arrange(group.querySelector(".agent-list"), agents.map(rowOf));
}

function render({ name, agents }) {
  const all = [...agents.values()].sort(byUrgency);
  const urgent = all.filter(attention);
  for (const id of rows.keys()) if (!agents.has(id)) rows.delete(id);
  groups.others.querySelector("[data-group-name]").textContent = urgent.length ? "Other agents" : "Agents";
  renderGroup(groups.attention, urgent);
  renderGroup(groups.others, all.filter((agent) => !attention(agent)));
  renderTally(part("tally"), all);
  part("name").textContent = name;
  part("loading").hidden = true;
  part("empty").hidden = all.length > 0;
  titleWith(urgent.length, `${name} · Agentstream`);
}

function end({ reason }) {
  for (const section of [part("loading"), part("empty"), ...Object.values(groups)]) section.hidden = true;
  part("gone").hidden = false;
  part("gone").textContent = reason === "deleted" ? "This workspace was deleted." : "You no longer have access to this workspace.";
}

followWorkspace(page.dataset.workspace, { onchange: render, onended: end });
