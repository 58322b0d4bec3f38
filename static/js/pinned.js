import "./lib/copy.js";
import { arrange, element, partsOf } from "./lib/dom.js";
import { MAX_PINS, clean, isPinned, pins, togglePin } from "./lib/pins.js";
import { followWorkspaces } from "./lib/workspaces.js";
import { loadMarkdown } from "./transcript/message-view.js";
import { Panel } from "./transcript/panel.js";

const page = document.getElementById("pinned");
const part = partsOf(page);
const query = new URLSearchParams(location.search);
let ids = query.has("agents") ? clean(query.get("agents").split(",")) : pins();
const panels = new Map();
const workspaces = new Map();

function panelOf(id) {
  const listeners = { onremove: () => remove(id), onmove: (step) => move(id, step) };
  if (!panels.has(id)) panels.set(id, new Panel(id, { ...listeners, mayAnswer }));
  return panels.get(id).element;
}

function mayAnswer(workspaceId) {
  return ["operator", "owner"].includes(workspaces.get(workspaceId)?.role);
}

/** The address holds the layout, so that it can be shared. */
function render() {
  const columns = part("columns").value;
  const address = new URL(location.href);
  address.search = `agents=${ids.join(",")}${columns ? `&columns=${columns}` : ""}`;
  history.replaceState(null, "", address);
  for (const [id, panel] of panels) if (!ids.includes(id)) closePanel(id, panel);
  arrange(part("grid"), ids.map(panelOf));
  part("grid").dataset.columns = columns || Math.ceil(Math.sqrt(ids.length || 1));
  part("grid").hidden = !ids.length;
  part("empty").hidden = ids.length > 0;
  renderOptions();
}

function closePanel(id, panel) {
  panel.close();
  panels.delete(id);
}

function remove(id) {
  ids = ids.filter((one) => one !== id);
  if (isPinned(id)) togglePin(id);
  render();
}

function move(id, step) {
  const from = ids.indexOf(id);
  const to = from + step;
  if (to < 0 || to >= ids.length) return;
  [ids[from], ids[to]] = [ids[to], ids[from]];
  render();
}

function add(id) {
  ids = clean([...ids, id]);
  if (!isPinned(id)) togglePin(id);
  render();
}

/** The agents that can be added, by workspace. */
function renderOptions() {
  const select = part("add");
  select.disabled = ids.length >= MAX_PINS;
  const first = element("option", { value: "" }, select.disabled ? `At most ${MAX_PINS} agents` : "Add an agent…");
  select.replaceChildren(first, ...[...workspaces.values()].map(optionGroup).filter((one) => one.children.length));
}

function optionGroup({ name, agents }) {
  const others = [...agents.values()]
    .filter(({ id }) => !ids.includes(id))
    .sort((one, other) => one.name.localeCompare(other.name));
  return element("optgroup", { label: name }, ...others.map(({ id, name }) => element("option", { value: id }, name)));
}

followWorkspaces(page.dataset.workspaces.split(" ").filter(Boolean), {
  onchange: (id, { name, agents, members }) => {
    const role = members.myRole;
    const options = JSON.stringify([name, [...agents.values()].map(({ id, name }) => [id, name])]);
    const before = workspaces.get(id);
    workspaces.set(id, { name, role, agents: new Map(agents), options });
    if (before?.role !== role) for (const panel of panels.values()) panel.showRole();
    if (before?.options !== options) renderOptions();
  },
  onended: (id) => {
    workspaces.delete(id);
    renderOptions();
  },
});
part("add").addEventListener("change", ({ target }) => target.value && add(target.value));
part("columns").value = /^[123]$/.test(query.get("columns")) ? query.get("columns") : "";
part("columns").addEventListener("change", render);
render();
loadMarkdown(() => panels.forEach((panel) => panel.redraw()));
