import "./lib/copy.js";
import { Board } from "./board/board.js";
import { arrange, plural } from "./lib/dom.js";
import { followWorkspaces } from "./lib/workspaces.js";
import { shortcuts } from "./lib/shortcuts.js";
import { renderTally } from "./board/tally.js";

const home = document.getElementById("home");
const part = (name) => home.querySelector(`[data-${name}]`);
const board = new Board(part("board"), { withWorkspace: true, title: document.title });
const cards = new Map([...part("strip").children].map((card) => [card.dataset.workspace, card]));
const counts = new Map(); // of agents, in the workspaces that have answered

function list(workspaces) {
  arrange(part("strip"), workspaces.map(cardOf));
  const where = workspaces.find(({ role }) => role !== "viewer");
  part("empty-viewer").hidden = Boolean(where);
  part("empty-operator").hidden = !where;
  for (const slug of home.querySelectorAll("[data-slug]")) slug.textContent = where?.slug;
  showEmpty();
}

function cardOf({ id, name, slug }) {
  if (!cards.has(id)) {
    const card = part("card").content.firstElementChild.cloneNode(true);
    card.querySelector("a").textContent = name; // its stream says so from then on
    cards.set(id, card);
  }
  cards.get(id).querySelector("a").href = `/w/${slug}/`;
  return cards.get(id);
}

function show(id, workspace) {
  const { name, agents } = workspace;
  const card = cards.get(id);
  card.querySelector("a").textContent = name;
  card.querySelector("[data-count]").textContent = agents.size ? plural(agents.size, "agent") : "No agents yet";
  renderTally(card.querySelector("[data-tally]"), [...agents.values()]);
  board.show(id, workspace);
  counts.set(id, agents.size);
  showEmpty();
}

function end(id) {
  cards.get(id)?.remove();
  cards.delete(id);
  counts.delete(id);
  board.remove(id);
  showEmpty();
}

/** Only once every workspace has answered is it known that there is nothing. */
function showEmpty() {
  part("none").hidden = cards.size > 0;
  for (const name of ["strip", "board"]) part(name).hidden = !cards.size;
  part("loading").hidden = counts.size > 0;
  part("empty").hidden = counts.size < cards.size || [...counts.values()].some(Boolean);
}

followWorkspaces([...cards.keys()], { onlist: list, onchange: show, onended: end });
shortcuts({ "/": ["Search the agents", () => part("filter-words").focus()] });
