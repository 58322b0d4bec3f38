import "./lib/copy.js";
import { Board } from "./board/board.js";
import { arrange, partsOf } from "./lib/dom.js";
import { plural } from "./lib/format.js";
import { inbox } from "./lib/inbox.js";
import { shortcuts } from "./lib/shortcuts.js";
import { isUrgent } from "./lib/status.js";
import { followWorkspaces } from "./lib/workspaces.js";

const home = document.getElementById("home");
const part = partsOf(home);
const board = new Board(part("board"), { withWorkspace: true });
const cards = new Map([...part("strip").children].map((card) => [card.dataset.workspace, card]));
const agentCounts = new Map(); // of the workspaces whose state has arrived

function list(workspaces) {
  arrange(part("strip"), workspaces.map(cardOf));
  const operated = workspaces.find(({ role }) => role !== "viewer");
  part("empty-viewer").hidden = Boolean(operated);
  part("empty-operator").hidden = !operated;
  for (const slug of home.querySelectorAll("[data-slug]")) slug.textContent = operated?.slug;
  showEmpty();
}

function cardOf({ id, name, slug }) {
  if (!cards.has(id)) {
    const card = part("card").content.firstElementChild.cloneNode(true);
    card.querySelector("a").textContent = name; // later its stream does that
    cards.set(id, card);
  }
  cards.get(id).querySelector("a").href = `/w/${slug}/`;
  return cards.get(id);
}

function show(id, workspace) {
  const { name, agents } = workspace;
  const card = cards.get(id);
  card.querySelector("a").textContent = name;
  card.querySelector("[data-count]").textContent = plural(agents.size, "agent");
  const urgent = [...agents.values()].filter((agent) => isUrgent({ ...agent, needs: inbox().needs(agent) })).length;
  const badge = card.querySelector("[data-urgent-count]");
  badge.textContent = urgent;
  badge.title = `${urgent} ${urgent === 1 ? "needs" : "need"} you`;
  badge.hidden = !urgent;
  board.show(id, workspace);
  agentCounts.set(id, agents.size);
  showEmpty();
}

function end(id) {
  cards.get(id)?.remove();
  cards.delete(id);
  agentCounts.delete(id);
  board.remove(id);
  showEmpty();
}

/** Only once every workspace's state has arrived is it known that there are no agents. */
function showEmpty() {
  part("none").hidden = cards.size > 0;
  for (const name of ["strip", "board"]) part(name).hidden = !cards.size;
  part("loading").hidden = agentCounts.size > 0;
  part("empty").hidden = agentCounts.size < cards.size || [...agentCounts.values()].some(Boolean);
}

for (const button of home.querySelectorAll("[data-new-workspace]")) {
  button.addEventListener("click", async () => {
    const { newWorkspace } = await import("./people/manage.js");
    newWorkspace();
  });
}

followWorkspaces([...cards.keys()], {
  onlist: list,
  onchange: show,
  onupdate: (update) => board.updated(update),
  onended: end,
});
shortcuts({ "/": ["Filter agents", () => part("filter-words").focus()] });
