import "./lib/copy.js";
import { arrange, element } from "./lib/dom.js";
import { followWorkspaces } from "./lib/workspaces.js";
import { Panel } from "./transcript/panel.js";
import { MOST_PINS, clean, isPinned, pins, togglePin } from "./lib/pins.js";
import { loadMarkdown } from "./transcript/rich.js";

const page = document.getElementById("pinned");
const part = (name) => page.querySelector(`[data-${name}]`);
const given = new URLSearchParams(location.search);
let ids = given.has("agents") ? clean(given.get("agents").split(",")) : pins();
const panels = new Map();
const workspaces = new Map();

function panelOf(id) {
  if (!panels.has(id)) panels.set(id, new Panel(id, { onremove: () => remove(id), onmove: (step) => move(id, step) }));
  return panels.get(id).element;
}

/** The address is the layout: whoever gets it sees the same. */
function render() {
  const columns = part("columns").value;
  const address = new URL(location);
  address.search = `agents=${ids.join(",")}${columns ? `&columns=${columns}` : ""}`;
  history.replaceState(null, "", address);
  for (const [id, panel] of panels) if (!ids.includes(id)) leave(id, panel);
  arrange(part("grid"), ids.map(panelOf));
  part("grid").dataset.columns = columns || Math.ceil(Math.sqrt(ids.length || 1));
  part("grid").hidden = !ids.length;
  part("empty").hidden = ids.length > 0;
  renderChoice();
}

function leave(id, panel) {
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

/** What may still be added: every agent the person sees, by workspace. */
function renderChoice() {
  const choice = part("add");
  choice.disabled = ids.length >= MOST_PINS;
  const first = element("option", { value: "" }, choice.disabled ? `${MOST_PINS} are the most` : "Add an agent…");
  choice.replaceChildren(first, ...[...workspaces.values()].map(group).filter((one) => one.children.length));
}

function group({ name, agents }) {
  const free = [...agents.values()].filter(({ id }) => !ids.includes(id)).sort((one, other) => one.name.localeCompare(other.name));
  return element("optgroup", { label: name }, ...free.map(({ id, name }) => element("option", { value: id }, name)));
}

followWorkspaces(page.dataset.workspaces.split(" ").filter(Boolean), {
  onchange: (id, { name, agents }) => {
    const present = JSON.stringify([name, [...agents.values()].map(({ id, name }) => [id, name])]);
    if (workspaces.get(id)?.present === present) return;
    workspaces.set(id, { name, agents: new Map(agents), present });
    renderChoice();
  },
  onended: (id) => {
    workspaces.delete(id);
    renderChoice();
  },
});
part("add").addEventListener("change", ({ target }) => target.value && add(target.value));
part("columns").value = /^[123]$/.test(given.get("columns")) ? given.get("columns") : "";
part("columns").addEventListener("change", render);
render();
loadMarkdown(() => panels.forEach((panel) => panel.redraw()));
